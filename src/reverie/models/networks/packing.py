"""Weights in oneDNN's own layouts, kept for the sizes of lately."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

KEPT_SIZES = 12
"""For how many sizes weights are kept packed: a film comes back to the sizes of its octaves at every frame."""

KEPT_BYTES = 2**22
"""How much of them is kept in bytes, unless that is less than one size takes."""


class PackedWeights:
    """One convolution's weights, packed for each of the input sizes of lately."""

    def __init__(self) -> None:
        self._kept: dict[torch.Size, Tensor] = {}  # least lately used first

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, size: torch.Size, pack: Callable[[], Tensor]) -> Tensor:
        """The weights for an input of this size (b, c, h, w); packed by `pack` where they are not kept.

        What is kept is what `pack` would make again, to the bit: it cannot be told from what is computed by it.
        """
        packed = self._kept.pop(size, None)
        if packed is None:
            packed = pack()
            room = max(1, min(KEPT_SIZES, KEPT_BYTES // count_packed_bytes(packed)))
            for oldest in list(self._kept)[: max(0, len(self._kept) - room + 1)]:
                self._kept.pop(oldest, None)  # another thread may have been here
        self._kept[size] = packed
        return packed

    def clear(self) -> None:
        """Forget all: the weights have changed."""
        self._kept.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {"_kept": {}}  # tensors in oneDNN's layout can be neither copied nor pickled


def count_packed_bytes(packed: Tensor) -> int:
    """About how much memory packed weights take; oneDNN pads them to whole blocks."""
    return packed.numel() * packed.element_size()
