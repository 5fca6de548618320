"""Chooses a default layer for a network that the catalog does not know, from how it is built."""

from __future__ import annotations

import math

from reverie.errors import SettingsError
from reverie.models.layer_names import list_main_layers
from reverie.types import Model

PREFERRED_STRIDE = 16
"""The stride in pixels at which networks trained on photographs detect parts of things: eyes, wheels, windows."""


def choose_middle_layer(model: Model) -> str:
    """Choose the layer to dream of if none is asked for: two thirds up the row of blocks whose stride is 16 pixels.

    GoogLeNet's is inception4d, one block from that of Google's 2015 notebook (4c). Where no layer has a stride, as in a
    network of dense layers alone, it is two thirds up the row of all blocks. Raises `SettingsError` for a model that
    does not tell the strides of its layers.
    """
    strides: dict[str, int] | None = getattr(getattr(model, "network", model), "strides", None)
    if strides is None:
        raise SettingsError(f"{model.name} has no objective of its own: say what it shall dream of with --objective")
    if not strides:
        classes = getattr(model, "classes", None)
        row = find_block_row([name for name in list_main_layers(model) if name != classes] or list(model.layers))
        return row[round(2 / 3 * (len(row) - 1))]
    # No layer need have that very stride: the nearest one by ratio counts.
    nearest = min(strides.values(), key=lambda stride: abs(math.log(stride / PREFERRED_STRIDE)))
    row = find_block_row([name for name, stride in strides.items() if stride == nearest])
    return row[round(2 / 3 * (len(row) - 1))]


def find_block_row(layers: list[str]) -> list[str]:
    """Find the blocks among layers: the siblings within the module that contains most of them, in order of execution.

    `layers` are dotted names. Descends from the whole network: as long as a single child contains more than two thirds
    of the layers that are left, the row of blocks lies within that child.
    """
    parent, within = "", layers
    while True:
        children: dict[str, list[str]] = {}  # of `parent`, each with the layers that it contains, itself included
        for name in within:
            children.setdefault(find_child_name(name, parent), []).append(name)
        largest = max(children, key=lambda child: len(children[child]))
        inner = [name for name in children[largest] if name != largest]
        if not inner or len(children[largest]) <= 2 / 3 * len(within):
            return [child for child in children if child in within] or list(within)
        parent, within = largest, inner


def find_child_name(name: str, parent: str) -> str:
    """Cut a dotted name one step below its parent: ("features.4.0", "features") -> "features.4"."""
    rest = name[len(parent) + 1 :] if parent else name
    return f"{parent}.{rest.split('.')[0]}" if parent else rest.split(".")[0]
