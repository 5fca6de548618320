"""Measures by experiment of which number the sides of a network's images must be multiples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

Accepts: TypeAlias = Callable[[int, int], bool]
"""accepts(height, width) -> whether a network takes an image of that size."""


def find_multiple(size: tuple[int, int], accepts: Accepts) -> int | None:
    """The least number whose multiples a network takes as sides of its images; 1: any size. None: `size` alone.

    `size`: a (height, width) that it takes.
    """
    height, width = size
    for step in list_divisors(height, width):
        # Of several lengths: a network that crops what fills no patch takes 65 pixels for 64, but perhaps not 72.
        # And never square: a network may take the squares of all sides, and nothing else.
        longer = dict.fromkeys(math.ceil(more / step) * step for more in (1, 5, 17))
        if all(accepts(height + more, width + 2 * more) for more in longer):
            return step
    return None


def find_least_size(multiple: int, size: tuple[int, int], accepts: Accepts) -> tuple[int, int]:
    """The (height, width) of the smallest square image whose sides are multiples of a number; `size` if none is."""
    sides = range(multiple, min(size), multiple)
    return next(((side, side) for side in sides if accepts(side, side)), size)


def list_divisors(height: int, width: int) -> Iterator[int]:
    """The numbers that divide both sides of an image, the smallest first."""
    return (step for step in range(1, min(height, width) + 1) if height % step == 0 and width % step == 0)
