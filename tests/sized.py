"""Networks of one size, or of multiples of a number, made of others that take any."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from reverie.errors import SizeRefused
from reverie.models.torch_model import TorchModel
from reverie.types import AcceptedSizes, Activations, Image


class SizedModel:
    """A model that refuses all sizes but those it says it takes."""

    def __init__(self, model: TorchModel, *size: int, multiple: int | None = None) -> None:
        self.model, self.accepted_sizes = model, AcceptedSizes((size[0], size[-1]), multiple)
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        height, width = image.shape[-2:]
        if not self.accepted_sizes.takes(height, width):
            raise SizeRefused(f"no picture of {width} x {height} pixels", self.accepted_sizes.size)
        self.batches.append(len(image))
        return self.model(image, layers)
