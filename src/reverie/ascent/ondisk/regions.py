"""What one region of a dream on disk wishes for at one octave: where, and on which pixels its strength is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from reverie.ascent.ondisk.masks import SoftMask
from reverie.ascent.ondisk.window_gradient import Parts, clear_of_rim
from reverie.gradient.masks import Weights
from reverie.gradient.tiling import Window
from reverie.objectives.base import Objective
from reverie.objectives.penalties import weight_of_keep
from reverie.types import CHANGE, Model

RIM = 1 / 8
"""What share of a sample's side is not measured, along each edge: there it lacks what lies beyond."""


@dataclass(frozen=True, eq=False)
class Region:
    """One wish of a pass, at its octave's size."""

    parts: Parts
    keep: float
    """How strongly every block stays near to the photograph."""
    mask: SoftMask | None
    """Where it counts; None: everywhere."""

    @classmethod
    def of(
        cls, model: Model, objective: Objective, mask: SoftMask | None, size: tuple[int, int], jitter: int
    ) -> Region:
        parts = Parts.of(model, objective.without(CHANGE), size, jitter)
        return cls(parts, weight_of_keep(objective), mask)

    def weights(self, pairs: Sequence[tuple[Window, Window]]) -> Float[Tensor, "n 1 _h _w"]:
        """How much it weighs in some windows of one size; everything where it has no mask."""
        if self.mask is None:
            return torch.ones(len(pairs), 1, 1, 1)
        return torch.cat([self.mask.weights(*pair) for pair in pairs])

    def measured_in(self, pairs: Sequence[tuple[Window, Window]]) -> Bool[Tensor, "n h w"]:
        """Where its gradient is measured in some windows: where it weighs at least half of its most."""
        clear = torch.cat([clear_of_rim(*pair, RIM) for pair in pairs])
        weights = self.weights(pairs)[:, 0]
        return clear & (weights >= (weights * clear).max() / 2)


def fixed(weights: Float[Tensor, "n 1 h w"]) -> Weights:
    """What a region weighs in some windows, as `regional` asks for it."""
    return lambda size: weights
