"""The dream: gradient ascent on a photograph, from its smallest octave to its own size.

What is dreamed at one octave is kept as a *detail* beside the photograph (the *base*), enlarged, and added to the next,
finer photograph, so that the photograph never loses its own sharpness.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from reverie.ascent import ascend
from reverie.errors import ImageTooSmall
from reverie.gradient import (
    SCALES,
    Measure,
    color_correlated,
    gradient_of,
    jittered,
    laplacian_normalized,
    normalized,
    rms,
    smoothed,
)
from reverie.objectives import Objective
from reverie.pyramid import octave_sizes
from reverie.resample import resize
from reverie.settings import Settings
from reverie.types import Gradient, Image, Model, Step
from reverie.wording import objective as objective_in_words

log = logging.getLogger("reverie")


def dream(image: Image, model: Model, objective: Objective | str, settings: Settings | None = None) -> Image:
    """The image (b, 3, h, w), 0..1, dreamed: at its own size, or with `settings.size` as its longest side."""
    settings = settings or Settings()
    image = sized(image.to(model.device), settings.size)
    return finished(dream_steps(image, dream_gradient(model, objective, settings), settings), image)


def dream_steps(image: Image, gradient: Gradient, settings: Settings | None = None) -> Iterator[Step]:
    """Every step of the dream, as it is made; to stop is not to ask for the next.

    An octave too small for the network is skipped, with a word to the log; if all are, `ImageTooSmall` is raised.
    """
    settings = settings or Settings()
    sizes = octave_sizes(image_size(image), settings.octaves, settings.octave_scale, settings.larger_octaves)
    detail = torch.zeros_like(image[..., :1, :1])
    for octave, size in enumerate(sizes):
        base = resize(image, size)
        canvas = (base + resize(detail, size)).clamp(0, 1)
        try:
            for step in ascend(canvas, gradient, settings.steps, settings.step_size):
                canvas = step.image
                yield replace(step, octave=octave, octaves=len(sizes))
                if settings.max_score is not None and bool((step.score > settings.max_score).all()):
                    break
        except ImageTooSmall as error:
            if octave == len(sizes) - 1:
                raise
            log.warning("octave %d of %d skipped: %s", octave + 1, len(sizes), error)
        detail = canvas - base


def dream_gradient(model: Model, objective: Objective | str, settings: Settings) -> Gradient:
    """The gradient that the settings describe, wrapped from the inside out."""
    wish = objective_in_words(objective) if isinstance(objective, str) else objective
    generator = torch.Generator().manual_seed(settings.seed)
    return styled(jittered(gradient_of(model, wish), settings.jitter, generator), settings)


def styled(gradient: Gradient, settings: Settings, by: Callable[[Measure], Measure] | None = None) -> Gradient:
    """The gradient's colors, frequencies and strength as the settings want them.

    `by` puts another measure in the place of each that a picture is its own measure for.
    """
    by = by or (lambda own: own)
    gradient = color_correlated(gradient, settings.color_correlation)
    gradient = laplacian_normalized(gradient, settings.laplacian_levels, settings.laplacian_strength, by(rms))
    scale = by(SCALES[settings.normalization])
    return normalized(smoothed(gradient, settings.smoothing), settings.normalization, scale)


def finished(steps: Iterator[Step], image: Image) -> Image:
    """The picture after the last of the steps."""
    last = deque(steps, maxlen=1)
    return whole(last[0], image) if last else image


def whole(step: Step, image: Image) -> Image:
    """The picture at its full size after any step: the photograph plus what was dreamed so far."""
    size = image_size(image)
    if image_size(step.image) == size:
        return step.image
    if step.image.shape[-2] > size[0]:  # an octave larger than the picture is brought back
        return resize(step.image, size).clamp(0, 1)
    return (image + resize(step.image - resize(image, image_size(step.image)), size)).clamp(0, 1)


def sized(image: Image, longest: int | None) -> Image:
    """The image with a longest side of so many pixels."""
    height, width = image_size(image)
    scale = 1 if longest is None else longest / max(height, width)
    return resize(image, (max(1, round(height * scale)), max(1, round(width * scale)))).clamp(0, 1)


def image_size(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]
