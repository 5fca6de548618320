"""A classifier small enough for laws: two layers of features, and five classes at every place."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from reverie.models.torch_model import TorchModel


class SeerNetwork(nn.Module):
    """Smooth and random, the same everywhere. Its classes have names of its own."""

    LAYERS: tuple[str, ...] = ("low", "high", "sort")
    CLASSES = "sort"
    CLASS_NAMES = ("ant", "bee, honeybee", "sea cow, manatee", "cow", "moth")
    MEAN = (0.5, 0.5, 0.5)
    STD = (0.25, 0.25, 0.25)

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Conv2d(3, 6, 3, stride=2)
        self.high = nn.Conv2d(6, 9, 3, stride=2)
        self.sort = nn.Conv2d(9, 5, 1)
        generator = torch.Generator().manual_seed(3)
        for parameter in self.parameters():
            wide = parameter[0].numel() if parameter.ndim > 1 else 9
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * (2 / wide) ** 0.5)

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        planes = image
        answers: dict[str, Tensor] = {}
        for name, layer in self.named_children():
            planes = layer(planes) if name == "sort" else nn.functional.softplus(layer(planes), beta=3)
            answers |= {name: planes} if name in layers else {}
        return answers


def seer() -> TorchModel:
    return TorchModel(SeerNetwork(), "seer", "0" * 64, device="cpu", precision="float32")


def noise(*shape: int, seed: int = 5) -> Tensor:
    """Pictures (b, 3, h, w) around gray, away from black and white."""
    return 0.35 + 0.3 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))
