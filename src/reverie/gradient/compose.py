"""The gradient of a dream: an objective's gradient, wrapped as the settings say.

From the inside out: network (in tiles), jitter, color, Laplacian bands, smoothing, sphere, scale, `keep`, masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch

from reverie.gradient.base import color_correlated, color_kept, gradient_of, jittered, smoothed
from reverie.gradient.keeping import kept
from reverie.gradient.masks import RegionWeights, confine_to_regions, regional, restrict_measure, soft
from reverie.gradient.normalization import SCALE_MEASURES, Measure, laplacian_normalized, normalized, root_mean_square
from reverie.gradient.references import accompanied, list_references
from reverie.gradient.sphere import ChartPose, Charts, wrap_in_charts
from reverie.gradient.tiling import affordable_halo, build_tiled_gradient
from reverie.image.resample import Resize, clamp_after_resize, image_size, resize, resize_sphere
from reverie.objectives.base import Objective
from reverie.objectives.masks import Regions, warn_if_stretched
from reverie.objectives.penalties import sum_keep_weights
from reverie.objectives.wishes import parse_wish
from reverie.settings import Settings
from reverie.types import CHANGE_LAYER, Gradient, Image, Model, ResizedImage, Score

ObjectiveLike: TypeAlias = Objective | Regions | str | Callable[..., Any]
"""What can be dreamed of: an objective, its words, one for each region (`masked`), or a function of activations."""

Finish: TypeAlias = Callable[[Image, ResizedImage], Image]
"""finish(dreamed, photo) -> image of the size of `dreamed`, all (1 or b, 3, h, w)."""

MeasureOverride: TypeAlias = Callable[[Measure], Measure]
"""override(measure) -> the measure to use in its place: for a tile, one that knows the whole image's strength."""


def parse_objective(objective: ObjectiveLike) -> Objective | Regions:
    """The objective, parsed if it is in words; raises `WordingError` for words that cannot be."""
    parsed: Objective | Regions = parse_wish(objective)
    return parsed


def dream_gradient(
    model: Model, objective: ObjectiveLike, settings: Settings, tile: int | None = None, photo: Image | None = None
) -> Gradient:
    """The gradient of an objective with everything that the settings wrap around it.

    `tile`: the side of the windows in which the network is run, in pixels; None runs it on the whole image.
    `photo` (1 or b, 3, h, w), of any size: the photograph that the term `keep` compares the image with; only an
    objective with that term needs it, but masks of another shape than the photo are reported to the log.
    Raises `UnknownName` for a layer or class that the model does not have, `WordingError` for words that cannot be
    parsed, `SettingsError` for a `keep` without a photo. The gradient raises what `gradient_of`'s does.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.dream_gradient(rv.load_model(), "fire2^2 - 0.1*tv", rv.Settings(jitter=8))
    >>> score, grad = gradient(torch.rand(1, 3, 48, 48))
    >>> round(float(grad.std()), 3)
    1.0
    """
    resolved = parse_objective(objective).resolved(model)
    generator = torch.Generator().manual_seed(settings.seed)
    if isinstance(resolved, Objective):
        gradient = wrap_before_normalization(build_model_gradient(model, resolved, tile), settings, generator)
        gradient = wrap_sphere(normalized(gradient, settings.normalization), settings, generator)
        gradient = accompanied(gradient, list_references(resolved.references))
        return kept(gradient, photo, sum_keep_weights(resolved), choose_base_resize(settings))
    weights = make_region_weights(
        Regions(tuple((own, mask.to(model.device)) for own, mask in resolved.regions)), settings
    )
    gradients = []
    for (own, mask), weight in zip(resolved.regions, weights, strict=True):
        # Scaled outside of the sphere, unlike above: a mask lies on the panorama, not on its charts.
        gradient = wrap_sphere(
            wrap_before_normalization(build_model_gradient(model, own, tile), settings, generator), settings, generator
        )
        gradient = normalized(
            gradient, settings.normalization, restrict_measure(weight, SCALE_MEASURES[settings.normalization])
        )
        gradient = accompanied(gradient, list_references(own.references))
        gradients.append(kept(gradient, photo, sum_keep_weights(own), choose_base_resize(settings)))
        if photo is not None:
            warn_if_stretched((mask.shape[-2], mask.shape[-1]), (photo.shape[-2], photo.shape[-1]))
    return regional(gradients, weights)


def build_model_gradient(model: Model, objective: Objective, tile: int | None) -> Gradient:
    """The gradient of the terms that need the network, in tiles or in one piece.

    The term `keep` is left out: `kept` adds it after jitter and normalization. The pictures that the objective compares
    the image with are expected at the end of the batch, where `accompanied` puts them.
    """
    objective = objective.without(CHANGE_LAYER)
    if not objective.terms:
        return zero_gradient
    return (
        gradient_of(model, objective, accompanied=True)
        if tile is None
        else build_tiled_gradient(model, objective, tile, affordable_halo(tile), accompanied=True)
    )


def wrap_before_normalization(gradient: Gradient, settings: Settings, generator: torch.Generator) -> Gradient:
    """Wraps jitter, color, Laplacian normalization and smoothing around a gradient: all that precedes its scale."""
    return wrap_color_and_bands(jittered(gradient, settings.jitter, generator), settings)


def wrap_color_and_bands(gradient: Gradient, settings: Settings, measure: Measure = root_mean_square) -> Gradient:
    """Wraps color, Laplacian normalization and smoothing around a gradient; `measure` says how strong a band is."""
    gradient = color_kept(gradient) if settings.keep_color else color_correlated(gradient, settings.color_correlation)
    gradient = laplacian_normalized(gradient, settings.laplacian_levels, settings.laplacian_strength, measure)
    return smoothed(gradient, settings.smoothing)


def wrap_style(gradient: Gradient, settings: Settings, bands: MeasureOverride, whole: MeasureOverride) -> Gradient:
    """Wraps color, Laplacian normalization, smoothing and the scale around a gradient.

    `bands` and `whole` override how band strength and overall scale are measured: a tile of a picture on disk must be
    divided by the numbers of the whole picture, not by its own.
    """
    scale = whole(SCALE_MEASURES[settings.normalization])
    return normalized(wrap_color_and_bands(gradient, settings, bands(root_mean_square)), settings.normalization, scale)


def wrap_sphere(gradient: Gradient, settings: Settings, generator: torch.Generator) -> Gradient:
    """Wraps the projection of a panorama around a gradient, if the settings say that the image is one."""
    return wrap_in_charts(gradient, partial(ChartPose.draw, generator=generator)) if settings.around else gradient


def choose_resize(settings: Settings) -> Resize:
    """The function that resizes the detail. Detail may be negative, so that its overshoot needs no clamping."""
    return resize_sphere if settings.around else resize


def choose_base_resize(settings: Settings) -> Resize:
    """The function that resizes the photograph to an octave's size, clamped to 0..1.

    Bicubic resampling overshoots at edges, and the canvas is clamped: an unclamped base would differ from the canvas
    before the first step, and the difference would be carried to the next octave as detail.
    """
    return choose_resize(settings) if settings.overshoot else clamp_after_resize(choose_resize(settings))


def make_region_weights(objective: ObjectiveLike, settings: Settings) -> list[RegionWeights]:
    """The mask of each region as a function of the image's size, with the settings' feather; empty without regions."""
    regions = objective.regions if isinstance(objective, Regions) else ()
    return [soft(mask, settings.feather, settings.around) for _, mask in regions]


NEGLIGIBLE_WEIGHT = 1e-3
"""The mask value up to which a pixel of a panorama counts as outside of a region.

The blur of a panorama multiplies Fourier coefficients, and is nowhere exactly 0. This is what a Gaussian leaves of an
edge three sigmas away, where the blur of a flat image is cut off.
"""


def make_finish(weights: Sequence[RegionWeights], settings: Settings) -> Finish:
    """The function applied to a finished dream, which undoes changes that nobody asked for.

    It restores the photograph outside of the masks, and its colors under `keep_color`; the photo is brought to the
    dream's size where that is another (`Settings.handover`). `weights`: the masks of the regions; empty where the whole
    image is dreamed. With `overshoot` nothing is undone, as in 0.1.0.
    """
    if settings.overshoot:
        return leave_unchanged

    def finish(dreamed: Image, photo: ResizedImage) -> Image:
        photo = choose_base_resize(settings)(photo, image_size(dreamed))
        dreamed = keep_hues(dreamed, photo) if settings.keep_color else dreamed
        shares = [weight((photo.shape[-2], photo.shape[-1])) for weight in weights]
        return (
            confine_to_regions(dreamed, photo, shares, NEGLIGIBLE_WEIGHT if settings.around else 0)
            if shares
            else dreamed
        )

    return finish


def leave_unchanged(dreamed: Image, photo: ResizedImage) -> Image:
    """The dream, unchanged."""
    return dreamed


def keep_hues(dreamed: Image, photo: Image) -> Image:
    """The dream with one change of brightness for all channels of a pixel: the median of the three changes.

    `color_kept` changes all channels alike, but one that was clipped at 0 or 1, in an earlier step or a smaller octave,
    stays behind the others for good. Pixels with a channel at 0 or 1 now are left: there the change does not fit.
    """
    change = dreamed - photo  # (b, 3, h, w)
    low, high = torch.minimum(change[:, 0], change[:, 1]), torch.maximum(change[:, 0], change[:, 1])
    # The median of three: the third, brought between the lesser and the greater of the other two.
    median = torch.maximum(low, torch.minimum(high, change[:, 2]))[:, None]
    unclipped = ((dreamed > 0) & (dreamed < 1)).all(1, keepdim=True)
    return torch.where(unclipped, (photo + median).clamp(0, 1), dreamed)


def zero_gradient(image: Image) -> tuple[Score, Image]:
    """The gradient of an objective without terms: score (b,) and grad (b, 3, h, w) are zero."""
    return image.new_zeros(len(image)), torch.zeros_like(image)


def model_input_size(size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """The size (height, width) of the network's input for an image of `size`: a panorama's charts are larger."""
    return Charts(*size).size if settings.around else size
