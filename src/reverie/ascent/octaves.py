"""The dream: gradient ascent on a photograph, from its smallest octave to its own size.

What is dreamed at one octave is kept as a *detail* beside the photograph (the *base*), enlarged, and added to the next,
finer photograph, so that the photograph never loses its own sharpness.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import torch

from reverie.ascent.steps import ascend
from reverie.errors import ImageTooSmall, SizeRefused
from reverie.gradient.compose import (
    base_resize_of,
    resize_of,
)
from reverie.image.panorama import check_sphere
from reverie.image.resample import image_size
from reverie.settings import Settings
from reverie.types import Gradient, Image, Resized, Step

log = logging.getLogger("reverie")


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


SMALLEST_SIDE = 150
"""About how small the first octave is, unless the octaves are counted: the bundled network sees a whole dog here."""


def octave_sizes(size: tuple[int, int], octaves: int | None, scale: float, larger: int = 0) -> list[tuple[int, int]]:
    """The sizes (height, width) of the octaves, smallest first, each about `scale` times the one before.

    The last but `larger` is `size` itself. `octaves` None: so many that the smallest side is about 150 pixels.
    """
    if octaves is None:
        octaves = 1 + larger + max(0, round(math.log(min(size) / SMALLEST_SIDE, scale)))
    factors = [scale ** (number + larger + 1 - octaves) for number in range(octaves)]
    sizes = [(max(1, round(size[0] * factor)), max(1, round(size[1] * factor))) for factor in factors]
    return list(dict.fromkeys(sizes))  # tiny octaves of a ratio near 1 may round to the same size
