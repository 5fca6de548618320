"""What a network's layers see, found by asking the network: works for any network of any framework."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from reverie.errors import SizeRefused
from reverie.types import Activations, Model


def smallest_side(model: Model, layers: Collection[str], most: int = 4096) -> int | None:
    """The smallest side in pixels of a square image for which the model answers with the layers; None above `most`."""
    fails, works = 0, 1
    while not answers(model, layers, works):
        fails, works = works, 2 * works
        if works > most:
            return None
    while works - fails > 1:
        middle = (fails + works) // 2
        fails, works = (fails, middle) if answers(model, layers, middle) else (middle, works)
    return works


def answers(model: Model, layers: Collection[str], side: int) -> bool:
    """Whether the model has activations for a square image of that side. Raises `SizeRefused`."""
    try:
        with torch.no_grad():
            found = model(torch.zeros(1, 3, side, side, device=model.device), layers)
        return all(each.numel() for each in found.values())
    except SizeRefused:  # no other side would do
        raise
    except (RuntimeError, ValueError):
        return False


@dataclass(frozen=True)
class Geometry:
    """Where the neurons of a layer look: neuron i sees the pixels `first + i * stride` and `receptive_field - 1` more.

    `receptive_field` and `first` are None where every neuron sees the whole picture, or no two see alike (windows,
    as Swin's). `stride` is 0 for a grid of one place.
    """

    channels: int
    stride: int
    receptive_field: int | None
    first: int | None


def geometry(model: Model, layers: Collection[str]) -> dict[str, Geometry]:
    """The geometry of layers, measured: a pixel that is no number makes every neuron that sees it no number either.

    A strip of pixels is blotted out from both ends. Where one column more turns the outermost clean neuron, that column
    is the edge of its receptive field. A network of one size only is taken to see all of it everywhere.
    """
    try:
        return measured(model, layers)
    except SizeRefused as error:
        return spread(model, layers, error.size)


def measured(model: Model, layers: Collection[str]) -> dict[str, Geometry]:
    height = max(smallest_side(model, layers) or 0, 16)
    found: dict[str, Geometry] = {}
    for width in (1024, 2048, 4096):
        left = [name for name in layers if name not in found or found[name].receptive_field is None]
        if left:
            found |= Strip(model, left, height, width).geometry()
    return {name: found[name] for name in layers}


def spread(model: Model, layers: Collection[str], size: tuple[int, int]) -> dict[str, Geometry]:
    """The geometry that the grids of a picture of that size (height, width) show."""
    with torch.no_grad():
        answer = model(torch.zeros(1, 3, *size, device=model.device), layers)
    return {name: unseen(answer[name], size[1]) for name in layers}


def unseen(activations: Tensor, width: int) -> Geometry:
    """The geometry of a grid over pixels of that width, where nothing is known of what its neurons see."""
    channels, columns = activations.shape[1], activations.shape[3]
    return Geometry(channels, round(width / columns) if columns > 1 else 0, None, None)


class Strip:
    """A strip of pixels, blotted out from both ends by so many columns, and which neurons stay clean."""

    def __init__(self, model: Model, layers: Collection[str], height: int, width: int) -> None:
        self.model, self.layers, self.height, self.width = model, tuple(layers), height, width
        self.grids: dict[str, Geometry] = {}
        self.seen: dict[int, dict[str, tuple[int, int]]] = {}

    def geometry(self) -> dict[str, Geometry]:
        return {name: self.geometry_of(name) for name in self.layers}

    def geometry_of(self, layer: str) -> Geometry:
        columns = self.turns(layer, side=0)
        grid = self.grids[layer]
        # Neurons that share windows turn clean a whole window at a time.
        if len(columns) < 2 or round((columns[1] - columns[0]) / max(grid.stride, 1)) != 1:
            return grid
        stride = columns[1] - columns[0]
        first = columns[0] - self.clean(columns[0])[layer][0] * stride
        end = self.turns(layer, side=1)[0]
        last = self.width - end - 1 - self.clean(end)[layer][1] * stride
        return Geometry(grid.channels, stride, last - first + 1, first)

    def turns(self, layer: str, side: int) -> list[int]:
        """The two first numbers of blotted columns after which one more turns the outermost clean neuron of a side."""
        found: list[int] = []
        low = BLOTTED
        while len(found) < 2:
            before, high = self.clean(low)[layer][side], low + LARGEST_STRIDE
            if before < 0 or self.clean(high)[layer][side] in (before, -1):
                break
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self.clean(middle)[layer][side] == before else (low, middle)
            found.append(low)
            low = high
        return found

    def clean(self, blotted: int) -> dict[str, tuple[int, int]]:
        """The first and the last clean neuron of each layer, -1 where none is."""
        if blotted not in self.seen:
            answer = self.answers(blotted)
            self.grids = {name: unseen(answer[name], self.width) for name in self.layers}
            self.seen[blotted] = {name: ends(numbers(answer[name]) & ~self.blind[name]) for name in self.layers}
        return self.seen[blotted]

    def answers(self, blotted: int) -> Activations:
        strip = torch.zeros(1, 3, self.height, self.width, device=self.model.device)
        strip[..., :blotted] = strip[..., self.width - blotted :] = float("nan")
        with torch.no_grad():
            return self.model(strip, self.layers)

    @cached_property
    def blind(self) -> dict[str, Tensor]:
        """The columns of each layer that see no pixel at all: what a layer that pads has added."""
        answer = self.answers(self.width)
        return {name: numbers(answer[name]) for name in self.layers}


BLOTTED = 64
LARGEST_STRIDE = 64


def numbers(activations: Tensor) -> Tensor:
    """The columns (w,) where every activation of the first picture is a number."""
    return ~activations.isnan().any(2).any(1)[0]


def ends(columns: Tensor) -> tuple[int, int]:
    clean = columns.nonzero().flatten().tolist()
    return (clean[0], clean[-1]) if clean else (-1, -1)
