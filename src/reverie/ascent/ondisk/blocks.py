"""How an octave is cut into blocks that overlap, and how they are faded into each other.

A block owns a share of the picture and sees a margin around it. Half of the margin on either side of a border is the
fade, in which one block's dream goes over into its neighbor's; the rest, where the network lacked what lies beyond the
block, is thrown away. The margin is measured so that a block sees at most a quarter more than it owns.

Two neighbors dream differently where they meet, the more so the more steps they take apart; the fade blurs what they
disagree on. So an octave is dreamed in a few passes, each with its borders elsewhere: what one pass blurred lies inside
the blocks of the next, and in the last the neighbors have not had the time to disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.gradient.tiling import Span, Window

MARGIN_SHARE = 0.048
"""The margin as a share of the block's side: 1 / (1 - 2 * 0.048) ** 2 is 1.22, and jitter takes a little more."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a picture (height, width): squares of at most `side` pixels, their margins included.

    They begin at multiples of `step`, so that the grids of network and pyramid lie the same in all of them. `offset`,
    0..1, moves their borders by that share of a block.
    """

    size: tuple[int, int]
    side: int
    step: int
    offset: float = 0

    @property
    def margin(self) -> int:
        return max(2, int(MARGIN_SHARE * self.side / self.step)) * self.step

    @property
    def rows(self) -> list[Window]:
        return self.windows(self.size[0])

    @property
    def columns(self) -> list[Window]:
        return self.windows(self.size[1])

    def windows(self, side: int) -> list[Window]:
        """The windows along a side of the picture, of even shares: the last is no sliver."""
        if side <= self.side:
            return [Window((0, side), (0, side), side)]
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
        """What a block counts at each of the pixels it sees along a side: 1 inside, falling to 0 about its borders.

        At every pixel of the picture the blocks that see it count 1 together.
        """
        pixels = torch.arange(*window.seen) + 0.5
        (start, behind), fade = window.owned, self.margin
        rise = torch.ones_like(pixels) if start == 0 else ((pixels - start) / fade + 0.5).clamp(0, 1)
        fall = torch.ones_like(pixels) if behind >= window.side else ((behind - pixels) / fade + 0.5).clamp(0, 1)
        return rise + fall - 1


def shared(window: Window, span: Span) -> Span | None:
    """The pixels of a span that a window sees; None where it sees none."""
    both = max(window.seen[0], span[0]), min(window.seen[1], span[1])
    return both if both[0] < both[1] else None
