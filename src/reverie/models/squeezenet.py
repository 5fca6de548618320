"""SqueezeNet 1.1 (Iandola and others, 2016), trained on ImageNet: the network that comes with the package.

ReLU comes after each concatenation rather than in each branch, and after each pool rather than before it: the same
activations for a quarter of the work.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """Squeezes the channels, then expands them by a 1x1 and a 3x3 convolution side by side. Answers before its ReLU."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze1x1(x).relu_()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1)


class SqueezeNet(nn.Module):
    """The network: `forward(image, layers) -> {layer: activations}`, the image as `MEAN` and `STD` make it.

    Activations are those after the ReLU, but for `conv10`, whose 1000 channels are the classes of ImageNet at each
    place: as in the paper their ReLU, averaged over all places, is what a class scores.
    """

    MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
    STD = (1 / 255, 1 / 255, 1 / 255)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        self.pool1 = nn.MaxPool2d(3, 2)
        self.fire2 = Fire(64, 16, 64)
        self.fire3 = Fire(128, 16, 64)
        self.pool3 = nn.MaxPool2d(3, 2)
        self.fire4 = Fire(128, 32, 128)
        self.fire5 = Fire(256, 32, 128)
        self.pool5 = nn.MaxPool2d(3, 2)
        self.fire6 = Fire(256, 48, 192)
        self.fire7 = Fire(384, 48, 192)
        self.fire8 = Fire(384, 64, 256)
        self.fire9 = Fire(512, 64, 256)
        self.conv10 = nn.Conv2d(512, 1000, 1)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.named_children())

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        answers: dict[str, Tensor] = {}
        names = self.layers
        highest = max(names.index(name) for name in layers)
        x = image
        for name, above in zip(names[: highest + 1], [*names[1:], ""], strict=False):
            x = self.get_submodule(name)(x)
            if name != "conv10" and not (above.startswith("pool") and name not in layers):
                x = x.relu_()  # in place: what comes before it is never read again
            if name in layers:
                answers[name] = x
        return answers
