"""The gradient of a whole octave, asked for one window of it at a time.

Whoever computes a window, and whenever: the neurons count as they do in the whole picture, the network's grid lies the
same on it, chance has the same seed, and what the gradient is measured by was recorded once for the whole octave.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.gradient.compose import By, nothing
from reverie.gradient.normalization import Measure
from reverie.gradient.tiling import Plan, Window, refuse_undivided
from reverie.objectives.base import NeuronTerm, Objective, Term
from reverie.types import Gradient, Image, Model, Score


@dataclass(frozen=True, eq=False)
class PartTerm(Term):
    """A term over a window of the picture, each neuron counting what it does in the whole."""

    term: Term
    corner: tuple[int, int]
    """Which neuron of the whole grid is the window's first (y, x)."""
    grid: tuple[int, int]
    """The whole grid (height, width)."""

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        excitement = self.term.excitement(activations)
        (y, x), (height, width) = self.corner, excitement.shape[1:]
        share = self.term.share(self.grid)[y : y + height, x : x + width].to(excitement.device)
        return (excitement[:, : share.shape[0], : share.shape[1]] * share).sum((1, 2))

    def __str__(self) -> str:
        return f"{self.term} in part"


@dataclass(frozen=True)
class Parts:
    """An objective at one size of the picture, ready to be asked for any window of it.

    `room` is by how many pixels the picture is widened to let the network's grid wander: its stride, or 0.
    """

    model: Model
    objective: Objective
    plan: Plan
    grids: dict[str, tuple[int, int]]
    room: int

    @classmethod
    def of(cls, model: Model, objective: Objective, size: tuple[int, int], jitter: int) -> Parts:
        plan = Plan.of(model, objective, 0, None)
        room = plan.step if jitter else 0
        return cls(model, objective, plan, plan.grids(model, size[0] + room, size[1] + room), room)

    def gradient(self, row: Window, column: Window, shifts: Iterable[tuple[int, int]]) -> Gradient:
        """The gradient of a window, the network's grid shifted by the next of `shifts` (y, x) at every step."""
        terms = tuple((weight, self.part(term, row, column)) for weight, term in self.objective.terms)
        gradient = gradient_of(self.model, Objective(terms)) if terms else nothing
        return wandering(gradient, iter(shifts), self.room)

    def part(self, term: Term, row: Window, column: Window) -> PartTerm:
        stride = self.plan.layers[term.layer].stride
        corner = (row.seen[0] // stride, column.seen[0] // stride) if stride else (0, 0)
        return PartTerm(term.layer, term, corner, self.grids[term.layer])


def refuse_uneven(objective: Objective) -> None:
    """Raises `SettingsError` for an objective that is not the same wish at every place."""
    refuse_undivided(objective)
    for _, term in objective.terms:
        if isinstance(term, NeuronTerm):
            raise SettingsError(
                f"{term} looks at one place only; a picture larger than memory is dreamed everywhere alike: "
                "wish for the channel, or dream it smaller (--size)"
            )


def wandering(gradient: Gradient, shifts: Iterator[tuple[int, int]], room: int) -> Gradient:
    """Jitter for a window: mirrored pixels before it, as many in every window, shift the network's grid.

    Nothing is rolled around, so that no window sees what another does not. Only the shift within the stride matters.
    """

    def shifted(image: Image) -> tuple[Score, Image]:
        y, x = next(shifts)
        score, grad = gradient(F.pad(image, (x, room - x, y, room - y), mode="reflect"))
        return score, grad[..., y : y + image.shape[2], x : x + image.shape[3]]

    return shifted if room else gradient


def shifts(seed: str, reach: int, room: int) -> Iterator[tuple[int, int]]:
    """By how much the grid is shifted at each step (y, x), below `room`: the same for every window with that seed."""
    generator = torch.Generator().manual_seed(seed_of(seed))
    while True:
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        yield (y % room, x % room) if room else (0, 0)


def seed_of(words: str) -> int:
    """A number for a generator from what a piece of work is."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big")


Picked: TypeAlias = Callable[[Image], Float[Tensor, "1 3 _h _w"]]
"""The pixels of a batch that are measured, as one picture."""


def recording(scales: list[float], picked: Picked) -> By:
    """Measures what is picked of a whole batch as one picture, and writes down what it found."""

    def by(own: Measure) -> Measure:
        def measured(grad: Image) -> Tensor:
            scale = own(picked(grad))
            scales.append(float(scale))
            return scale

        return measured

    return by


def inner(count: int, rim: float) -> Picked:
    """The first `count` images of a batch, of whatever size, without the outer `rim` of each side."""

    def picked(grad: Image) -> Float[Tensor, "1 3 _h _w"]:
        y, x = int(rim * grad.shape[2]), int(rim * grad.shape[3])
        middle = grad[:count, :, y : grad.shape[2] - y, x : grad.shape[3] - x]
        return middle.transpose(0, 1).reshape(1, 3, -1, middle.shape[3])

    return picked


def inside(region: Bool[Tensor, "n h w"]) -> Picked:
    """The pixels of a batch that lie within a region."""
    return lambda grad: grad.transpose(0, 1)[:, region.to(grad.device)][None, :, None]


def clear_of_rim(row: Window, column: Window, rim: float) -> Bool[Tensor, "1 h w"]:
    """Where a window answers as the whole picture does: away from its edges, but for those that are the picture's."""

    def along(window: Window) -> Bool[Tensor, " n"]:
        (low, high), reach = window.seen, int(rim * (window.seen[1] - window.seen[0]))
        pixels = torch.arange(low, high)
        return ((pixels >= low + reach) | (low == 0)) & ((pixels < high - reach) | (high == window.side))

    return (along(row)[:, None] & along(column))[None]


def replaying(scales: Iterable[float]) -> By:
    """Gives out what was recorded, one number for each time that something is measured."""
    left = iter(scales)

    def by(own: Measure) -> Measure:
        def recalled(grad: Image) -> Tensor:
            return torch.full((1, 1, 1, 1), next(left), device=grad.device)

        return recalled

    return by


def together(gradients: list[Gradient]) -> Gradient:
    """The images of a batch, each with a gradient of its own."""

    def each(image: Image) -> tuple[Score, Image]:
        found = [gradient(image[n : n + 1]) for n, gradient in enumerate(gradients)]
        return torch.cat([score for score, _ in found]), torch.cat([grad for _, grad in found])

    return each


def sample(rows: Window, columns: Window, side: int, step: int, count: int) -> list[tuple[Window, Window]]:
    """`count` x `count` windows of `side` pixels, evenly spread over a picture; the picture itself if it is smaller."""
    return list(itertools.product(spread(rows.side, side, step, count), spread(columns.side, side, step, count)))


def spread(whole: int, side: int, step: int, count: int) -> list[Window]:
    if whole <= side * count:
        side = max(step, whole // count // step * step)
    centers = [(2 * number + 1) * whole // (2 * count) for number in range(count)]
    return [centered(center, side, whole, step) for center in centers]


def centered(center: int, side: int, whole: int, step: int) -> Window:
    """A window of `side` pixels about a place, within the picture."""
    start = min(max(0, center - side // 2), whole - side) // step * step
    return Window((start, start + side), (start, start + side), whole)
