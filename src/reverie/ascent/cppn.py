"""Pictures that are functions: a small network from the place of a pixel to its color, whose weights are climbed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.param import count_planes, from_lucid_units, planes_to_picture, to_lucid_units
from reverie.types import Canvas

WEIGHT_SCALE = 0.2
"""A weight for each unit of a canvas: weights go from -5 to 5, and a default step changes one by 0.004."""

ATAN_RMS, ATAN_SQUARE_RMS = 0.67, 0.6
"""The root mean squares of arctan(x) and arctan(x)**2 for a standard normal x, by which lucid's CPPN divides them."""

LAST_SCALE = 4.0
"""What the last layer's answers are multiplied by, so that its weights need not grow to make strong colors."""


@dataclass(frozen=True)
class CPPN:
    """Pictures of `size` (height, width) from a compositional pattern producing network: smooth, and sharp at any size.

    The network maps the place (x, y) of a pixel, each with a standard deviation of about 1, to its color. It has
    `depth` hidden layers of `width` units, each followed by arctan and its square. A canvas holds all weights and
    biases. The same canvas can be drawn at another size: `CPPN((1024, 1024))(canvas)`. `alpha` as in `FourierImage`.

    After Stanley (2007) and lucid's `cppn`; see "Differentiable Image Parameterizations" (Mordvintsev et al., 2018).

    >>> import reverie as rv, torch
    >>> canvas = rv.CPPN((32, 32)).start(torch.Generator().manual_seed(0))
    >>> rv.CPPN((64, 64))(canvas).shape
    torch.Size([1, 3, 64, 64])
    """

    size: tuple[int, int]
    width: int = 24
    depth: int = 8
    alpha: bool = False

    @property
    def layers(self) -> list[tuple[int, int]]:
        """For each layer how many numbers come in and go out."""
        hidden = [(2, self.width), *[(2 * self.width, self.width)] * (self.depth - 1)]
        return [*hidden, (2 * self.width, count_planes(self.alpha))]

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        return (sum((entering + 1) * leaving for entering, leaving in self.layers),)

    def start(self, generator: torch.Generator) -> Canvas:
        parts = []
        for entering, leaving in self.layers[:-1]:
            weights = torch.randn(entering * leaving, generator=generator) / math.sqrt(entering)
            parts += [weights, 0.1 * torch.randn(leaving, generator=generator)]
        last = math.prod(self.canvas_shape) - sum(len(part) for part in parts)
        return from_lucid_units(torch.cat([*parts, torch.zeros(last)])[None] / WEIGHT_SCALE)  # begins as gray

    def __call__(self, canvas: Canvas) -> Canvas:
        answers, first = self.places(canvas), 0  # (1, h * w, 2)
        numbers = WEIGHT_SCALE * to_lucid_units(canvas)  # (b, n)
        for number, (entering, leaving) in enumerate(self.layers):
            weights = numbers[:, first : first + entering * leaving].unflatten(1, (entering, leaving))
            biases = numbers[:, first + entering * leaving : first + (entering + 1) * leaving]
            answers = answers @ weights + biases[:, None]  # (b, h * w, leaving)
            first += (entering + 1) * leaving
            if number < self.depth:
                bent = answers.atan()
                answers = torch.cat([bent / ATAN_RMS, bent.square() / ATAN_SQUARE_RMS], 2)
        return planes_to_picture(LAST_SCALE * answers.mT.unflatten(2, self.size))

    def places(self, like: Tensor) -> Float[Tensor, "1 n 2"]:
        """The place (x, y) of every pixel, row by row: the longer side goes from -1.7 to 1.7, its deviation is 1."""
        height, width = self.size
        reach = math.sqrt(3) / max(height, width)
        y = torch.linspace(-height * reach, height * reach, height, device=like.device, dtype=like.dtype)
        x = torch.linspace(-width * reach, width * reach, width, device=like.device, dtype=like.dtype)
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        return torch.stack([columns, rows], -1).reshape(1, -1, 2)
