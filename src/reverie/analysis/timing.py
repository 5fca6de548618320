"""What a step costs, for several variants side by side: they take turns, A B A B, in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
import torch.nn.functional as F

from reverie._native.memory import peak_memory_since_reset, reset_peak_memory
from reverie.analysis.machine import measure_matmul_peak, synchronize_device
from reverie.analysis.variants import Variant
from reverie.ascent.steps import ascend
from reverie.gradient.base import gradient_of
from reverie.gradient.compose import dream_gradient
from reverie.jobs.memory_run import MemoryRun
from reverie.recipe.inputs import whole_objective
from reverie.types import Image

WARMUP_STEPS = 3
"""Steps before the first turn: oneDNN lays out its weights at a size's second step, TensorFlow traces at its first."""
STEPS_A_TURN = 3
ENDLESS = 2**31


@dataclass(frozen=True)
class TimedStep:
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
    samples: tuple[TimedStep, ...] = field(repr=False)


def time_variants(variants: Sequence[Variant], run: MemoryRun, turns: int) -> list[Timing]:
    """Every variant's timing for the photograph of a run, `turns` turns each."""
    memory, steppers = {}, {}
    for variant in variants:
        reset_peak_memory(variant.model.device)
        steppers[variant.name] = make_stepper(variant, run)
        for _ in range(WARMUP_STEPS):
            steppers[variant.name]()
        memory[variant.name] = peak_memory_since_reset(variant.model.device)
    samples = take_turns(steppers, turns)
    kinds = {variant.name: (variant.model.device, variant.model.precision) for variant in variants}
    peaks = {kind: measure_matmul_peak(*kind) for kind in set(kinds.values())}
    answers = {variant.name: score_and_gradient(variant, run) for variant in variants}
    first = variants[0].name
    return [
        Timing(
            variant=variant.name,
            engine=variant.engine,
            device=str(variant.model.device),
            precision=variant.model.precision,
            seconds=Spread.of([each.seconds for each in samples if each.variant == variant.name]),
            ratio=Spread.of(compute_turn_ratios(samples, variant.name, first)),
            memory=memory[variant.name],
            peak=peaks[kinds[variant.name]],
            score=answers[variant.name][0],
            cosine=measure_cosine(answers[variant.name][1], answers[first][1]),
            samples=tuple(each for each in samples if each.variant == variant.name),
        )
        for variant in variants
    ]


def make_stepper(variant: Variant, run: MemoryRun) -> Callable[[], object]:
    """A function that takes one step of a run's dream, which never ends, at the photograph's own size."""
    start, recipe = run.start.to(variant.model.device), run.recipe
    gradient = dream_gradient(variant.model, run.wish, recipe.settings, recipe.tile, start)
    steps = ascend(start, gradient, ENDLESS, recipe.settings.step_size)

    def step() -> None:
        next(steps)
        synchronize_device(variant.model.device)

    return step


def take_turns(
    steppers: Mapping[str, Callable[[], object]], turns: int, clock: Callable[[], float] = time.perf_counter
) -> list[TimedStep]:
    """A few steps of each, in order, again and again: what slows the machine for a while slows all alike."""
    samples: list[TimedStep] = []
    for turn in range(turns):
        for name, step in steppers.items():
            for _ in range(STEPS_A_TURN):
                began = clock()
                step()
                samples.append(TimedStep(name, turn, began, clock() - began))
    return samples


def find_turn_order(timings: Sequence[Timing]) -> list[str]:
    """Who took a turn after whom, as the clock saw it."""
    samples = sorted((each for timing in timings for each in timing.samples), key=lambda each: each.began)
    return [name for (name, _), _ in groupby(samples, key=lambda each: (each.variant, each.turn))]


def compute_turn_ratios(samples: Sequence[TimedStep], name: str, first: str) -> list[float]:
    """For each turn, the median of one variant over the median of the first."""

    def median(variant: str, turn: int) -> float:
        return statistics.median(each.seconds for each in samples if (each.variant, each.turn) == (variant, turn))

    return [median(name, turn) / median(first, turn) for turn in sorted({each.turn for each in samples})]


def score_and_gradient(variant: Variant, run: MemoryRun) -> tuple[float, Image]:
    """The photo's score and gradient, the latter where all can be compared."""
    start = run.start.to(variant.model.device)
    score, grad = gradient_of(variant.model, whole_objective(run.recipe), start)(start)
    return float(score.mean()), grad.cpu()


def measure_cosine(one: Image, other: Image) -> float:
    """1 where two gradients point the same way. In float64: they are small and many."""
    return float(F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0, eps=torch.finfo().tiny))
