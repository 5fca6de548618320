"""How far a step goes: optimizers as wrappers of a gradient, so that `ascend` is the one loop for all of them.

Each returns, in the place of the grad, the change that the optimizer makes, in lucid's units.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch

from reverie.ascent.param import HALF_RANGE, from_lucid_units, to_lucid_units
from reverie.gradient.normalization import MIN_SCALE
from reverie.types import Canvas, Gradient, Score

OptimizerFactory: TypeAlias = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]
"""make(parameters) -> a torch optimizer of them, such as `lambda numbers: torch.optim.NAdam(numbers, lr=0.05)`."""


def adam(gradient: Gradient, first: float = 0.9, second: float = 0.999) -> Gradient:
    """Adam's update instead of the gradient (Kingma and Ba, 2015): its running mean over its running root mean square.

    `first` and `second` are the decay rates of the two moments (the article's beta1 and beta2), 0..1. Every number of
    the canvas has a pace of its own. The result keeps state: it serves one ascent.

    >>> import reverie as rv, torch
    >>> gradient = rv.adam(rv.gradient_of(rv.load_model(), rv.channel("fire2", 5)))
    >>> *_, last = rv.ascend(torch.rand(1, 3, 48, 48), gradient, steps=2, step_size=0.01)
    """
    return Adam(gradient, first, second)


class Adam:
    """The gradient of `adam`, with what it remembers."""

    def __init__(self, gradient: Gradient, first: float, second: float) -> None:
        self.gradient, self.first, self.second = gradient, first, second
        self.mean, self.square, self.taken = torch.zeros(()), torch.zeros(()), 0

    def __call__(self, canvas: Canvas) -> tuple[Score, Canvas]:
        score, grad = self.gradient(canvas)
        self.taken += 1
        self.mean = self.first * self.mean.to(grad.device) + (1 - self.first) * grad
        self.square = self.second * self.square.to(grad.device) + (1 - self.second) * grad.square()
        # The article adds 1e-8 to the root; gradients of a mean over many neurons may be smaller than that.
        root = (self.square / (1 - self.second**self.taken)).sqrt().clamp_min(MIN_SCALE)
        return score, self.mean / (1 - self.first**self.taken) / root


class NormalizedSteps:
    """Divides each picture's grad by its root mean square: every step is equally long. As DeepDream climbs."""

    def __init__(self, gradient: Gradient) -> None:
        self.gradient = gradient

    def __call__(self, canvas: Canvas) -> tuple[Score, Canvas]:
        score, grad = self.gradient(canvas)
        length = grad.flatten(1).square().mean(1).sqrt().clamp_min(MIN_SCALE)  # (b,)
        return score, grad / length.view(-1, *[1] * (grad.ndim - 1))


def follow_optimizer(gradient: Gradient, make: OptimizerFactory) -> Gradient:
    """The changes that a torch optimizer makes, instead of the gradient: give `ascend` a `step_size` of 1 / 50.

    `make` is called once, with the canvas as a list of one parameter in lucid's units, -25..25, to which the learning
    rate applies. The optimizer descends minus the score. One that evaluates several times a step, as L-BFGS, may. The
    result keeps state: it serves one ascent.

    >>> import reverie as rv, torch
    >>> rv.visualize(rv.load_model(), "fire2:5", size=32, steps=2, optimizer=torch.optim.RMSprop).shape
    torch.Size([1, 3, 32, 32])
    """
    return OptimizerSteps(gradient, make)


class OptimizerSteps:
    """The gradient of `follow_optimizer`, with its optimizer."""

    def __init__(self, gradient: Gradient, make: OptimizerFactory) -> None:
        self.gradient, self.make = gradient, make
        self.numbers: torch.nn.Parameter | None = None

    def __call__(self, canvas: Canvas) -> tuple[Score, Canvas]:
        before = to_lucid_units(canvas)
        if self.numbers is None:
            self.numbers = torch.nn.Parameter(before.clone())
            self.optimizer = self.make([self.numbers])
        numbers, scores = self.numbers, list[Score]()
        with torch.no_grad():
            numbers.copy_(before)  # `ascend` may have clamped it

        def evaluate() -> float:
            score, grad = self.gradient(from_lucid_units(numbers.detach()))
            scores.append(score)
            numbers.grad = grad.detach() / (-2 * HALF_RANGE)  # by the numbers, downhill
            return -float(score.sum())

        self.optimizer.step(evaluate)
        return scores[0], numbers.detach() - before


def choose_steps(gradient: Gradient, optimizer: str | OptimizerFactory, step_size: float) -> tuple[Gradient, float]:
    """The gradient wrapped in an optimizer, and the step size in lucid's units by which `ascend` goes along it.

    `optimizer`: "adam", "nadam", "normalized", "sgd", a class of `torch.optim`, whose learning rate is the step size,
    or a function that makes one.
    """
    if optimizer == "adam":
        return adam(gradient), step_size
    if optimizer == "normalized":
        return NormalizedSteps(gradient), step_size
    if optimizer == "sgd":  # with respect to the numbers in lucid's units, of which a canvas holds 50 in 0..1
        return ScaledGradient(gradient, 1 / (2 * HALF_RANGE)), step_size
    make = torch.optim.NAdam if isinstance(optimizer, str) else optimizer
    if isinstance(make, type):
        return follow_optimizer(gradient, partial(make, lr=step_size)), 1
    return follow_optimizer(gradient, make), 1


class ScaledGradient:
    """A gradient times a number."""

    def __init__(self, gradient: Gradient, scale: float) -> None:
        self.gradient, self.scale = gradient, scale

    def __call__(self, canvas: Canvas) -> tuple[Score, Canvas]:
        score, grad = self.gradient(canvas)
        return score, grad * self.scale
