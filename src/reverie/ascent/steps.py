"""The inner loop: gradient ascent on the pixels.

What Google's 2015 notebook does in `make_step`. Everything about the gradient (jitter, normalization, tiles) is already
wrapped around the function that comes in; here it is only added to the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from reverie.errors import ScoreError
from reverie.types import Canvas, Gradient, Score, Step


def ascend(image: Canvas, gradient: Gradient, steps: int, step_size: float) -> Iterator[Step]:
    """Gradient ascent: adds `step_size` times the gradient to the image, `steps` times, and yields after each step.

    Args:
        image: (b, 3, h, w), sRGB, 0..1; it is not changed in place. A canvas of any shape (b, ...), 0..1, is climbed
            the same way.
        gradient: image -> (score (b,), grad like the image); usually normalized, so that `step_size` is about the
            change of a pixel in one step, on the scale 0..1.

    Yields:
        the picture after the step, with the score it had before it.

    The next step is computed only when it is asked for. Raises `ScoreError`, which carries the picture before the step,
    where the score is NaN or infinite.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.normalized(rv.gradient_of(rv.load_model(), rv.layer("fire2")))
    >>> steps = list(rv.ascend(torch.rand(1, 3, 32, 32), gradient, steps=3, step_size=0.01))
    >>> bool(steps[0].score < steps[1].score < steps[2].score)
    True
    """
    for number in range(steps):
        score, grad = gradient(image)  # (b,), (b, 3, h, w)
        check_score(score, number, image)
        # The notebook divides the gradient by its mean absolute value in this line. Here `normalized` has done so,
        # by default with the standard deviation (the paper): the scale is part of the gradient, not of the loop.
        # As in the notebook, the result is clipped to the range of pixels after every step.
        before, image = image, torch.add(image, grad, alpha=step_size).clamp_(0, 1)
        yield Step(image, score, number, steps, before)


def check_score(score: Score, number: int, image: Canvas) -> None:
    """Raises `ScoreError` where a score is NaN or infinite: every later picture would be NaN as well."""
    if not bool(torch.isfinite(score).all()):
        raise ScoreError(
            f"the score became {score.flatten().tolist()} at step {number + 1}: try a smaller weight or power", image
        )
