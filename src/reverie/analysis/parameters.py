"""What a network is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie.types import Model


@dataclass(frozen=True)
class Parameters:
    """The numbers in a network, block by block, as published: (trainable, non-trainable)."""

    blocks: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, model: Model) -> Parameters:
        return cls(dict(model.parameters))

    @property
    def trainable(self) -> int:
        return sum(trainable for trainable, _ in self.blocks.values())

    @property
    def non_trainable(self) -> int:
        """Running means and variances of batch norm: measured while training, not learned."""
        return sum(fixed for _, fixed in self.blocks.values())

    @property
    def total(self) -> int:
        return self.trainable + self.non_trainable
