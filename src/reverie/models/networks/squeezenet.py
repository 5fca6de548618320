"""SqueezeNet 1.1 (Iandola and others, 2016), trained on ImageNet: the network that comes with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reverie.errors import WeightsError
from reverie.models.networks.chain import Chain, FeatureMaps, Layer, OutputMaps, SavedTensors
from reverie.models.networks.inner import (
    BELOW,
    Node,
    insert_inner_layers,
    make_concatenation,
    make_convolution,
    make_relu,
)
from reverie.models.networks.layers import Convolution, MaxPool

# The channels that a fire module squeezes to, and those that each of its two expanding convolutions puts out.
FIRE_CHANNELS = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}


PRE = "_pre"
"""What is added to a name for the same before the ReLU."""


def list_inner_layers() -> dict[str, str]:
    """What lies within the layers, lowest first, each with its layer: {"fire8/squeeze_pre": "fire8", ...}."""
    parts = ("squeeze_pre", "squeeze", "expand1x1_pre", "expand1x1", "expand3x3_pre", "expand3x3")
    fires = {f"{fire}/{part}": fire for fire in FIRE_CHANNELS for part in parts}
    return {f"conv1{PRE}": "conv1"} | fires | {f"{fire}{PRE}": fire for fire in FIRE_CHANNELS}


class SqueezeNet(Chain):
    """SqueezeNet 1.1 with its classifier; activations are those after the ReLU, except for `conv10`.

    Within a fire module, `fire8/squeeze`, `fire8/expand1x1` and `fire8/expand3x3` can be read, and each and the whole
    before the ReLU: `fire8/squeeze_pre`, `fire8_pre`, and `conv1_pre`.

    The 1000 channels of `conv10` are ImageNet's classes at each place; the logit of a class is their ReLU averaged over
    all places.

    Its max pools drop the last row and column where a window would reach beyond the border (they round down), as those
    of keras-squeezenet do, from which the weights come. The authors' Caffe network and torchvision's round up: of a
    picture of 227 x 227 pixels their `pool3` has 28 x 28 places and their `fire8` 14 x 14, where there are 27 x 27 and
    13 x 13 here. All other places are the same, but the probabilities of the classes, averaged over the places, differ.
    Where both sides are multiples of 16 pixels, or 1 less (224, 223, ...), nothing is rounded, and the two agree.
    """

    LAYERS = (
        *("conv1", "pool1", "fire2", "fire3", "pool3", "fire4", "fire5", "pool5"),
        *("fire6", "fire7", "fire8", "fire9", "conv10"),
    )
    INNER: ClassVar[Mapping[str, str]] = list_inner_layers()
    ALL_LAYERS: ClassVar[tuple[str, ...]] = insert_inner_layers(LAYERS, INNER)
    CLASSES = "conv10"
    MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
    STD = (1 / 255, 1 / 255, 1 / 255)

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """`tensors` by the names of `weight_shapes()`."""
        super().__init__()
        self.block_parameters = {
            name: (sum(each.numel() for key, each in tensors.items() if key.split(".")[0] == name), 0)
            for name in self.LAYERS
        }
        self.blocks = nn.ModuleDict({name: build_layer(name, tensors) for name in self.LAYERS})

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> SqueezeNet:
        """Build it from tensors by the names of `weight_shapes()`. Raises WeightsError if they do not fit."""
        for name, shape in weight_shapes().items():
            got = tuple(weights[name].shape) if name in weights else "no such tensor"
            if got != shape:
                raise WeightsError(f"not weights of squeezenet: {name} is {got}, expected {shape}")
        return cls(weights)

    @classmethod
    def random(cls, seed: int = 0) -> SqueezeNet:
        """Build it untrained: the same seed gives the same weights."""
        generator = torch.Generator().manual_seed(seed)
        tensors = {name: torch.randn(shape, generator=generator) for name, shape in weight_shapes().items()}
        for tensor in tensors.values():  # He's initialization keeps the variance of activations; biases are small
            tensor *= (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.01
        return cls(tensors)

    def open_layer(self, name: str) -> Mapping[str, Node]:
        """See `Chain.open_layer`."""
        layer = self.block(name)
        if isinstance(layer, Convolution):
            return {name + PRE: make_convolution(layer.weight, layer.bias, layer.stride, layer.padding)}
        nodes: dict[str, Node] = {}
        for part, below in (("squeeze", BELOW), ("expand1x1", f"{name}/squeeze"), ("expand3x3", f"{name}/squeeze")):
            own: Convolution = getattr(layer, part)
            nodes[f"{name}/{part}{PRE}"] = make_convolution(own.weight, own.bias, own.stride, own.padding, below)
            nodes[f"{name}/{part}"] = make_relu(f"{name}/{part}{PRE}")
        expands = (f"{name}/expand1x1{PRE}", f"{name}/expand3x3{PRE}")
        return {**nodes, name + PRE: make_concatenation(expands)}

    def logits(self, maps: Float[Tensor, "b 1000 h w"]) -> Float[Tensor, "b 1000"]:
        """The logit of every class, from the activations of `conv10`."""
        return maps.relu().mean((2, 3))


class Fire(Layer):
    """A fire module: a 1x1 convolution squeezes the channels, a 1x1 and a 3x3 convolution in parallel expand them."""

    def __init__(self, squeeze: Convolution, expand1x1: Convolution, expand3x3: Convolution) -> None:
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3 = squeeze, expand1x1, expand3x3

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`. (b, c, h, w) -> (b, 2 * expanded, h, w)."""
        squeezed = self.squeeze.forward(maps, saved)
        expands = (self.expand1x1, self.expand3x3)
        return torch.cat([expand.forward(squeezed, saved, mask_relu) for expand in expands], 1)

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        grad1x1, grad3x3 = grad.chunk(2, 1)
        # In reverse of `forward`: what was saved last is popped first.
        squeezed = self.expand3x3.backward(grad3x3, saved, mask_relu)
        squeezed = self.expand1x1.backward(grad1x1, saved, mask_relu, squeezed)  # added to the other in place
        return self.squeeze.backward(squeezed, saved)


def build_layer(name: str, tensors: Mapping[str, Tensor]) -> Layer:
    """Build the layer of a name ("conv1", "pool1", "fire2", ...) with its share of the tensors."""

    def convolution(key: str, stride: int = 1, padding: int = 0, relu: bool = True) -> Convolution:
        return Convolution(tensors[f"{key}.weight"], tensors[f"{key}.bias"], stride, (padding, padding), relu)

    if name in FIRE_CHANNELS:
        squeeze, expand1x1 = convolution(f"{name}.squeeze1x1"), convolution(f"{name}.expand1x1")
        return Fire(squeeze, expand1x1, convolution(f"{name}.expand3x3", padding=1))
    if name.startswith("pool"):
        return MaxPool()
    return convolution(name, relu=False) if name == "conv10" else convolution(name, stride=2)


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by its name: kernels are (out, in, height, width)."""
    found: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 3, 3), "conv1.bias": (64,)}
    channels = 64
    for name, (squeezed, expanded) in FIRE_CHANNELS.items():
        for part, out, into, side in [
            ("squeeze1x1", squeezed, channels, 1),
            ("expand1x1", expanded, squeezed, 1),
            ("expand3x3", expanded, squeezed, 3),
        ]:
            found |= {f"{name}.{part}.weight": (out, into, side, side), f"{name}.{part}.bias": (out,)}
        channels = 2 * expanded
    return {**found, "conv10.weight": (1000, channels, 1, 1), "conv10.bias": (1000,)}
