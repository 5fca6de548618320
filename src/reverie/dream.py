"""The dream: gradient ascent on a photograph, from its smallest octave to its own size.

What is dreamed at one octave is kept as a *detail* beside the photograph (the *base*), enlarged, and added to the next,
finer photograph, so that the photograph never loses its own sharpness.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import torch

from reverie.ascent import ascend
from reverie.classes import ClassTerm
from reverie.errors import ImageTooSmall
from reverie.gradient import (
    SCALES,
    Measure,
    color_correlated,
    color_kept,
    gradient_of,
    jittered,
    laplacian_normalized,
    normalized,
    rms,
    smoothed,
)
from reverie.guides import GuideTerm
from reverie.memory import parse_memory, tile_for
from reverie.nearness import kept, weight_of_keep
from reverie.objectives import Objective
from reverie.presets import preset_of
from reverie.pyramid import octave_sizes
from reverie.regions import Regions, check_shape, measured, regional
from reverie.resample import Resize, resize, resize_around
from reverie.settings import Settings
from reverie.sphere import Sheet, Turn, check_sphere, spherical
from reverie.tiling import affordable_halo, tiled
from reverie.types import CHANGE, Gradient, Image, Model, Resized, Score, Step
from reverie.wording import objective as objective_in_words

log = logging.getLogger("reverie")


Dream: TypeAlias = Objective | Regions | str
"""What can be dreamed of: an objective, one for each region (`masked`), or an objective in words."""


def dream(
    image: Image,
    model: Model,
    objective: Dream,
    settings: Settings | None = None,
    memory: str = "auto",
) -> Resized:
    """The image (b, 3, h, w), 0..1, dreamed: at its own size, or with `settings.size` as its longest side.

    Settings that are not given are those that suit the wish: of classes the preset of that name, else the defaults.
    `memory`: what the dream may take, such as "2GB"; "auto" is half of what is free. A picture that needs more is
    computed in tiles. Raises `SettingsError` where not even the smallest tile fits.
    """
    settings = settings or settings_for(objective)
    wish = understood(objective).resolved(model)
    resize = resize_of(settings)
    image = sized(image.to(model.device), settings.size, resize)
    tile = tile_for(model, wish.objective, parse_memory(memory), seen_size(image_size(image), settings))
    gradient = dream_gradient(model, wish, settings, tile, image)
    return finished(dream_steps(image, gradient, settings), image, resize)


def understood(objective: Dream) -> Objective | Regions:
    """The wish, read if it is in words."""
    return objective_in_words(objective) if isinstance(objective, str) else objective


def dream_steps(image: Image, gradient: Gradient, settings: Settings | None = None) -> Iterator[Step]:
    """Every step of the dream, as it is made; to stop is not to ask for the next.

    An octave too small for the network is skipped, with a word to the log; if all are, `ImageTooSmall` is raised.
    `SettingsError` is raised for a panorama that is not twice as wide as high, unless it is forced.
    """
    settings = settings or Settings()
    if settings.panorama == "on":
        check_sphere(*image_size(image))
    resize = resize_of(settings)
    sizes = octave_sizes(image_size(image), settings.octaves, settings.octave_scale, settings.larger_octaves)
    detail = torch.zeros_like(image[..., :1, :1])
    skipped: list[str] = []  # told once an octave works; where none does, the error says it all
    for octave, size in enumerate(sizes):
        base = resize(image, size)
        canvas = (base + resize(detail, size)).clamp(0, 1)
        try:
            for step in ascend(canvas, gradient, settings.steps, settings.step_size):
                canvas = step.image
                tell(skipped)
                yield replace(step, octave=octave, octaves=len(sizes))
                if settings.max_score is not None and bool((step.score > settings.max_score).all()):
                    break
        except ImageTooSmall as error:
            if octave == len(sizes) - 1:
                raise
            skipped.append(f"octave {octave + 1} of {len(sizes)} skipped: {error}")
        detail = canvas - base


def tell(words: list[str]) -> None:
    """Each of the words once, to the log."""
    while words:
        log.warning(words.pop(0))


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
        return kept(gradient, photo, weight_of_keep(wish))
    gradients = []
    for own, mask in wish.regions:
        gradient = around(unmeasured(windowed(model, own, tile), settings, generator), settings, generator)
        gradient = measured(gradient, mask, settings.normalization, settings.feather)
        gradients.append(kept(gradient, photo, weight_of_keep(own)))
        if photo is not None:
            check_shape(mask, image_size(photo))
    return regional(gradients, [mask for _, mask in wish.regions], settings.feather)


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


def styled(gradient: Gradient, settings: Settings, by: Callable[[Measure], Measure]) -> Gradient:
    """The gradient's colors, frequencies and strength as the settings want them.

    `by` puts another measure in the place of each that a picture is its own measure for.
    """
    scale = by(SCALES[settings.normalization])
    return normalized(toned(gradient, settings, by(rms)), settings.normalization, scale)


def around(gradient: Gradient, settings: Settings, generator: torch.Generator) -> Gradient:
    """The gradient on the sphere, if the picture is one."""
    return spherical(gradient, lambda width: Turn.drawn(width, generator)) if settings.around else gradient


def nothing(image: Image) -> tuple[Score, Image]:
    """The gradient of no wish at all."""
    return image.new_zeros(len(image)), torch.zeros_like(image)


def settings_for(objective: Dream) -> Settings:
    """How to dream of something unless told: the preset that suits it."""
    return Settings.of(preset_of(preset_for(objective)).settings)


def preset_for(objective: Dream) -> str:
    """The name of the preset that suits a wish: things need more and smoother steps than textures."""
    terms = understood(objective).objective.terms
    things = any(weight > 0 and isinstance(term, (ClassTerm, GuideTerm)) for weight, term in terms)
    return "class" if things else "default"


def seen_size(size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """The size (height, width) of what the network sees at once of a picture of that size."""
    return Sheet(*size).size if settings.around else size


def resize_of(settings: Settings) -> Resize:
    """How the settings' picture is brought to another size."""
    return resize_around if settings.around else resize


def finished(steps: Iterator[Step], image: Image, resize: Resize = resize) -> Image:
    """The picture after the last of the steps."""
    last = deque(steps, maxlen=1)
    return whole(last[0], image, resize) if last else image


def whole(step: Step, image: Image, resize: Resize = resize) -> Image:
    """The picture at its full size after any step: the photograph plus what was dreamed so far."""
    size = image_size(image)
    if image_size(step.image) == size:
        return step.image
    if step.image.shape[-2] > size[0]:  # an octave larger than the picture is brought back
        return resize(step.image, size).clamp(0, 1)
    return (image + resize(step.image - resize(image, image_size(step.image)), size)).clamp(0, 1)


def sized(image: Image, longest: int | None, resize: Resize = resize) -> Resized:
    """The image with a longest side of so many pixels."""
    return resize(image, size_with(image_size(image), longest)).clamp(0, 1)


def size_with(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """The size (height, width) of a picture whose longest side is made so many pixels; None: its own."""
    scale = 1 if longest is None else longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def image_size(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]
