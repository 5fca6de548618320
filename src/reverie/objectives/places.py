"""Places of a layer's grid: everywhere, the middle, one neuron, or a rectangle of neurons."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError
from reverie.objectives.checks import check_index

Place: TypeAlias = tuple[int, ...]
"""Rows and columns in neurons: () the middle, (y, x) one neuron, (y, x, height, width) a rectangle with that corner."""


def check_place(place: Any) -> Place | None:
    """The place, None for everywhere; "middle" is the middle. Raises `SettingsError` for anything else."""
    if place is None:
        return None
    if isinstance(place, str) and place == "middle":
        return ()
    try:
        numbers = tuple(place)
    except TypeError:
        numbers = (0,)
    if isinstance(place, str) or len(numbers) not in (0, 2, 4):
        raise SettingsError(f'the place {place!r}; expected (y, x), (y, x, height, width) or "middle"')
    found = tuple(map(check_index, ("row", "column", "height", "width"), numbers))
    if 0 in found[2:]:
        raise SettingsError(f"the place {place!r} is empty; expected a height and a width from 1 up")
    return found


def format_place(place: Place | None) -> str:
    """A place in words: nothing for everywhere, "@" for the middle, "@3,7" for a neuron."""
    return "" if place is None else "@" + ",".join(map(str, place))


def weigh_place(place: Place, grid: tuple[int, int], words: str) -> Float[Tensor, "h w"]:
    """The weights of the neurons at a place, 1 in all.

    Raises `ImageTooSmall` off the grid: `words`, and which places there are.
    """
    y, x, height, width = (*(place or (grid[0] // 2, grid[1] // 2)), 1, 1)[:4]
    if y + height > grid[0] or x + width > grid[1]:
        rows = f"the rows 0 to {grid[0] - 1} and the columns 0 to {grid[1] - 1}"
        places = rows if grid != (1, 1) else "a single place: leave out the one after @"
        raise ImageTooSmall(f"{words} has {places}")
    share = torch.zeros(grid)
    share[y : y + height, x : x + width] = 1 / (height * width)
    return share
