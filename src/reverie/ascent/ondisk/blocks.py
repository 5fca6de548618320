"""Cuts an octave into overlapping blocks, and weighs how neighboring blocks are blended.

A block owns a rectangle of the picture and sees a margin (the halo) around it. In the half of the margin that is nearer
to the border, on either side of it, the dream of one block is cross-faded into its neighbor's. The outer half, where
the receptive fields reach beyond the block, is thrown away. The margin is chosen so that a block computes at most a
quarter more pixels than it owns.

Two neighbors dream differently where they meet, and the more steps each takes alone, the larger the difference; the
cross-fade then blurs it, which would show as a seam. So the steps of an octave are taken in a few passes, whose block
borders lie at different places: what one pass blurred lies inside the blocks of the next, and within the last pass
there are too few steps for the neighbors to drift apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.gradient.tiling import Span, Window

MARGIN_SHARE = 0.048
"""Margin over the side of a block: 1 / (1 - 2 * 0.048) ** 2 is 1.22 times the pixels; jitter takes a little more."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a picture of `size` (height, width): squares of at most `side` pixels, their margins included.

    They begin at multiples of `step` pixels, so that the grids of the network and of the Laplacian pyramid fall on the
    same pixels in all of them. `offset`, 0..1, moves their borders by that share of a block.
    """

    size: tuple[int, int]
    side: int
    step: int
    offset: float = 0

    @property
    def margin(self) -> int:
        """How many pixels a block sees beyond what it owns on each side: a multiple of `step`."""
        return max(2, int(MARGIN_SHARE * self.side / self.step)) * self.step

    @property
    def rows(self) -> list[Window]:
        """The blocks from top to bottom."""
        return self.windows(self.size[0])

    @property
    def columns(self) -> list[Window]:
        """The blocks from left to right."""
        return self.windows(self.size[1])

    def windows(self, side: int) -> list[Window]:
        """The windows along a side of the picture; they own equal lengths, so that the last one is no sliver."""
        if side <= self.side:
            return [Window((0, side), (0, side), side)]
        # The largest length to own, in steps; then the same number of windows with equal lengths.
        own = max(self.step, (self.side - 2 * self.margin) // self.step * self.step)
        own = math.ceil(side / math.ceil(side / own) / self.step) * self.step
        first = int(self.offset * own / self.step) * self.step
        starts = sorted({0, *range(first, side, own)})
        return [
            Window(
                (max(0, start - self.margin), min(side, end + self.margin)),
                (start, end),
                side,
            )
            for start, end in zip(starts, [*starts[1:], side], strict=True)
        ]

    def fade(self, window: Window) -> Float[Tensor, " n"]:
        """The blending weight of a block at each pixel it sees along a side: 1 inside, a ramp to 0 across its borders.

        At every pixel of the picture, the weights of the blocks that see it sum to 1.
        """
        pixels = torch.arange(*window.seen) + 0.5
        (start, end), length = window.owned, self.margin  # the ramp: half a margin on either side of the border
        rise = torch.ones_like(pixels) if start == 0 else ((pixels - start) / length + 0.5).clamp(0, 1)
        fall = torch.ones_like(pixels) if end >= window.side else ((end - pixels) / length + 0.5).clamp(0, 1)
        return rise + fall - 1


def clip_to_window(window: Window, span: Span) -> Span | None:
    """The pixels of a span that a window sees; None where it sees none of them."""
    both = max(window.seen[0], span[0]), min(window.seen[1], span[1])
    return both if both[0] < both[1] else None


def shift_span(span: Span, by: int) -> Span:
    """The span shifted by so many pixels."""
    return span[0] + by, span[1] + by


def neighboring_blocks(number: int, windows: list[Window]) -> range:
    """The numbers of the blocks before, at and after `number`, as far as there are any."""
    return range(max(0, number - 1), min(len(windows), number + 2))
