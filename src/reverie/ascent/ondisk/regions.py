"""One region of a dream on disk at one octave: its objective, its mask, and the pixels its gradient is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from reverie.ascent.ondisk.masks import SoftMask
from reverie.ascent.ondisk.window_gradient import WindowedObjective, find_clear_pixels
from reverie.gradient.masks import RegionWeights
from reverie.gradient.tiling import Window
from reverie.objectives.base import Objective
from reverie.objectives.penalties import sum_keep_weights
from reverie.types import CHANGE_LAYER, Model

RIM_SHARE = 1 / 8
"""Share of a sample window's side that is not measured along each edge: receptive fields reach beyond it there."""


@dataclass(frozen=True, eq=False)
class Region:
    """One objective of a pass at its octave's size, and where in the picture it counts."""

    parts: WindowedObjective
    keep: float
    """Weight of the penalty `keep`, which pulls every block back to the photograph."""
    mask: SoftMask | None
    """Where the objective counts; None: everywhere."""

    @classmethod
    def of(
        cls, model: Model, objective: Objective, mask: SoftMask | None, size: tuple[int, int], jitter: int
    ) -> Region:
        """A region of an octave of `size` (height, width); `jitter` as in the settings, in pixels."""
        parts = WindowedObjective.of(model, objective.without(CHANGE_LAYER), size, jitter)
        return cls(parts, sum_keep_weights(objective), mask)

    def weights(self, pairs: Sequence[tuple[Window, Window]]) -> Float[Tensor, "n 1 _h _w"]:
        """The mask in some windows of one size, 0..1; 1 (of size 1 x 1) where there is no mask."""
        if self.mask is None:
            return torch.ones(len(pairs), 1, 1, 1)
        return torch.cat([self.mask.weights(*pair) for pair in pairs])

    def pixels_to_measure(self, pairs: Sequence[tuple[Window, Window]]) -> Bool[Tensor, "n h w"]:
        """The pixels of some windows on which the gradient is measured.

        They are away from the rim, and weigh at least half as much as the heaviest of them.
        """
        clear = torch.cat([find_clear_pixels(*pair, RIM_SHARE) for pair in pairs])
        weights = self.weights(pairs)[:, 0]
        return clear & (weights >= (weights * clear).max() / 2)


def constant_weights(weights: Float[Tensor, "n 1 h w"]) -> RegionWeights:
    """The weights of a region in some windows, as the function of a size that `regional` expects."""
    return lambda size: weights
