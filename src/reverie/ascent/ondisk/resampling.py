"""Resizes a raster one rectangle at a time, to the same pixels as `resize` gives for the whole picture."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.ondisk.raster import Raster, Span, draft_raster, split_into_rectangles


@runtime_checkable
class ReadableRaster(Protocol):
    """A picture of which rectangles can be read: a raster, or what is computed from one."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
        """A rectangle of it as floats."""


def read_resized(raster: ReadableRaster, size: tuple[int, int], rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
    """A rectangle of the raster resized to `size` (height, width); values may overshoot, as those of `resize` do."""
    if size == raster.size:
        return raster.read(rows, columns)
    seen_rows, down = resampling_weights(raster.size[0], size[0], rows)
    seen_columns, across = resampling_weights(raster.size[1], size[1], columns)
    return down @ raster.read(seen_rows, seen_columns) @ across.T  # (h, old h) @ (1, c, old h, old w) @ (old w, w)


def resampling_weights(source: int, target: int, span: Span) -> tuple[Span, Float[Tensor, "new old"]]:
    """The resampling matrix along one side, from `source` to `target` pixels, for a `span` of the new ones.

    Returns the span of old pixels that are read, and the weight of each for every new pixel.
    Antialiased bicubic (Keys, a = -0.5), as torch's: the kernel is stretched where the picture shrinks, and pixels
    beyond the edge are left out, the weights of the others summing to 1.
    """
    scale = source / target
    stretch = max(scale, 1.0)
    centers = (torch.arange(*span, dtype=torch.float64) + 0.5) * scale
    # the kernel reaches 2 stretched pixels to either side
    first = max(0, int(centers[0] - 2 * stretch))
    end = min(source, int(centers[-1] + 2 * stretch) + 1)
    distance = (torch.arange(first, end) + 0.5 - centers[:, None]).abs() / stretch
    weight = cubic_kernel(distance)
    return (first, end), (weight / weight.sum(1, keepdim=True)).float()


def cubic_kernel(x: Float[Tensor, "new old"]) -> Float[Tensor, "new old"]:
    """Keys's cubic convolution kernel (a = -0.5) at distances of x pixels."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return near.where(x < 1, far.where(x < 2, torch.zeros_like(x)))


def write_resized(raster: Raster, new: Raster, side: int = 1024) -> Raster:
    """Writes the raster, resized to the size of `new`, into `new`, and returns that; nothing is done if it is complete.

    Squares of about `side` pixels are read at a time, so that memory does not follow the picture.
    """
    if new.there:
        return new
    step = max(16, int(side / max(1.0, raster.height / new.height)))
    with draft_raster(new) as draft:
        for rows, columns in split_into_rectangles(new.size, step):
            draft.write(rows, columns, read_resized(raster, new.size, rows, columns)[:, : new.channels])
    return new
