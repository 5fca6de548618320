"""DeepDream on a photograph: gradient ascent at every octave, from the smallest to the photograph's own size.

What Google's 2015 notebook does in `deepdream`:

    for every size, smallest first:
        base   = the photograph at this size
        canvas = base + detail of the octave before, enlarged
        canvas = gradient ascent on the canvas
        detail = canvas - base

The dream is kept as a *detail* beside the photograph (the *base*). Only the detail is ever enlarged, so that every
octave begins from the photograph with its own sharpness. With `Settings.handover` "picture" the dreamed picture goes on
instead, as in the paper (see `handover`).
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from reverie.ascent.handover import make_handover
from reverie.ascent.steps import ascend
from reverie.errors import ImageTooSmall, SizeRefused
from reverie.gradient.compose import choose_base_resize, choose_resize
from reverie.image.panorama import check_sphere_size
from reverie.image.resample import image_size
from reverie.settings import Octaves, Settings
from reverie.types import Gradient, Image, ResizedImage, Step

log = logging.getLogger("reverie")


def dream_steps(
    image: Image, gradient: Gradient, settings: Settings | None = None, detail: ResizedImage | None = None
) -> Iterator[Step]:
    """Dreams a photograph octave by octave and yields every step; to stop, do not ask for the next one.

    Args:
        image: the photograph (b, 3, h, w), sRGB, 0..1.
        gradient: image -> (score, grad) for any size, e.g. from `dream_gradient`.
        settings: of these, the octaves, their steps, the step size, `handover`, `max_score` and the panorama are read;
            all else is already wrapped around the gradient.
        detail: what was dreamed before, (b, 3, h', w') of any size, added to the photograph at the first octave.

    Yields:
        steps whose image (b, 3, h, w) has the size of its octave.

    An octave that is too small for the network, or of a size that it does not take, is skipped with a warning to the
    log. Raises `ImageTooSmall` or `SizeRefused` if all are, `SettingsError` for a panorama that is not twice as wide as
    high (unless it is forced), and what `ascend` raises.

    After "Inceptionism" (Mordvintsev, Olah and Tyka, 2015) and its notebook, google/deepdream.

    >>> import reverie as rv
    >>> model, image = rv.load_model(), rv.open_image("examples/astronaut.jpg")
    >>> settings = rv.Settings(octaves=2, steps=3)
    >>> gradient = rv.dream_gradient(model, "fire2^2", settings)
    >>> [(step.octave, step.number) for step in rv.dream_steps(image, gradient, settings)]
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    """
    settings = settings or Settings()
    if settings.panorama == "on":
        check_sphere_size(*image_size(image))
    sizes, handover = plan_octaves(image_size(image), settings), make_handover(image, settings, detail)
    skipped: list[str] = []  # logged once an octave works; where none does, the error says it all
    for octave, size in enumerate(sizes):  # smallest first, as in the notebook
        canvas = handover.begin(size)  # (b, 3, *size)
        try:
            for step in ascend(canvas, gradient, settings.steps, settings.step_size):
                canvas = step.image
                flush_warnings(skipped)
                yield replace(step, octave=octave, octaves=len(sizes))
                # A departure, after Keras's example: an octave may end early, once every score of the batch is reached.
                if settings.max_score is not None and bool((step.score > settings.max_score).all()):
                    break
        except (ImageTooSmall, SizeRefused) as error:
            # A departure: the notebook fails where the network does not take a size; the last octave alone must work.
            if octave == len(sizes) - 1:
                raise
            skipped.append(f"octave {octave + 1} of {len(sizes)} skipped: {error}")
        handover.end(canvas)


def flush_warnings(messages: list[str]) -> None:
    """Logs the messages as warnings and empties the list, so that each is logged once."""
    while messages:
        log.warning(messages.pop(0))


def finish_dream(steps: Iterator[Step], image: Image, settings: Settings | None = None) -> ResizedImage:
    """Takes all the steps and returns the picture after the last one, at the size of the photograph `image`.

    With `Settings.handover` "picture" it has the size of the last octave. Without any step, that is the photograph.
    """
    last = deque(steps, maxlen=1)
    return render_full_size(last[0], image, settings) if last else image


def render_full_size(step: Step, image: Image, settings: Settings | None = None) -> ResizedImage:
    """The picture (b, 3, h, w) after a step, at full size: the photograph `image` plus the detail dreamed so far.

    Only the detail is resized, so that the photograph keeps its sharpness: in a preview of a small octave, and in a
    dream whose last octaves are larger than the picture. With `Settings.handover` "picture" it is the picture as it is,
    at the size of its octave: the last one's is the size of the dream.
    """
    settings, size = settings or Settings(), image_size(image)
    if settings.handover == "picture" or image_size(step.image) == size:
        return step.image
    resize = choose_resize(settings)
    if settings.overshoot and step.image.shape[-2] > size[0]:  # Reverie 0.1 shrank the picture itself
        return resize(step.image, size).clamp(0, 1)
    detail = step.image - choose_base_resize(settings)(image, image_size(step.image))
    return (image + resize(detail, size)).clamp(0, 1)


SMALLEST_SIDE = 150
"""Shorter side of the first octave in pixels, about, unless `octaves` is set: a dog of the bundled network fits in."""


def plan_octaves(size: tuple[int, int], settings: Octaves) -> list[tuple[int, int]]:
    """The sizes (height, width) of a dream's octaves, smallest first, for a picture of `size`."""
    scale, larger = settings.octave_scale, settings.larger_octaves
    return octave_sizes(
        size, settings.octaves, scale, larger, scale_truncated if settings.handover == "picture" else scale_rounded
    )


def scale_rounded(side: int, factor: float) -> int:
    """A side times a factor, to the nearest pixel."""
    return round(side * factor)


def scale_truncated(side: int, factor: float) -> int:
    """A side times a factor, cut down to whole pixels: in float32, as the paper's code multiplies."""
    return int(np.float32(side) * np.float32(factor))


def octave_sizes(
    size: tuple[int, int],
    octaves: int | None,
    scale: float,
    larger: int = 0,
    scale_side: Callable[[int, float], int] = scale_rounded,
) -> list[tuple[int, int]]:
    """The sizes (height, width) of the octaves in pixels, smallest first, each about `scale` times the one before.

    `larger` octaves are larger than `size` (none in the notebook, 4 in the paper); the one before is `size` itself.
    `octaves` None: as many as bring the shorter side of the smallest down to about 150 pixels; the notebook takes 4.
    `scale_side` multiplies a side by a factor, to whole pixels.
    """
    if octaves is None:
        octaves = 1 + larger + max(0, round(math.log(min(size) / SMALLEST_SIDE, scale)))
    factors = [scale ** (number + larger + 1 - octaves) for number in range(octaves)]
    sizes = [(max(1, scale_side(size[0], factor)), max(1, scale_side(size[1], factor))) for factor in factors]
    return list(dict.fromkeys(sizes))  # tiny octaves of a ratio near 1 may round to the same size
