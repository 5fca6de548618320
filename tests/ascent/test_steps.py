"""The inner loop: it climbs, stays within the picture, and does no step that is not asked for."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from reverie.ascent.steps import ascend
from reverie.errors import ScoreError
from reverie.gradient.base import gradient_of
from reverie.gradient.normalization import normalized
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import layer
from reverie.types import Gradient, Image, Score


class Counted:
    """A gradient that counts how often it was asked."""

    def __init__(self, gradient: Gradient) -> None:
        self.gradient, self.asked = gradient, 0

    def __call__(self, image: Image) -> tuple[Score, Image]:
        self.asked += 1
        return self.gradient(image)


def upward(image: Image) -> tuple[Score, Image]:
    return image.mean((1, 2, 3)), torch.ones_like(image)


def test_climbing_raises_the_score(tiny: TorchModel, noise: Image) -> None:
    steps = list(ascend(noise, normalized(gradient_of(tiny, layer("d"))), 10, 0.01))
    scores = torch.stack([step.score for step in steps])
    assert (scores.diff(dim=0) > 0).all()
    assert (scores[-1] > 1.05 * scores[0]).all()


def test_a_step_adds_the_grad_times_its_size_and_nothing_else(noise: Image) -> None:
    before = noise.clone()
    first, second = ascend(noise, upward, 2, 0.01)
    assert torch.allclose(first.image, before + 0.01) and torch.allclose(second.image, before + 0.02)
    assert torch.equal(first.before, before) and second.before is first.image
    assert torch.allclose(first.score, first.before.mean((1, 2, 3)))
    assert torch.equal(noise, before)
    assert [(step.number, step.steps) for step in (first, second)] == [(0, 2), (1, 2)]
    assert not first.last and second.last


@pytest.mark.parametrize("step_size", [0.01, 1.0])
def test_the_picture_stays_within_black_and_white(step_size: float, tiny: TorchModel, noise: Image) -> None:
    for step in ascend(noise, normalized(gradient_of(tiny, layer("d"))), 8, step_size):
        assert float(step.image.min()) >= 0 and float(step.image.max()) <= 1


def test_no_step_is_taken_that_is_not_asked_for(noise: Image) -> None:
    gradient = Counted(upward)
    steps = ascend(noise, gradient, 5, 0.01)
    assert gradient.asked == 0
    for number in range(1, 4):
        next(steps)
        assert gradient.asked == number
    steps.close()  # type: ignore[attr-defined]
    assert gradient.asked == 3
    assert len(list(ascend(noise, gradient, 5, 0.01))) == 5 and gradient.asked == 8
    assert list(ascend(noise, gradient, 0, 0.01)) == [] and gradient.asked == 8


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number_keeps_the_picture_before(score: float, noise: Image) -> None:
    def failing(image: Image) -> tuple[Score, Image]:
        broken = bool((image > noise + 0.015).any())
        return torch.tensor([1.0, score if broken else 1.0]), torch.ones_like(image)

    good = list(islice(ascend(noise, failing, 5, 0.01), 2))
    with pytest.raises(ScoreError, match=r"the score became \[1.0, -?(nan|inf)\] at step 3") as caught:
        list(ascend(noise, failing, 5, 0.01))
    assert torch.equal(caught.value.image, good[-1].image)
