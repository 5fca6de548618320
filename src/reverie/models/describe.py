"""Describes the layers of a network as a table: channels, stride, receptive field, parameters."""

from __future__ import annotations

from typing import Any

from reverie.models.catalog import RANDOM_WEIGHTS, is_own, names_keras_file
from reverie.models.hooked.network import HookedNetwork
from reverie.models.layer_names import list_aliases, list_main_layers
from reverie.models.load import load_model
from reverie.models.receptive_field import measure_geometry
from reverie.types import Model


def describe_layers(
    name: str, weights: str | None, engine: str, every: bool = False
) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """Load a network and describe it: a row for each layer, lowest first, and the parameters of each top-level block.

    A row has "layer", "channels", "stride" and "receptive_field" in pixels ("all": the whole image), "parameters". The
    parameters of a block are {"trainable": n, "non_trainable": n}. `every`: list the layers within the blocks too, and
    the other names of a layer, "also". `name`, `weights` and `engine`, and the errors raised, are those of
    `load_model`; without weights, what a network is built of is told with random ones.
    """
    weights = weights or (None if is_own(name) or names_keras_file(name) else RANDOM_WEIGHTS)
    model = load_model(name, weights=weights, engine=engine, device="cpu", precision="float32")
    return describe_model(model, every)


def describe_model(model: Model, every: bool = False) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """Describe the layers of a network that is loaded, as `describe_layers` does."""
    layers = model.layers if every else list_main_layers(model)
    fields = measure_geometry(model, layers)
    blocks = {block: {"trainable": own[0], "non_trainable": own[1]} for block, own in model.parameters.items()}
    rows = [
        {
            "layer": layer,
            "channels": fields[layer].channels,
            "stride": fields[layer].stride,
            "receptive_field": fields[layer].receptive_field or "all",
            "parameters": sum(blocks.get(layer, {}).values()) or count_layer_parameters(model, layer),
        }
        for layer in layers
    ]
    if every and (aliases := list_aliases(model)):
        for row in rows:
            row["also"] = ", ".join(alias for alias, layer in aliases.items() if layer == row["layer"])
    return rows, blocks


def count_layer_parameters(model: Model, layer: str) -> int:
    """Count the parameters of a layer within a block; 0 where the network does not tell."""
    network = getattr(model, "network", None)
    return sum(network.layer_parameters(layer)) if isinstance(network, HookedNetwork) else 0


def sum_parameters(blocks: dict[str, dict[str, int]]) -> dict[str, int]:
    """Sum the parameters over all blocks: {"total": n, "trainable": n, "non_trainable": n}."""
    trainable = sum(each["trainable"] for each in blocks.values())
    non_trainable = sum(each["non_trainable"] for each in blocks.values())
    return {"total": trainable + non_trainable, "trainable": trainable, "non_trainable": non_trainable}
