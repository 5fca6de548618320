"""InceptionV3 in Keras with the same weights as our torch network: both engines read the same files.

So a file of Keras's, a file of ours, or the untrained network of a seed gives the same network, with the same digest,
in either engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reverie.models.keras.networks import build_keras_network
from reverie.models.networks.inception_blocks import keras_order
from reverie.models.networks.inception_names import BRANCHES, PRE, list_aliases
from reverie.models.networks.inception_weights import convert_weights

CONVERTIBLE_NETWORKS = ("inception_v3",)
"""The networks that both engines can run."""


def build_inception(name: str, weights: Mapping[str, Any]) -> tuple[Any, str, Callable[[Any], Any]]:
    """Build the Keras network with these weights: the network, its name and its preprocessing.

    `weights` by our own names or by Keras's. Raises WeightsError if they do not fit.
    """
    tensors = convert_weights(weights)
    network, preprocess = build_keras_network(name, "random")
    convolutions = [layer for layer in network.layers if type(layer).__name__ == "Conv2D"]
    norms = [layer for layer in network.layers if type(layer).__name__ == "BatchNormalization"]
    for conv, convolution, norm in zip(keras_order(), convolutions, norms, strict=True):
        # torch: (out, in, height, width); Keras: (height, width, in, out).
        convolution.set_weights([tensors[f"{conv.name}.kernel"].permute(2, 3, 1, 0).numpy()])
        norm.set_weights([tensors[f"{conv.name}.{part}"].numpy() for part in ("beta", "mean", "variance")])
    return name_layers_as_ours(network), name, preprocess


def name_layers_as_ours(network: Any) -> Any:
    """The network with the names that both engines have, and each block before its ReLU as a layer more.

    Keras's names stay, but for the few layers that are blocks of ours: `activation` is `conv1`.
    """
    import keras

    outputs = {layer.name: layer.output for layer in network.layers}
    before = [
        keras.layers.Concatenate(name=block + PRE)([outputs[pre] for branch in branches for pre in branch.pre])
        for block, branches in BRANCHES.items()
        if len(branches) > 1
    ]
    aliases = list_aliases()
    for layer in network.layers:
        layer.name = aliases.get(layer.name, layer.name)
    return keras.Model(network.inputs, [network.output, *before], name=network.name)
