"""The parameters of a network, counted by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie.types import Model


@dataclass(frozen=True)
class Parameters:
    """Parameters of each top-level block, as published: name -> (trainable, non-trainable)."""

    blocks: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, model: Model) -> Parameters:
        return cls(dict(model.parameters))

    @property
    def trainable(self) -> int:
        return sum(trainable for trainable, _ in self.blocks.values())

    @property
    def non_trainable(self) -> int:
        """Running means and variances of batch normalization: measured in training, not learned."""
        return sum(fixed for _, fixed in self.blocks.values())

    @property
    def total(self) -> int:
        return self.trainable + self.non_trainable
