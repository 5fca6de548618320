"""Gradients of pictures that do not fit into memory at once: window by window, each activation counted once.

A tile owns a rectangle of each layer's grid. Its window is the pixels that these neurons see, so that they answer as in
the whole picture; the neurons at the window's rim, which do not, are the halo and count for nothing. The gradients of
overlapping windows are added up. With the full halo this is the gradient of the whole picture, exactly.

A smaller halo costs less. What it leaves behind lies at the tiles' borders, and jitter, outside, lets it wander.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.models.receptive_field import Geometry, geometry, smallest_side
from reverie.objectives.base import Objective, Term
from reverie.types import IMAGE, Gradient, Image, Model, Score

Span = tuple[int, int]
"""A range of pixels or neurons: the first, and the one behind the last."""


def tiled(model: Model, objective: Objective, tile: int, halo: int | None = None) -> Gradient:
    """The gradient of an objective, computed in windows of at most `tile` pixels a side (their halo included).

    `halo`: how many pixels a window sees beyond what it owns; None for the full one, which makes the gradient exact.
    A picture that fits into one window is not cut. Raises as `gradient_of` does.
    """
    objective = objective.resolved(model)
    whole = gradient_of(model, objective)
    plan = Plan.of(model, objective, tile, halo)

    def gradient(image: Image) -> tuple[Score, Image]:
        height, width = image.shape[-2:]
        rows, columns = plan.windows(height), plan.windows(width)
        if len(rows) == len(columns) == 1:
            return whole(image)
        grids = plan.grids(model, height, width)
        score, grad = torch.zeros(image.shape[0], device=image.device), torch.zeros_like(image)
        refuse_undivided(objective)
        for row, column in itertools.product(rows, columns):
            own = Objective(tuple(plan.shares(objective, grids, row, column)))
            if own.terms:
                y, x = slice(*row.seen), slice(*column.seen)
                part, change = gradient_of(model, own)(image[..., y, x])
                score += part
                grad[..., y, x] += change
        return score, grad

    return gradient


def refuse_undivided(objective: Objective) -> None:
    """Raises `SettingsError` for a term that is no sum over places."""
    for _, term in objective.terms:
        if not term.additive:
            raise SettingsError(f"{term} needs the whole picture at once, not in tiles: give it more --memory")


@dataclass(frozen=True)
class Window:
    """One tile along one side of the picture: the pixels it sees, and those it owns of the picture's `side`."""

    seen: Span
    owned: Span
    side: int

    def cells(self, layer: Geometry, count: int) -> Span:
        """Which of a layer's `count` neurons it owns: those whose number times the stride falls among its pixels."""
        first = self.owned[0] // layer.stride
        behind = count if self.owned[1] >= self.side else min(count, self.owned[1] // layer.stride)
        return min(first, count), behind


@dataclass(frozen=True)
class Plan:
    """How any picture is cut for an objective: from the geometry of the layers it reads."""

    layers: dict[str, Geometry]
    step: int
    """Windows begin at multiples of this, the largest stride, so that their grids lie upon the whole picture's."""
    before: int
    behind: int
    """How many pixels a window sees before and behind those it owns."""
    tile: int

    @classmethod
    def of(cls, model: Model, objective: Objective, tile: int, halo: int | None) -> Plan:
        """Measures the layers; raises `SettingsError` where the tile is smaller than what must be seen at least."""
        names = [name for name in objective.layers if name != IMAGE]
        layers = {**(geometry(model, names) if names else {}), IMAGE: ROUGHNESS}
        layers = {name: layers[name] for name in objective.layers}
        step = math.lcm(*(each.stride or 1 for each in layers.values()))
        needed = [needs(each) for each in layers.values()]
        before, behind = (max((each[side] for each in needed), default=0) for side in (0, 1))
        if halo is not None:
            full, before, behind = behind, min(before, halo), min(behind, halo)
            while behind < full and not holds(model, names, layers, step, behind):
                behind = min(full, behind + step)  # with less, a window has no neuron for some of the pixels it owns
        before = math.ceil(before / step) * step
        return cls(layers, step, before, behind, tile)

    def windows(self, side: int) -> list[Window]:
        """The windows along a side of the picture."""
        own = max(self.step, (self.tile - self.before - self.behind) // self.step * self.step)
        if side <= self.tile:
            own = side
        # Even shares: the last window is not a sliver whose halo costs more than what it owns.
        count = math.ceil(side / own)
        own = math.ceil(side / count / self.step) * self.step
        starts = range(0, side, own)
        return [
            Window((max(0, start - self.before), min(side, start + own + self.behind)), (start, start + own), side)
            for start in starts
        ]

    def grids(self, model: Model, height: int, width: int) -> dict[str, tuple[int, int]]:
        """The size of each layer's grid (height, width) for the whole picture, found with two strips of it."""
        names = [name for name in self.layers if name != IMAGE]
        narrow = max(smallest_side(model, names) or 1, self.step) if names else 1
        with torch.no_grad():
            tall = model(torch.zeros(1, 3, height, narrow, device=model.device), names) if names else {}
            wide = model(torch.zeros(1, 3, narrow, width, device=model.device), names) if names else {}
        found = {name: (tall[name].shape[2], wide[name].shape[3]) for name in names}
        return {**found, IMAGE: (height, width)}

    def shares(
        self, objective: Objective, grids: dict[str, tuple[int, int]], row: Window, column: Window
    ) -> Iterator[tuple[float, Term]]:
        """The objective's terms, each cut to the neurons that a window owns; none where it owns nothing that counts."""
        for weight, term in objective.terms:
            layer, grid = self.layers[term.layer], grids[term.layer]
            rows, columns = row.cells(layer, grid[0]), column.cells(layer, grid[1])
            share = term.share(grid)[slice(*rows), slice(*columns)]
            if bool(share.any()):
                corner = (rows[0] - row.seen[0] // layer.stride, columns[0] - column.seen[0] // layer.stride)
                yield weight, OwnedTerm(term.layer, term, share, corner)


@dataclass(frozen=True, eq=False)
class OwnedTerm(Term):
    """A term whose score counts only a rectangle of the window's grid, each place by its share in the whole."""

    term: Term
    owned: Float[Tensor, "h w"]
    corner: tuple[int, int]
    """Where in the window's grid the rectangle begins (y, x)."""

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        (y, x), (height, width) = self.corner, self.owned.shape
        excitement = self.term.excitement(activations)[:, y : y + height, x : x + width]
        return (excitement * self.owned.to(activations.device)).sum((1, 2))

    def __str__(self) -> str:
        return f"{self.term} in part"


def affordable_halo(tile: int) -> int:
    """The halo with which windows of `tile` pixels see at most a quarter more than they own."""
    return int(tile * (1 - 1.25**-0.5) / 2)


ROUGHNESS = Geometry(channels=3, stride=1, receptive_field=2, first=0)
"""What a place of the picture itself sees: total variation compares it with its right and its lower neighbor."""


def holds(model: Model, names: list[str], layers: dict[str, Geometry], step: int, behind: int) -> bool:
    """Whether a window that sees `behind` more pixels than it owns has a neuron of each layer for all that it owns."""
    own = 8 * step
    narrow = max(smallest_side(model, names) or 1, step) if names else 1
    with torch.no_grad():
        strip = model(torch.zeros(1, 3, narrow, own + behind, device=model.device), names) if names else {}
    return all(strip[name].shape[3] >= own // layers[name].stride for name in names)


def needs(layer: Geometry) -> Span:
    """How many pixels before and behind the ones it owns a window must see for this layer, to answer as the whole."""
    if layer.receptive_field is None or layer.first is None:
        return 0, 0
    return max(0, -layer.first), max(0, layer.first + layer.receptive_field - layer.stride)
