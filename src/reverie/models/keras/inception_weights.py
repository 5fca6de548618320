"""The paper's network in Keras with the very weights that ours has: both engines read the same files.

A file of Keras's, one of ours and an untrained network of a seed so mean the same in both, and are known by one digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from reverie.models.keras.networks import build_network
from reverie.models.networks.inception_blocks import keras_order
from reverie.models.networks.inception_weights import canonical, untrained

__all__ = ["NETWORKS", "filled", "untrained"]

NETWORKS = ("inception_v3",)
"""The networks that both engines have."""


def filled(name: str, weights: Mapping[str, Any]) -> tuple[Any, str, Callable[[Any], Any]]:
    """The Keras network with these weights (our names or Keras's), its name and preprocessing. Raises WeightsError."""
    tensors = canonical(weights)
    network, preprocess = build_network(name, "random")
    convolutions = [layer for layer in network.layers if type(layer).__name__ == "Conv2D"]
    norms = [layer for layer in network.layers if type(layer).__name__ == "BatchNormalization"]
    for conv, convolution, norm in zip(keras_order(), convolutions, norms, strict=True):
        convolution.set_weights([tensors[f"{conv.name}.kernel"].permute(2, 3, 1, 0).numpy()])
        norm.set_weights([vector(tensors, f"{conv.name}.{part}") for part in ("beta", "mean", "variance")])
    return network, name, preprocess


def vector(tensors: Mapping[str, Tensor], name: str) -> Any:
    return tensors[name].numpy()
