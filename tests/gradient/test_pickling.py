"""Any gradient can be sent to another process: with all that is wrapped around it, it gives the same there."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

import reverie as rv
from reverie.models.torch_model import TorchModel
from tiny import TinyNetwork

MASK = torch.zeros(8, 8).index_fill(1, torch.arange(4), 1.0)

GRADIENTS: list[tuple[Any, dict[str, Any], int | None]] = [
    ("c^2 - 0.1*tv", {}, None),
    ("c^2", {"normalization": "mean-abs", "smoothing": 1.0, "keep_color": True}, None),
    ("c^2", {"jitter": 0, "laplacian_levels": 3}, 32),
    ("c + 0.5*keep", {}, None),
    ("c^2", {"panorama": "force"}, None),
    (rv.masked("c", MASK) + rv.masked("b^2", 1 - MASK), {}, None),
]


@pytest.mark.parametrize(("wish", "changed", "tile"), GRADIENTS)
def test_a_pickled_gradient_is_the_same(wish: Any, changed: dict[str, Any], tile: int | None) -> None:
    model = TorchModel(TinyNetwork(), "tiny", "0" * 64, precision="float32")
    image = torch.rand(1, 3, 48, 96, generator=torch.Generator().manual_seed(0))
    gradient = rv.dream_gradient(model, wish, rv.Settings(**changed), tile, photo=image)
    sent = pickle.loads(pickle.dumps(gradient))  # its generator goes with it, in the state that it is in
    for shown in (image, image * 0.5):
        (score, grad), (other_score, other_grad) = gradient(shown), sent(shown)
        assert torch.equal(score, other_score) and torch.equal(grad, other_grad) and bool(grad.any())
