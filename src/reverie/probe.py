"""What a network's layers see, found by asking the network: works for any network of any framework."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import torch

from reverie.types import Model


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
    """Whether the model has activations for a square image of that side."""
    try:
        with torch.no_grad():
            found = model(torch.zeros(1, 3, side, side, device=model.device), layers)
        return all(each.numel() for each in found.values())
    except (RuntimeError, ValueError):
        return False


@dataclass(frozen=True)
class Geometry:
    """Where the neurons of a layer look: neuron i sees the pixels `first + i * stride` and `receptive_field - 1` more.

    `receptive_field` and `first` are None where every neuron sees the whole picture.
    """

    channels: int
    stride: int
    receptive_field: int | None
    first: int | None


def geometry(model: Model, layers: Collection[str]) -> dict[str, Geometry]:
    """The geometry of layers, measured: a pixel that is no number makes every neuron that sees it no number either.

    A strip of pixels is blotted out from both ends, a column more each time. Where the outermost clean neuron turns,
    the column just blotted is the edge of its receptive field.
    """
    height = max(smallest_side(model, layers) or 0, 16)
    width = 1024
    while True:
        found = blotted_geometry(model, tuple(layers), height, width)
        if width >= 8192 or all(each.receptive_field for each in found.values()):
            return found
        width *= 2


def blotted_geometry(model: Model, layers: tuple[str, ...], height: int, width: int) -> dict[str, Geometry]:
    edges: dict[str, list[tuple[int, int, int]]] = {name: [] for name in layers}  # (blotted, first clean, last clean)
    channels = {}
    for blotted in range(64, 64 + LARGEST_STRIDE + 1):
        strip = torch.zeros(1, 3, height, width, device=model.device)
        strip[..., :blotted] = strip[..., width - blotted :] = float("nan")
        with torch.no_grad():
            answer = model(strip, layers)
        for name in layers:
            channels[name] = answer[name].shape[1]
            clean = (~answer[name].isnan().any(2).any(1)[0]).nonzero().flatten().tolist()
            if clean:
                edges[name].append((blotted, clean[0], clean[-1]))
    return {name: from_edges(channels[name], edges[name], width) for name in layers}


LARGEST_STRIDE = 64


def from_edges(channels: int, edges: list[tuple[int, int, int]], width: int) -> Geometry:
    pairs = list(itertools.pairwise(edges))
    left = [(before[0], before[1]) for before, after in pairs if after[1] > before[1]]
    right = [(width - before[0] - 1, before[2]) for before, after in pairs if after[2] < before[2]]
    if len(left) < 1 or len(right) < 1:
        return Geometry(channels, 0, None, None)
    stride = left[1][0] - left[0][0] if len(left) > 1 else LARGEST_STRIDE
    (column, neuron), (last, last_neuron) = left[0], right[0]
    first = column - neuron * stride
    return Geometry(channels, stride, last - last_neuron * stride - first + 1, first)
