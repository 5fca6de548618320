"""The steps of a live frame: how many there is time for, by what they took of late, and what they add to the dream."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.steps import ascend
from reverie.image.resample import clamp_after_resize, image_size, resize
from reverie.types import Gradient, Image, Score

KEPT = 9
"""Of how many frames is remembered what they took; the (lower) median of them is what the next will take."""

ROOM = 0.85
"""The share of a frame's time that is planned: the rest is for whoever shows it, and for what takes longer."""

MOST = 2
"""The most steps at each octave of a frame: more make the machine warm, and the dream no better."""

CELL, EVENED, WEAKEST = 8, 0.5, 0.3
"""The side in pixels of the cells by which a grad is evened; how far, 0..1; and the strength, as a share of the mean,
below which a place has nothing in it to be dreamed of."""


class Pace:
    """Measures what a frame's parts take, and plans the steps of the next one.

    `seconds` holds what each part of the last frame took, by its name; `taken`, how many steps it had.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}
        self.taken = 0
        self._steps: dict[tuple[int, int], deque[float]] = {}
        self._rest: deque[float] = deque(maxlen=KEPT)
        self._turn = 0

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Measures what is done within as a part of the frame."""
        began = self._clock()
        yield
        self.seconds[part] = self.seconds.get(part, 0) + self._clock() - began

    @contextmanager
    def measure_steps(self, size: tuple[int, int], count: int) -> Iterator[None]:
        """Measures so many steps at an octave of a size (height, width)."""
        began = self._clock()
        yield
        taken = self._clock() - began
        if size in self._steps:
            self._steps[size].append(taken / count)
        else:  # the first at a size takes longer than those that follow
            self._steps[size] = deque(maxlen=KEPT)
        self.seconds["steps"] = self.seconds.get("steps", 0) + taken
        self.taken += count

    def begin(self) -> None:
        """A new frame."""
        self.seconds, self.taken = {}, 0

    def end(self) -> None:
        """The frame is done: what was no step is remembered."""
        self._rest.append(sum(self.seconds.values()) - self.seconds.get("steps", 0))

    def plan_steps(
        self, sizes: Sequence[tuple[int, int]], steps: int | None, rate: float, rounds: int = 1
    ) -> list[tuple[int, int]]:
        """The octaves, smallest first, at which the frame's steps are taken, each as often as it stands there.

        The octaves take turns, from frame to frame too. `steps`: how many in all; None: as many as fit into a frame of
        `rate` a second, one at least. `rounds`: into the time of how many frames.
        """
        taken: list[int] = []
        left = rounds * ROOM / rate - (statistics.median_low(self._rest) if self._rest else 0)
        most = MOST * rounds * len(sizes) if all(self._steps.get(size) for size in sizes) else len(sizes)
        for number in range(most if steps is None else steps):
            octave = (self._turn + number) % len(sizes)
            left -= self.expect(sizes[octave])
            if steps is None and taken and left < 0:
                break
            taken.append(octave)
        self._turn = (self._turn + len(taken)) % len(sizes)
        return [sizes[octave] for octave in sorted(taken)]

    def expect(self, size: tuple[int, int]) -> float:
        """The seconds that a step at an octave will take; 0 where that is not known yet, and one is tried."""
        return statistics.median_low(self._steps[size]) if self._steps.get(size) else 0.0


@dataclass(frozen=True)
class Climb:
    """So many steps of a size."""

    steps: int
    step_size: float


@dataclass(eq=False)
class Weighted:
    """A gradient whose grad is evened, and multiplied by a share for each place (1, 1, h, w); it keeps the first."""

    gradient: Gradient
    shares: Float[Tensor, "1 1 _h _w"]
    first: Image | None = None

    def __call__(self, image: Image) -> tuple[Score, Image]:
        score, grad = self.gradient(image)
        self.first = grad if self.first is None else self.first
        return score, grad * (resize_smoothly(self.shares.to(grad.device), image_size(grad)) * even_places(grad))


def even_places(grad: Image) -> Float[Tensor, "1 1 h w"]:
    """What makes a grad more alike in strength from place to place, on the whole as strong as it is.

    A wish grows where it is strong already: left alone, what comes into sight would have next to nothing of a step.
    """
    cells = F.avg_pool2d(grad.square().mean(1, keepdim=True), CELL, ceil_mode=True, count_include_pad=False)
    places = F.avg_pool2d(cells, 5, 1, 2, count_include_pad=False)
    places = places / places.mean().clamp(min=1e-12)
    gains = places.clamp(min=WEAKEST**2) ** (-EVENED / 2)
    gains = gains / (gains.square() * places).mean().sqrt()
    return resize_smoothly(gains, image_size(grad))


def resize_smoothly(shares: Float[Tensor, "1 1 _h _w"], size: tuple[int, int]) -> Float[Tensor, "1 1 h w"]:
    """A map of shares at another size (height, width)."""
    return F.interpolate(shares, size, mode="bilinear", align_corners=False)


def dream_octave(photo: Image, detail: Image, gradient: Gradient, size: tuple[int, int], climb: Climb) -> Image:
    """What steps at an octave of a size add to a detail, all (1, 3, h, w)."""
    base = clamp_after_resize(resize)(photo, size)
    canvas = before = (base + resize(detail, size)).clamp(0, 1)
    for step in ascend(before, gradient, climb.steps, climb.step_size):
        canvas = step.image
    return resize(canvas - before, image_size(photo))
