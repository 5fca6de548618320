"""Pictures from coarse grids: of one resolution, or of several that are added up (a Laplacian pyramid)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from reverie.ascent.param import count_planes, make_noise_canvas, planes_to_picture, to_lucid_units
from reverie.types import Canvas

LOW_RES = (4,)
"""The grid of the param "lowres": every fourth pixel."""

LAPLACIAN = (1, 2, 4, 8, 16, 32)
"""The grids of the param "laplacian", finest first."""


@dataclass(frozen=True)
class PyramidImage:
    """Pictures of `size` (height, width) as the sum of coarser ones, enlarged smoothly, in decorrelated colors.

    `factors`: for each grid, how many pixels of the picture lie between its neighbors: (8,) is one coarse grid, whose
    pictures have no fine detail at all; (1, 2, 4, 8) is a Laplacian pyramid, in which a step moves shapes of each of
    these sizes. A canvas holds all grids in a row. `alpha` as in `FourierImage`.

    After lucid's `lowres_tensor` and `laplacian_pyramid`.

    >>> import reverie as rv
    >>> rv.PyramidImage((32, 48), (4, 8)).canvas_shape
    (360,)
    """

    size: tuple[int, int]
    factors: tuple[int, ...] = LAPLACIAN
    alpha: bool = False

    @property
    def grids(self) -> list[tuple[int, int, int]]:
        """The shape (c, h, w) of each grid."""
        height, width = self.size
        return [(count_planes(self.alpha), math.ceil(height / each), math.ceil(width / each)) for each in self.factors]

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        return (sum(math.prod(grid) for grid in self.grids),)

    def start(self, generator: torch.Generator) -> Canvas:
        return make_noise_canvas(self.canvas_shape, generator)

    def __call__(self, canvas: Canvas) -> Canvas:
        numbers = to_lucid_units(canvas).split([math.prod(grid) for grid in self.grids], 1)
        planes = [
            F.interpolate(own.unflatten(1, grid), self.size, mode="bicubic", align_corners=False)
            for own, grid in zip(numbers, self.grids, strict=True)
        ]
        return planes_to_picture(torch.stack(planes).sum(0))
