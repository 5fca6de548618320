"""What a step costs, for several variants side by side: they take turns, A B A B, in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
import torch.nn.functional as F

from reverie._native.memory import forget_peak, peak_since
from reverie.analysis.machine import matmul_peak, synchronize
from reverie.analysis.variants import Variant
from reverie.ascent.steps import ascend
from reverie.gradient.base import gradient_of
from reverie.gradient.compose import dream_gradient
from reverie.objectives.base import Objective
from reverie.settings import Settings
from reverie.types import Image

WARMUP = 3
"""Steps before the first turn: oneDNN lays out its weights at a size's second step, TensorFlow traces at its first."""
STEPS_A_TURN = 3
ENDLESS = 2**31


@dataclass(frozen=True)
class Sample:
    """One step that was timed; `began` is the clock's seconds when it did, which tells who came after whom."""

    variant: str
    turn: int
    began: float
    seconds: float


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers and how far they reach: a quarter of them lies below `low`, a quarter above `high`."""

    median: float
    low: float
    high: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
        return cls(middle, low, high, min(values), max(values))


@dataclass(frozen=True)
class Timing:
    """What one variant took for a step of the dream at the photo's own size, and how it agrees with the first.

    `ratio` is its time over the first variant's of the same turn. `memory` is the process's peak while it warmed up (on
    a graphics card: torch's own there), in bytes. `peak` is the matmul peak of its device and precision, in operations
    a second. `score` is the photo's; `cosine` is between its gradient there and the first variant's.
    """

    variant: str
    engine: str
    device: str
    precision: str
    seconds: Spread
    ratio: Spread
    memory: int | None
    peak: float
    score: float
    cosine: float
    samples: tuple[Sample, ...] = field(repr=False)


def timed(variants: Sequence[Variant], image: Image, wish: Objective, settings: Settings, turns: int) -> list[Timing]:
    """Every variant's timing for an image (1, 3, h, w), `turns` turns each."""
    memory, steppers = {}, {}
    for variant in variants:
        forget_peak(variant.model.device)
        steppers[variant.name] = stepper(variant, image, wish, settings)
        for _ in range(WARMUP):
            steppers[variant.name]()
        memory[variant.name] = peak_since(variant.model.device)
    samples = take_turns(steppers, turns)
    kinds = {variant.name: (variant.model.device, variant.model.precision) for variant in variants}
    peaks = {kind: matmul_peak(*kind) for kind in set(kinds.values())}
    answers = {variant.name: answer(variant, image, wish) for variant in variants}
    first = variants[0].name
    return [
        Timing(
            variant=variant.name,
            engine=variant.engine,
            device=str(variant.model.device),
            precision=variant.model.precision,
            seconds=Spread.of([each.seconds for each in samples if each.variant == variant.name]),
            ratio=Spread.of(ratios(samples, variant.name, first)),
            memory=memory[variant.name],
            peak=peaks[kinds[variant.name]],
            score=answers[variant.name][0],
            cosine=cosine(answers[variant.name][1], answers[first][1]),
            samples=tuple(each for each in samples if each.variant == variant.name),
        )
        for variant in variants
    ]


def stepper(variant: Variant, image: Image, wish: Objective, settings: Settings) -> Callable[[], object]:
    """A function that takes one step of a dream that never ends."""
    start = image.to(variant.model.device)
    steps = ascend(start, dream_gradient(variant.model, wish, settings), ENDLESS, settings.step_size)

    def step() -> None:
        next(steps)
        synchronize(variant.model.device)

    return step


def take_turns(
    steppers: Mapping[str, Callable[[], object]], turns: int, clock: Callable[[], float] = time.perf_counter
) -> list[Sample]:
    """A few steps of each, in order, again and again: what slows the machine for a while slows all alike."""
    samples: list[Sample] = []
    for turn in range(turns):
        for name, step in steppers.items():
            for _ in range(STEPS_A_TURN):
                began = clock()
                step()
                samples.append(Sample(name, turn, began, clock() - began))
    return samples


def order_of(timings: Sequence[Timing]) -> list[str]:
    """Who took a turn after whom, as the clock saw it."""
    samples = sorted((each for timing in timings for each in timing.samples), key=lambda each: each.began)
    return [name for (name, _), _ in groupby(samples, key=lambda each: (each.variant, each.turn))]


def ratios(samples: Sequence[Sample], name: str, first: str) -> list[float]:
    """For each turn, the median of one variant over the median of the first."""

    def median(variant: str, turn: int) -> float:
        return statistics.median(each.seconds for each in samples if (each.variant, each.turn) == (variant, turn))

    return [median(name, turn) / median(first, turn) for turn in sorted({each.turn for each in samples})]


def answer(variant: Variant, image: Image, wish: Objective) -> tuple[float, Image]:
    """The photo's score and gradient, the latter where all can be compared."""
    score, grad = gradient_of(variant.model, wish)(image.to(variant.model.device))
    return float(score.mean()), grad.cpu()


def cosine(one: Image, other: Image) -> float:
    """1 where two gradients point the same way. In float64: they are small and many."""
    return float(F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0, eps=torch.finfo().tiny))
