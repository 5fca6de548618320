"""The inner loop: gradient ascent on the pixels."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from reverie.errors import ScoreError
from reverie.types import Gradient, Image, Score, Step


def ascend(image: Image, gradient: Gradient, steps: int, step_size: float) -> Iterator[Step]:
    """Adds the grad, `steps` times; yields after each. Asks for no step that is not asked of it.

    Raises `ScoreError`, which carries the picture before the step, where the score is no number.
    """
    for number in range(steps):
        score, grad = gradient(image)
        check(score, number, image)
        # Google's notebook clips to the range of its pixels after each step as well.
        before, image = image, torch.add(image, grad, alpha=step_size).clamp_(0, 1)
        yield Step(image, score, number, steps, before)


def check(score: Score, number: int, image: Image) -> None:
    if not bool(torch.isfinite(score).all()):
        raise ScoreError(
            f"the score became {score.flatten().tolist()} at step {number + 1}: try a smaller weight or power", image
        )
