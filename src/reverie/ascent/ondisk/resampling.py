"""A raster at another size, one rectangle at a time: the same pixels as `resize` gives the whole."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.ondisk.raster import Raster, Span, drafted, rectangles


@runtime_checkable
class Readable(Protocol):
    """What rectangles of a picture are read from."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
        """A rectangle."""


def window(raster: Readable, size: tuple[int, int], rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
    """A rectangle of what the raster would be at another size (height, width)."""
    if size == raster.size:
        return raster.read(rows, columns)
    seen_rows, down = weights(raster.size[0], size[0], rows)
    seen_columns, across = weights(raster.size[1], size[1], columns)
    return down @ raster.read(seen_rows, seen_columns) @ across.T


def weights(source: int, target: int, span: Span) -> tuple[Span, Float[Tensor, "new old"]]:
    """Which of `source` pixels along a side the `span` of `target` new ones read, and by what weight each.

    Keys's cubic (a = -0.5), as wide as a new pixel where the picture shrinks; what lies outside counts for nothing.
    """
    scale = source / target
    stretch = max(scale, 1.0)
    centers = (torch.arange(*span, dtype=torch.float64) + 0.5) * scale
    first = max(0, int(centers[0] - 2 * stretch))
    behind = min(source, int(centers[-1] + 2 * stretch) + 1)
    distance = (torch.arange(first, behind) + 0.5 - centers[:, None]).abs() / stretch
    weight = cubic(distance)
    return (first, behind), (weight / weight.sum(1, keepdim=True)).float()


def cubic(x: Float[Tensor, "new old"]) -> Float[Tensor, "new old"]:
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return near.where(x < 1, far.where(x < 2, torch.zeros_like(x)))


def resized(raster: Raster, new: Raster, side: int = 1024) -> Raster:
    """Fills a new raster with the picture at the new one's size, reading squares of about `side` pixels."""
    if new.there:
        return new
    step = max(16, int(side / max(1.0, raster.height / new.height)))
    with drafted(new) as draft:
        for rows, columns in rectangles(new.size, step):
            draft.write(rows, columns, window(raster, new.size, rows, columns)[:, : new.channels])
    return new
