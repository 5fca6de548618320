"""The gradient of a dream: an objective's, and what the settings wrap around it, from the inside out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from reverie.gradient.base import color_correlated, color_kept, gradient_of, jittered, smoothed
from reverie.gradient.keeping import kept
from reverie.gradient.masks import Weights, confine, regional, soft, within
from reverie.gradient.normalization import SCALES, Measure, laplacian_normalized, normalized, rms
from reverie.gradient.sphere import Sheet, Turn, spherical
from reverie.gradient.tiling import affordable_halo, tiled
from reverie.image.resample import Resize, clamp_after, resize, resize_around
from reverie.objectives.base import Objective
from reverie.objectives.masks import Regions, check_shape
from reverie.objectives.parser import objective as objective_in_words
from reverie.objectives.penalties import weight_of_keep
from reverie.settings import Settings
from reverie.types import CHANGE, Gradient, Image, Model, Score

Dream: TypeAlias = Objective | Regions | str
"""What can be dreamed of: an objective, one for each region (`masked`), or an objective in words."""


Finish: TypeAlias = Callable[[Image, Image], Image]
"""finish(dreamed, photo) -> image, all of one size."""

By: TypeAlias = Callable[[Measure], Measure]
"""Puts another measure in the place of one."""


def understood(objective: Dream) -> Objective | Regions:
    """The wish, read if it is in words."""
    return objective_in_words(objective) if isinstance(objective, str) else objective


def dream_gradient(
    model: Model, objective: Dream, settings: Settings, tile: int | None = None, photo: Image | None = None
) -> Gradient:
    """The gradient that the settings describe, wrapped from the inside out; computed in windows of `tile` pixels.

    `photo` is what `keep` keeps near to; only such a wish needs it.
    """
    wish = understood(objective).resolved(model)
    generator = torch.Generator().manual_seed(settings.seed)
    if isinstance(wish, Objective):
        gradient = unmeasured(windowed(model, wish, tile), settings, generator)
        gradient = around(normalized(gradient, settings.normalization), settings, generator)
        return kept(gradient, photo, weight_of_keep(wish), base_resize_of(settings))
    weights = weights_of(Regions(tuple((own, mask.to(model.device)) for own, mask in wish.regions)), settings)
    gradients = []
    for (own, mask), weight in zip(wish.regions, weights, strict=True):
        gradient = around(unmeasured(windowed(model, own, tile), settings, generator), settings, generator)
        gradient = normalized(gradient, settings.normalization, within(weight, SCALES[settings.normalization]))
        gradients.append(kept(gradient, photo, weight_of_keep(own), base_resize_of(settings)))
        if photo is not None:
            check_shape((mask.shape[-2], mask.shape[-1]), (photo.shape[-2], photo.shape[-1]))
    return regional(gradients, weights)


def windowed(model: Model, wish: Objective, tile: int | None) -> Gradient:
    """The gradient of a wish without `keep`, which `kept` adds where jitter and normalization are done."""
    wish = wish.without(CHANGE)
    if not wish.terms:
        return nothing
    return gradient_of(model, wish) if tile is None else tiled(model, wish, tile, affordable_halo(tile))


def unmeasured(gradient: Gradient, settings: Settings, generator: torch.Generator) -> Gradient:
    """All that is wrapped around a gradient before it is normalized."""
    return toned(jittered(gradient, settings.jitter, generator), settings)


def toned(gradient: Gradient, settings: Settings, measure: Measure = rms) -> Gradient:
    """The gradient's colors and frequencies as the settings want them; `measure` says how strong a band is."""
    gradient = color_kept(gradient) if settings.keep_color else color_correlated(gradient, settings.color_correlation)
    gradient = laplacian_normalized(gradient, settings.laplacian_levels, settings.laplacian_strength, measure)
    return smoothed(gradient, settings.smoothing)


def styled(gradient: Gradient, settings: Settings, bands: By, whole: By) -> Gradient:
    """The gradient's colors, frequencies and strength as the settings want them.

    `bands` and `whole` put another measure in the place of each that a picture is its own measure for.
    """
    scale = whole(SCALES[settings.normalization])
    return normalized(toned(gradient, settings, bands(rms)), settings.normalization, scale)


def around(gradient: Gradient, settings: Settings, generator: torch.Generator) -> Gradient:
    """The gradient on the sphere, if the picture is one."""
    return spherical(gradient, lambda width: Turn.drawn(width, generator)) if settings.around else gradient


def resize_of(settings: Settings) -> Resize:
    """How what is dreamed is brought to another size. It may lie on either side of 0, and overshoots freely."""
    return resize_around if settings.around else resize


def base_resize_of(settings: Settings) -> Resize:
    """How the photograph is brought to the size of an octave.

    It stays within black and white, as the canvas does: else the canvas would differ from it before anything is
    dreamed, and the difference be carried on as detail.
    """
    return resize_of(settings) if settings.overshoot else clamp_after(resize_of(settings))


def weights_of(objective: Dream, settings: Settings) -> list[Weights]:
    """What each of the regions weighs at any size, softened as the settings say; none where there are no regions."""
    regions = objective.regions if isinstance(objective, Regions) else ()
    return [soft(mask, settings.feather, settings.around) for _, mask in regions]


TAIL = 1e-3
"""A weight that counts as none around a sphere: there a blur is made of waves, and is nowhere exactly 0.

It is what a Gaussian has left of an edge beyond three sigmas, where the flat blur ends.
"""


def finish_of(weights: Sequence[Weights], settings: Settings) -> Finish:
    """What is done to a finished dream beside its photograph, so that nothing changes but what was to be dreamed.

    `weights`: of the regions, none where the whole picture is dreamed.
    """
    if settings.overshoot:
        return leave

    def finish(dreamed: Image, photo: Image) -> Image:
        dreamed = keep_hues(dreamed, photo) if settings.keep_color else dreamed
        shares = [weight((photo.shape[-2], photo.shape[-1])) for weight in weights]
        return confine(dreamed, photo, shares, TAIL if settings.around else 0) if shares else dreamed

    return finish


def leave(dreamed: Image, photo: Image) -> Image:
    """The dream as it is."""
    return dreamed


def keep_hues(dreamed: Image, photo: Image) -> Image:
    """Where no channel is black or white, the change that the channels agree on: the median of the three.

    A channel clipped at an earlier step, or at a smaller octave, would differ for good.
    """
    change = dreamed - photo
    low, high = torch.minimum(change[:, 0], change[:, 1]), torch.maximum(change[:, 0], change[:, 1])
    median = torch.maximum(low, torch.minimum(high, change[:, 2]))[:, None]
    unclipped = ((dreamed > 0) & (dreamed < 1)).all(1, keepdim=True)
    return torch.where(unclipped, (photo + median).clamp(0, 1), dreamed)


def nothing(image: Image) -> tuple[Score, Image]:
    """The gradient of no wish at all."""
    return image.new_zeros(len(image)), torch.zeros_like(image)


def seen_size(size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """The size (height, width) of what the network sees at once of a picture of that size."""
    return Sheet(*size).size if settings.around else size
