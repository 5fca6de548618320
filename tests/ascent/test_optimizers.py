"""Optimizers are wrappers of a gradient: what torch would do with the same numbers, by the one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch

from reverie.ascent.optimizers import NormalizedSteps, adam, choose_steps, follow_optimizer
from reverie.ascent.param import from_lucid_units, to_lucid_units
from reverie.ascent.steps import ascend
from reverie.gradient.base import make_score_function
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.parser import objective
from reverie.settings.visual import OptimizerName
from reverie.types import Canvas, Score

TARGET = torch.linspace(-2, 3, 12).view(1, 12)
CURVATURE = torch.linspace(0.5, 4, 12)


def bowl(canvas: Canvas) -> tuple[Score, Canvas]:
    """Minus a quadratic bowl in lucid's units, and its grad by the canvas."""
    away = to_lucid_units(canvas) - TARGET
    return -(CURVATURE * away.square()).sum(1), -2 * 50 * CURVATURE * away


MAKERS: list[Callable[[Any], torch.optim.Optimizer]] = [
    lambda own: torch.optim.SGD(own, lr=0.01, momentum=0.9),
    lambda own: torch.optim.Adam(own, lr=0.1),
    lambda own: torch.optim.NAdam(own, lr=0.1),
    lambda own: torch.optim.RMSprop(own, lr=0.05),
    lambda own: torch.optim.LBFGS(own, lr=0.5, max_iter=3),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_torch_optimizer_goes_as_it_would_alone(make: Callable[[Any], torch.optim.Optimizer]) -> None:
    numbers = torch.nn.Parameter(torch.zeros(1, 12))
    alone = make([numbers])

    def loss() -> float:
        alone.zero_grad()
        value = (CURVATURE * (numbers - TARGET).square()).sum()
        value.backward()
        return float(value.detach())

    *_, last = ascend(torch.full((1, 12), 0.5), follow_optimizer(bowl, make), 12, 1 / 50)
    for _ in range(12):
        alone.step(loss)
    assert torch.allclose(to_lucid_units(last.image), numbers.detach(), atol=1e-3)


def test_ours_is_adam() -> None:
    *_, last = ascend(torch.full((1, 12), 0.5), adam(bowl), 12, 0.1 / 50)
    *_, theirs = ascend(torch.full((1, 12), 0.5), follow_optimizer(bowl, MAKERS[1]), 12, 1 / 50)
    assert torch.allclose(last.image, theirs.image, atol=1e-6)


def test_normalized_steps_are_equally_long() -> None:
    def steep(canvas: Canvas) -> tuple[Score, Canvas]:
        return canvas.sum((1, 2)), torch.tensor([1e-9, 1e5])[:, None, None] * torch.ones_like(canvas)

    _, grad = NormalizedSteps(steep)(torch.zeros(2, 3, 4))
    assert torch.allclose(grad.square().mean((1, 2)), torch.ones(2))


def test_plain_ascent_is_of_lucids_numbers() -> None:
    gradient, step = choose_steps(bowl, "sgd", 0.01)
    first = next(ascend(torch.full((1, 12), 0.5), gradient, 1, step / 50))
    assert torch.allclose(to_lucid_units(first.image), 0.01 * 2 * CURVATURE * TARGET, atol=1e-4)


@pytest.mark.parametrize("optimizer", [*get_args(OptimizerName), torch.optim.RMSprop, MAKERS[0], MAKERS[4]])
def test_every_optimizer_climbs(optimizer: Any, tiny: TorchModel) -> None:
    wish, score = "40*b:3", make_score_function(tiny, objective("b:3"))
    start, end = (
        visualize(tiny, wish, size=40, steps=steps, jitter=1, optimizer=optimizer, step_size=0.1) for steps in (1, 15)
    )
    assert float(score(end)) > float(score(start)) + 1e-3


def test_a_clamped_canvas_is_where_the_optimizer_is() -> None:
    def up(canvas: Canvas) -> tuple[Score, Canvas]:
        return canvas.sum(1), torch.ones_like(canvas)

    *_, last = ascend(
        torch.full((1, 2), 0.5), follow_optimizer(up, lambda own: torch.optim.SGD(own, lr=1e6)), 4, 1 / 50
    )
    assert last.image.tolist() == [[1, 1]]
    assert torch.equal(from_lucid_units(torch.tensor([[1e6]])), torch.ones(1, 1))
