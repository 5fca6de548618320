"""The dream: gradient ascent on a photograph, from its smallest octave to its own size.

What is dreamed at one octave is kept as a *detail* beside the photograph (the *base*), enlarged, and added to the next,
finer photograph, so that the photograph never loses its own sharpness.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import torch

from reverie.ascent import ascend
from reverie.composition import (
    Dream,
    base_resize_of,
    dream_gradient,
    finish_of,
    resize_of,
    seen_size,
    settings_for,
    understood,
    weights_of,
)
from reverie.errors import ImageTooSmall, SizeRefused
from reverie.memory import parse_memory, tile_for
from reverie.pyramid import octave_sizes
from reverie.resample import Resize, resize
from reverie.settings import Settings
from reverie.sphere import check_sphere
from reverie.types import Gradient, Image, Model, Resized, Step

log = logging.getLogger("reverie")


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
    image = sized(image.to(model.device), settings.size, resize_of(settings))
    tile = tile_for(model, wish.objective, parse_memory(memory), seen_size(image_size(image), settings))
    gradient = dream_gradient(model, wish, settings, tile, image)
    dreamed = finished(dream_steps(image, gradient, settings), image, settings)
    return finish_of(weights_of(wish, settings), settings)(dreamed, image)


def dream_steps(
    image: Image, gradient: Gradient, settings: Settings | None = None, detail: Resized | None = None
) -> Iterator[Step]:
    """Every step of the dream, as it is made; to stop is not to ask for the next.

    `detail` (b, 3, h, w), of any size: what was dreamed before, added to the photograph at the first octave.

    An octave too small for the network, or of a size that it does not take, is skipped with a word to the log;
    if all are, `ImageTooSmall` or `SizeRefused` is raised.
    `SettingsError` is raised for a panorama that is not twice as wide as high, unless it is forced.
    """
    settings = settings or Settings()
    if settings.panorama == "on":
        check_sphere(*image_size(image))
    resize, resize_base = resize_of(settings), base_resize_of(settings)
    sizes = octave_sizes(image_size(image), settings.octaves, settings.octave_scale, settings.larger_octaves)
    detail = torch.zeros_like(image[..., :1, :1]) if detail is None else detail
    skipped: list[str] = []  # told once an octave works; where none does, the error says it all
    for octave, size in enumerate(sizes):
        base = resize_base(image, size)
        canvas = (base + resize(detail, size)).clamp(0, 1)
        try:
            for step in ascend(canvas, gradient, settings.steps, settings.step_size):
                canvas = step.image
                tell(skipped)
                yield replace(step, octave=octave, octaves=len(sizes))
                if settings.max_score is not None and bool((step.score > settings.max_score).all()):
                    break
        except (ImageTooSmall, SizeRefused) as error:
            if octave == len(sizes) - 1:
                raise
            skipped.append(f"octave {octave + 1} of {len(sizes)} skipped: {error}")
        detail = canvas - base


def tell(words: list[str]) -> None:
    """Each of the words once, to the log."""
    while words:
        log.warning(words.pop(0))


def finished(steps: Iterator[Step], image: Image, settings: Settings | None = None) -> Image:
    """The picture after the last of the steps."""
    last = deque(steps, maxlen=1)
    return whole(last[0], image, settings) if last else image


def whole(step: Step, image: Image, settings: Settings | None = None) -> Image:
    """The picture at its full size after any step: the photograph plus what was dreamed so far.

    The same for an octave larger than the picture: the detail is brought back, and the photograph keeps its sharpness.
    """
    settings, size = settings or Settings(), image_size(image)
    if image_size(step.image) == size:
        return step.image
    resize = resize_of(settings)
    if settings.overshoot and step.image.shape[-2] > size[0]:  # Reverie 0.1 brought back the picture itself
        return resize(step.image, size).clamp(0, 1)
    detail = step.image - base_resize_of(settings)(image, image_size(step.image))
    return (image + resize(detail, size)).clamp(0, 1)


def sized(image: Image, longest: int | None, resize: Resize = resize) -> Resized:
    """The image with a longest side of so many pixels."""
    return resize(image, size_with(image_size(image), longest)).clamp(0, 1)


def size_with(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """The size (height, width) of a picture whose longest side is made so many pixels; None: its own."""
    scale = 1 if longest is None else longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def image_size(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]
