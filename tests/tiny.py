"""A network small enough to know by heart, with random weights that are the same everywhere."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn


class TinyNetwork(nn.Module):
    """Four layers without padding. Smooth, so that its gradient can be measured; `d` sees 17 pixels, four apart."""

    LAYERS: tuple[str, ...] = ("a", "b", "c", "d")
    MEAN = (0.5, 0.4, 0.3)
    STD = (0.25, 0.25, 0.25)

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3)
        self.b = nn.Conv2d(8, 12, 3, stride=2)
        self.c = nn.Conv2d(12, 12, 3, stride=2)
        self.d = nn.Conv2d(12, 10, 3)
        generator = torch.Generator().manual_seed(1)
        for parameter in self.parameters():
            wide = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * (2 / wide) ** 0.5)

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        answers: dict[str, Tensor] = {}
        for name, layer in self.named_children():
            if len(answers) < len(layers):
                image = nn.functional.softplus(layer(image), beta=3)
                answers |= {name: image} if name in layers else {}
        return answers
