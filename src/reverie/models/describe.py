"""What a network's layers are."""

from __future__ import annotations

from typing import Any

from reverie.models.hooked.network import Hooked
from reverie.models.load import load_model
from reverie.models.receptive_field import geometry
from reverie.types import Model


def layer_rows(name: str, weights: str, engine: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """A row for each layer, lowest first, and the parameters of each block of the network."""
    model = load_model(name, weights=weights, engine=engine, device="cpu", precision="float32")
    seen = geometry(model, model.layers)
    blocks = {block: {"trainable": own[0], "non_trainable": own[1]} for block, own in model.parameters.items()}
    rows = [
        {
            "layer": layer,
            "channels": seen[layer].channels,
            "stride": seen[layer].stride,
            "receptive_field": seen[layer].receptive_field or "all",
            "parameters": sum(blocks.get(layer, {}).values()) or within(model, layer),
        }
        for layer in model.layers
    ]
    return rows, blocks


def within(model: Model, layer: str) -> int:
    """The parameters of a layer that is no block of its own, where the network can tell."""
    network = getattr(model, "network", None)
    return sum(network.layer_parameters(layer)) if isinstance(network, Hooked) else 0


def totals(blocks: dict[str, dict[str, int]]) -> dict[str, int]:
    """The sums over all blocks."""
    trainable = sum(each["trainable"] for each in blocks.values())
    non_trainable = sum(each["non_trainable"] for each in blocks.values())
    return {"total": trainable + non_trainable, "trainable": trainable, "non_trainable": non_trainable}
