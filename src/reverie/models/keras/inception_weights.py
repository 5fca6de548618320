"""InceptionV3 in Keras with the same weights as our torch network: both engines read the same files.

So a file of Keras's, a file of ours, or the untrained network of a seed gives the same network, with the same digest,
in either engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reverie.models.keras.networks import build_keras_network
from reverie.models.networks.inception_blocks import keras_order
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
    return network, name, preprocess
