"""Cuts an image into overlapping windows of one size, and joins what a network answers to them.

Both are functions that torch differentiates, but not by the letter. A window's edge is an edge of what the network
sees: its activations there, and its gradient, are not those of a whole picture. So neighboring windows are cross-faded
where they overlap, the activations forward and the gradients backward, each with weights that sum to 1 at every place;
the outer quarter of an overlap has no weight. What a network with a small receptive field computes comes out exactly
as from the whole picture, and no pixel is moved more than another because more windows see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

OVERLAP = 4
"""Neighboring windows overlap by at least their side divided by this."""

MIN_WEIGHT = 1e-6
"""The weight of a place in the outer quarter of an overlap: not 0, in case that no other window has the place."""


@dataclass(frozen=True)
class WindowAxis:
    """The windows along one axis of an image: they begin at `starts` and are `window` pixels long."""

    starts: tuple[int, ...]
    window: int

    @classmethod
    def lay(cls, side: int, window: int, step: int) -> WindowAxis:
        """Windows evenly over `side` pixels, which begin at multiples of `step`; the last may reach beyond the end."""
        if side <= window:
            return cls((0,), window)
        spacing = max(step, (window - window // OVERLAP) // step * step)
        last, count = math.ceil((side - window) / step), math.ceil((side - window) / spacing)  # count: after the first
        return cls(tuple(round(number * last / count) * step for number in range(count + 1)), window)

    @property
    def side(self) -> int:
        """The pixels from the beginning of the first window to the end of the last."""
        return self.starts[-1] + self.window

    def place_starts(self, places: int) -> tuple[int, ...]:
        """Where each window begins in the joined grid of a layer with so many places in a window."""
        if places == 1:  # a vector of the whole window: the joined grid has a place for each window
            return tuple(range(len(self.starts)))
        return tuple(round(start / place_stride(self.window, places)) for start in self.starts)

    def fade(self, places: int) -> Float[Tensor, "n places"]:
        """The weight of each place of each window: at every place of the joined grid they sum to 1."""
        if places == 1:
            return torch.ones(len(self.starts), 1)
        centers = (torch.arange(places) + 0.5) * self.window / places
        weights = torch.ones(len(self.starts), places)
        for number, (one, other) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            overlap = one + self.window - other
            ramp = (2 * centers / overlap - 0.5).clamp(MIN_WEIGHT, 1)  # 0 in the first quarter of the overlap
            weights[number + 1] *= ramp
            weights[number] *= ramp.flip(0)
        starts = self.place_starts(places)
        total = torch.zeros(starts[-1] + places)
        for start, weight in zip(starts, weights, strict=True):
            total[start : start + places] += weight
        return torch.stack(
            [weight / total[start : start + places] for start, weight in zip(starts, weights, strict=True)]
        )


@dataclass(frozen=True)
class WindowGrid:
    """The windows over an image, row by row."""

    rows: WindowAxis
    columns: WindowAxis

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    def cut(self, image: Float[Tensor, "b 3 _h _w"]) -> Float[Tensor, "n_b 3 _y _x"]:
        """The windows of a batch of images of this grid's size, one window of all images after the other."""
        windows: Tensor = _Cut.apply(image, Pieces.of(self, self.rows.window, self.columns.window))
        return windows

    def join(self, maps: Float[Tensor, "n_b c _y _x"]) -> Float[Tensor, "b c _h _w"]:
        """The activations of the whole from those of its windows, in the order of `cut`."""
        joined: Tensor = _Join.apply(maps, Pieces.of(self, maps.shape[2], maps.shape[3]))
        return joined


@dataclass(frozen=True)
class Pieces:
    """Where the windows lie in the joined grid of a layer, or in the image, and how they are weighted."""

    corners: Sequence[tuple[int, int]]
    shape: tuple[int, int]
    """The (height, width) of each piece."""
    size: tuple[int, int]
    """The (height, width) of the joined grid."""
    weights: Float[Tensor, "n _y _x"]

    @classmethod
    def of(cls, grid: WindowGrid, height: int, width: int) -> Pieces:
        """The pieces of a layer with so many places in a window."""
        rows, columns = grid.rows.place_starts(height), grid.columns.place_starts(width)
        weights = grid.rows.fade(height)[:, None, :, None] * grid.columns.fade(width)[None, :, None, :]
        corners = [(row, column) for row in rows for column in columns]
        return cls(corners, (height, width), (rows[-1] + height, columns[-1] + width), weights.flatten(0, 1))

    def take(self, whole: Tensor) -> Tensor:
        """The pieces of a batch of grids, (n * b, c, *shape)."""
        (height, width), corners = self.shape, self.corners
        return torch.cat([whole[..., y : y + height, x : x + width] for y, x in corners])

    def blend(self, pieces: Tensor) -> Tensor:
        """The weighted sum of the pieces, each at its place, (b, c, *size)."""
        each = pieces.unflatten(0, (len(self.corners), -1))  # (n, b, c, *shape)
        total = torch.zeros(*each.shape[1:3], *self.size, device=pieces.device)  # float32 whatever the precision
        for (y, x), piece, weight in zip(self.corners, each, self.weights.to(pieces.device), strict=True):
            total[..., y : y + self.shape[0], x : x + self.shape[1]] += piece * weight
        return total.to(pieces.dtype)


class _Cut(torch.autograd.Function):
    """Windows of an image; backward, their gradients are blended."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, pieces: Pieces) -> Tensor:
        ctx.pieces = pieces
        return pieces.take(image)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.pieces.blend(grad), None


class _Join(torch.autograd.Function):
    """One grid from the windows' grids, blended; backward, every window has the whole gradient of its places."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, pieces: Pieces) -> Tensor:
        ctx.pieces = pieces
        return pieces.blend(maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # Not times its weight: `_Cut` weighs the pixels, and where windows overlap each sees the place by itself.
        return ctx.pieces.take(grad), None


def place_stride(window: int, places: int) -> int:
    """The stride in pixels of a layer with so many places in a window; 0 for one place.

    Layers without padding have fewer places than strides fit into the window: there it is the power of 2 below.
    """
    if places <= 1:
        return 0
    return window // places if window % places == 0 else 2 ** int(math.log2(max(1, window / places)))


def mirror_index(side: int, length: int) -> Tensor:
    """The `length` indices that continue an axis of `side` pixels by its mirror image, the edge not repeated."""
    period = max(1, 2 * side - 2)
    index = torch.arange(length) % period
    return torch.where(index < side, index, period - index)
