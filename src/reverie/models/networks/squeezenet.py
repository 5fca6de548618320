"""SqueezeNet 1.1 (Iandola and others, 2016), trained on ImageNet: the network that comes with the package."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reverie.errors import WeightsError
from reverie.models.networks.chain import Answer, Chain, Layer, Planes, Tape
from reverie.models.networks.layers import Convolution, MaxPool

# The channels that a fire module squeezes to, and that each of its two expanding convolutions answers with.
FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
LAYERS = ("conv1", "pool1", "fire2", "fire3", "pool3", "fire4", "fire5", "pool5", "fire6", "fire7", "fire8", "fire9")


class SqueezeNet(Chain):
    """Activations are those after the ReLU, but for `conv10`, whose 1000 channels are the classes of ImageNet at each
    place: their ReLU, averaged over all places, is what a class scores.
    """

    LAYERS = (*LAYERS, "conv10")
    CLASSES = "conv10"
    MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
    STD = (1 / 255, 1 / 255, 1 / 255)

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """`tensors` by the names of `shapes()`."""
        super().__init__()
        self.block_parameters = {
            name: (sum(each.numel() for key, each in tensors.items() if key.split(".")[0] == name), 0)
            for name in self.LAYERS
        }
        self.blocks = nn.ModuleDict({name: block(name, tensors) for name in self.LAYERS})

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> SqueezeNet:
        """From tensors under our own names. WeightsError if they do not fit."""
        for name, shape in shapes().items():
            got = tuple(weights[name].shape) if name in weights else "no such tensor"
            if got != shape:
                raise WeightsError(f"not weights of squeezenet: {name} is {got}, expected {shape}")
        return cls(weights)

    @classmethod
    def random(cls, seed: int = 0) -> SqueezeNet:
        """Untrained: the same network for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes().items()}
        for tensor in tensors.values():  # He's deviation keeps activations alive; biases are small
            tensor *= (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.01
        return cls(tensors)

    def logits(self, planes: Float[Tensor, "b 1000 h w"]) -> Float[Tensor, "b 1000"]:
        """What every class scores, from `conv10`."""
        return planes.relu().mean((2, 3))


class Fire(Layer):
    """Squeezes the channels, then expands them by a 1x1 and a 3x3 convolution side by side."""

    def __init__(self, squeeze: Convolution, expand1x1: Convolution, expand3x3: Convolution) -> None:
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3 = squeeze, expand1x1, expand3x3

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        squeezed = self.squeeze.answer(planes, tape)
        return torch.cat([expand.answer(squeezed, tape, masked) for expand in (self.expand1x1, self.expand3x3)], 1)

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        one, three = grad.chunk(2, 1)
        squeezed = self.expand3x3.pull(three, tape, masked)
        return self.squeeze.pull(self.expand1x1.pull(one, tape, masked, squeezed), tape)


def block(name: str, tensors: Mapping[str, Tensor]) -> Layer:
    """The layer of a name."""

    def convolution(key: str, stride: int = 1, padding: int = 0, relu: bool = True) -> Convolution:
        return Convolution(tensors[f"{key}.weight"], tensors[f"{key}.bias"], stride, (padding, padding), relu)

    if name in FIRES:
        squeeze, expand1x1 = convolution(f"{name}.squeeze1x1"), convolution(f"{name}.expand1x1")
        return Fire(squeeze, expand1x1, convolution(f"{name}.expand3x3", padding=1))
    if name.startswith("pool"):
        return MaxPool()
    return convolution(name, relu=False) if name == "conv10" else convolution(name, stride=2)


def shapes() -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by its name: kernels are (out, in, height, width)."""
    found: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 3, 3), "conv1.bias": (64,)}
    channels = 64
    for name, (squeezed, expanded) in FIRES.items():
        for part, out, into, side in [
            ("squeeze1x1", squeezed, channels, 1),
            ("expand1x1", expanded, squeezed, 1),
            ("expand3x3", expanded, squeezed, 3),
        ]:
            found |= {f"{name}.{part}.weight": (out, into, side, side), f"{name}.{part}.bias": (out,)}
        channels = 2 * expanded
    return {**found, "conv10.weight": (1000, channels, 1, 1), "conv10.bias": (1000,)}
