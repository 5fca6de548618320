"""Where a network that nobody has described to us is most worth a dream, told by how it is built."""

from __future__ import annotations

import math

from reverie.errors import SettingsError
from reverie.types import Model

SOUGHT = 16
"""Pixels from neuron to neuron where networks trained on photographs know parts of things: eyes, wheels, windows."""


def middle_layer(model: Model) -> str:
    """The layer to dream of unless told: two thirds up the row of blocks whose grid has a stride of 16 pixels.

    GoogLeNet's is inception4d, one block from the one of Google's notebook (4c). Raises `SettingsError` for a model
    that does not say the strides of its layers.
    """
    strides: dict[str, int] = getattr(getattr(model, "network", model), "strides", {})
    if not strides:
        raise SettingsError(f"{model.name} has no objective of its own: say what it shall dream of with --objective")
    nearest = min(strides.values(), key=lambda stride: abs(math.log(stride / SOUGHT)))
    row = row_of_blocks([name for name, stride in strides.items() if stride == nearest])
    return row[round(2 / 3 * (len(row) - 1))]


def row_of_blocks(layers: list[str]) -> list[str]:
    """The layers, in order of execution, that stand side by side in the container that holds most of them.

    From the whole network down: as long as one child holds more than two thirds of what is left, the row is within it.
    """
    parent, within = "", layers
    while True:
        children: dict[str, list[str]] = {}
        for name in within:
            children.setdefault(child_of(name, parent), []).append(name)
        largest = max(children, key=lambda child: len(children[child]))
        inner = [name for name in children[largest] if name != largest]
        if not inner or len(children[largest]) <= 2 / 3 * len(within):
            return [child for child in children if child in within] or list(within)
        parent, within = largest, inner


def child_of(name: str, parent: str) -> str:
    """The part of a dotted name that is one step below its parent: ("features.4.0", "features") -> "features.4"."""
    rest = name[len(parent) + 1 :] if parent else name
    return f"{parent}.{rest.split('.')[0]}" if parent else rest.split(".")[0]
