"""The gradient of an image too large for one forward pass, computed in tiles that count every activation once.

A tile owns a rectangle of every layer's grid of neurons. The network is run on its window: the pixels in the receptive
fields of these neurons, so that their activations are those of the whole image. Neurons near the window's border see
padding instead of pixels; they belong to the halo, and to a neighboring tile. The grads of overlapping windows are
added up. With a halo of half the receptive field that is the gradient of the whole image, but for rounding.

A smaller halo costs less and leaves errors at the borders of the tiles; jitter, outside of the tiles, moves them from
step to step. A neuron that sees the whole image (squeeze-excite, attention) sees the tile in its place: there a tile
has the halo that it can afford, and the log says that the gradient is an approximation. A layer that is one vector for
the whole image (a class's logit) is computed for each tile, and weighted by the pixels that the tile owns.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.models.any_size import accept_any_size, sees_windows
from reverie.models.receptive_field import LayerGeometry, find_accepted_sizes, find_smallest_side, measure_geometry
from reverie.objectives.base import Objective, Term
from reverie.objectives.scorer import Reference
from reverie.types import IMAGE_LAYER, Gradient, Image, Model, Score

log = logging.getLogger("reverie")

Span = tuple[int, int]
"""A half-open range (start, stop) of pixels or neurons."""


def build_tiled_gradient(
    model: Model, objective: Objective, tile: int, halo: int | None = None, *, accompanied: bool = False
) -> Gradient:
    """The gradient of an objective, computed in windows of at most `tile` x `tile` pixels, their halo included.

    `halo`: the most pixels that a window sees beyond those it owns; None for half of the receptive field, which makes
    the gradient exact. An image that fits into one window is not cut. `accompanied`: as in
    `gradient_of`. Raises what that raises, and `SettingsError` for an objective that is no sum over places.
    """
    objective = objective.resolved(model)
    gradient_of(model, objective)  # refuses what the network does not have
    plan = TilePlan.of(model, objective, tile, halo)
    return partial(differentiate_in_tiles, model, objective, plan, accompanied=accompanied)


def differentiate_in_tiles(
    model: Model, objective: Objective, plan: TilePlan, image: Image, *, accompanied: bool = False
) -> tuple[Score, Image]:
    """The score (b,) and the grad (b, 3, h, w) of images, added up tile by tile."""
    height, width = image.shape[-2:]
    rows, columns = plan.windows(height), plan.windows(width)
    if len(rows) == len(columns) == 1:
        return gradient_of(model, objective, accompanied=accompanied)(image)
    grids = plan.grids(model, height, width)
    score, grad = torch.zeros(image.shape[0], device=image.device), torch.zeros_like(image)  # (b,), (b, 3, h, w)
    check_additive(objective)
    plan.warn_if_approximate(model)
    for row, column in itertools.product(rows, columns):
        own = Objective(tuple(plan.shares(objective, grids, row, column)))
        if own.terms:
            y, x = slice(*row.seen), slice(*column.seen)
            tile_score, tile_grad = gradient_of(model, own, accompanied=accompanied)(image[..., y, x])
            score += tile_score
            grad[..., y, x] += tile_grad  # halos overlap: a pixel has a grad from every tile that sees it
    return score, grad


def check_additive(objective: Objective) -> None:
    """Raises `SettingsError` for an objective with a term that is not a sum over the places of its grid."""
    for _, term in objective.terms:
        if not term.additive:
            raise SettingsError(f"{term} needs the whole picture at once, not in tiles: give it more --memory")


@dataclass(frozen=True)
class Window:
    """One tile along one axis of the image: the pixels that it sees and those that it owns, of `side` pixels in all."""

    seen: Span
    owned: Span
    side: int

    def owned_neurons(self, layer: LayerGeometry, count: int) -> Span:
        """The neurons, of `count` along this axis, that the tile owns: neuron i, if it owns pixel i * stride."""
        first = self.owned[0] // layer.stride
        # With padding a grid may have more neurons than multiples of the stride: the last tile owns the rest.
        stop = count if self.owned[1] >= self.side else min(count, self.owned[1] // layer.stride)
        return min(first, count), stop

    @property
    def owned_share(self) -> float:
        """The share of the image's side that the tile owns, 0..1."""
        return (min(self.owned[1], self.side) - self.owned[0]) / self.side


@dataclass(frozen=True)
class TilePlan:
    """How images of any size are cut into tiles for one objective, derived from the geometry of its layers."""

    layers: dict[str, LayerGeometry]
    step: int
    """Windows begin at multiples of this, the least common multiple of the strides, in pixels.

    So the neurons of a window lie at the same pixels as those of the whole image.
    """
    before: int
    behind: int
    """The halo in pixels: how many a window sees before and behind those that it owns."""
    tile: int

    @classmethod
    def of(cls, model: Model, objective: Objective, tile: int, halo: int | None) -> TilePlan:
        """Measures the layers of an objective; `tile` and `halo` are those of `build_tiled_gradient`."""
        names = [name for name in objective.layers if name != IMAGE_LAYER]
        layers = {**(measure_geometry(model, names) if names else {}), IMAGE_LAYER: IMAGE_GEOMETRY}
        layers = {name: layers[name] for name in objective.layers}
        if sizes := find_accepted_sizes(model):  # it sees a tile in windows of its own, of which there is room for two
            tile = max(tile, 2 * max(sizes.size)) if sees_windows(model, names) else tile
        multiple = 1 if sizes is None or sizes.in_windows else sizes.multiple or 1
        step = math.lcm(multiple, *(each.stride or 1 for each in layers.values()))
        step = step if step > 1 or all(each.stride for each in layers.values()) else VECTOR_STEP
        needed = [required_halo(each, tile) for each in layers.values()]
        before, behind = (max((each[side] for each in needed), default=0) for side in (0, 1))
        if halo is not None:
            full, before, behind = behind, min(before, halo), min(behind, halo)
            while behind < full and not covers_owned_pixels(model, names, layers, step, behind):
                behind = min(full, behind + step)  # with less, a window lacks the neurons of the last pixels it owns
        before = math.ceil(before / step) * step  # windows begin at multiples of step, and so must their halo
        return cls(layers, step, before, behind, tile)

    @property
    def whole_layers(self) -> list[str]:
        """The layers whose neurons see the whole image, so that in tiles they are not computed exactly."""
        return [name for name, layer in self.layers.items() if layer.receptive_field is None or not layer.stride]

    def warn_if_approximate(self, model: Model) -> None:
        """Say to the log, once for a network and its layers, that tiles are an approximation."""
        names = ", ".join(self.whole_layers)
        if names and names not in _WARNED.setdefault(model, set()):
            _WARNED[model].add(names)
            log.warning(
                "%s of %s sees the whole picture: in tiles its gradient is an approximation; more --memory needs none",
                names,
                model.name,
            )

    def windows(self, side: int) -> list[Window]:
        """The windows along one axis of an image, `side` pixels long; one for all of it if it is at most a tile."""
        # How many pixels a window owns: the tile without its halo.
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
        """The (height, width) of each layer's grid for an image of that size.

        Found with two forward passes on strips, one as high and one as wide as the image: the whole may not fit.
        """
        names = [name for name in self.layers if name != IMAGE_LAYER]
        model = accept_any_size(model)
        narrow = max(find_smallest_side(model, names) or 1, self.step) if names else 1
        with torch.no_grad():
            tall = model(torch.zeros(1, 3, height, narrow, device=model.device), names) if names else {}
            wide = model(torch.zeros(1, 3, narrow, width, device=model.device), names) if names else {}
        found = {name: (tall[name].shape[2], wide[name].shape[3]) for name in names}
        return {**found, IMAGE_LAYER: (height, width)}

    def shares(
        self, objective: Objective, grids: dict[str, tuple[int, int]], row: Window, column: Window
    ) -> Iterator[tuple[float, Term]]:
        """The weighted terms of an objective, each restricted to the neurons that one tile owns.

        `grids` are the sizes of the layers' grids for the whole image. A term without weight in the tile is left out.
        """
        for weight, term in objective.terms:
            layer, grid = self.layers[term.layer], grids[term.layer]
            if not layer.stride:
                yield weight * row.owned_share * column.owned_share, term
                continue
            rows, columns = row.owned_neurons(layer, grid[0]), column.owned_neurons(layer, grid[1])
            share = term.share(grid)[slice(*rows), slice(*columns)]
            if bool(share.any()):  # a single neuron's term has no share in most tiles
                # Neuron 0 of the window's grid is neuron seen[0] / stride of the whole grid.
                corner = (rows[0] - row.seen[0] // layer.stride, columns[0] - column.seen[0] // layer.stride)
                yield weight, OwnedTerm(term.layer, term, share, corner)


_WARNED: WeakKeyDictionary[Model, set[str]] = WeakKeyDictionary()
"""The layers of each network for which the log has said that tiles are an approximation."""


@dataclass(frozen=True, eq=False)
class OwnedTerm(Term):
    """A term whose score counts only the neurons that a tile owns, a rectangle of its window's grid."""

    term: Term
    owned: Float[Tensor, "h w"]
    """The weight of each owned neuron in the score of the whole image."""
    corner: tuple[int, int]
    """The first owned neuron in the window's grid (y, x)."""

    @property
    def references(self) -> tuple[Reference, ...]:
        return self.term.references

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        (y, x), (height, width) = self.corner, self.owned.shape
        excitement = self.term.excitement_of(activations)[:, y : y + height, x : x + width]
        return (excitement * self.owned.to(excitement.device)).sum((1, 2))

    def __str__(self) -> str:
        return f"{self.term} in part"


VECTOR_STEP = 32
"""The multiple in pixels at which tiles begin where no layer but a vector is read: the strides below it are unknown."""


def affordable_halo(tile: int) -> int:
    """The largest halo in pixels with which windows of `tile` pixels a side see at most 1.25 times what they own."""
    return int(tile * (1 - 1.25**-0.5) / 2)  # tile**2 = 1.25 * (tile - 2 * halo)**2


IMAGE_GEOMETRY = LayerGeometry(channels=3, stride=1, receptive_field=5, first=-2)
"""The geometry of the pseudo-layer `IMAGE_LAYER`.

Its receptive field is 5: penalties compare a pixel with its neighbors up to two pixels away.
"""


def covers_owned_pixels(
    model: Model, names: list[str], layers: dict[str, LayerGeometry], step: int, behind: int
) -> bool:
    """Whether a window with a halo of `behind` pixels after its own has a neuron for every stride of its own pixels.

    Layers without padding have none at the end of their input, where a kernel would reach beyond it.
    """
    model, own = accept_any_size(model), 8 * step  # any length would do
    narrow = max(find_smallest_side(model, names) or 1, step) if names else 1
    with torch.no_grad():
        strip = model(torch.zeros(1, 3, narrow, own + behind, device=model.device), names) if names else {}
    return all(strip[name].shape[3] >= own // layers[name].stride for name in names if layers[name].stride)


def required_halo(layer: LayerGeometry, tile: int) -> Span:
    """The halo (before, behind), in pixels, with which a layer's activations in a tile are those of the whole image.

    Where the receptive field is unknown, or the whole image, no halo suffices: it is what a tile can afford.
    """
    if layer.receptive_field is None or layer.first is None:
        return affordable_halo(tile), affordable_halo(tile)
    return max(0, -layer.first), max(0, layer.first + layer.receptive_field - layer.stride)
