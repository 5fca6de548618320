"""Any function of activations is an objective: scored, added and climbed as every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from reverie.errors import SettingsError, UnknownLayer, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.tiling import build_tiled_gradient
from reverie.jobs.shortcuts import dream
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import channel, layer
from reverie.objectives.functions import function
from reverie.objectives.wishes import parse_wish, require_words
from reverie.settings import Settings, VisualSettings
from reverie.types import Image

SMALL = VisualSettings(size=40, steps=8, jitter=2)


def mean_of_b3(activations: Mapping[str, Tensor]) -> Tensor:
    return activations["b"][:, 3].mean((1, 2))


def test_a_function_is_the_objective_that_it_computes(tiny: TorchModel, noise: Image) -> None:
    for wish in (function(mean_of_b3), function(mean_of_b3, ["b"]), function(mean_of_b3, "b"), mean_of_b3):
        score, grad = gradient_of(tiny, wish)(noise)
        own_score, own_grad = gradient_of(tiny, channel("b", 3))(noise)
        assert torch.allclose(score, own_score) and torch.allclose(grad, own_grad, atol=1e-8)
    both = 2 * function(mean_of_b3) + layer("c", 2)
    expected = make_score_function(tiny, "2*b:3 + c^2")(noise)
    assert torch.allclose(make_score_function(tiny, both)(noise), expected)


def test_a_single_number_is_the_sum_over_the_batch(tiny: TorchModel, noise: Image) -> None:
    score, grad = gradient_of(tiny, lambda seen: seen["b"][:, 3].mean((1, 2)).sum())(noise)
    own_score, own_grad = gradient_of(tiny, channel("b", 3))(noise)
    assert torch.allclose(score.sum(), own_score.sum()) and torch.allclose(grad, own_grad, atol=1e-8)


def test_functions_are_visualized_and_dreamed(tiny: TorchModel, noise: Image) -> None:
    assert torch.allclose(visualize(tiny, mean_of_b3, SMALL), visualize(tiny, "b:3", SMALL), atol=1e-3)
    both = visualize(tiny, [lambda seen: seen["b"][:, 3].mean(), "c:1"], SMALL)
    assert torch.allclose(both, visualize(tiny, ["b:3", "c:1"], SMALL), atol=1e-3)
    settings = Settings(octaves=1, steps=3, jitter=2)
    assert torch.allclose(dream(noise, tiny, mean_of_b3, settings), dream(noise, tiny, "b:3", settings), atol=1e-3)


@pytest.mark.parametrize(
    "bad",
    [lambda seen: seen["b"], lambda seen: 3.0, lambda seen: seen["b"].detach().mean((1, 2, 3)), lambda seen: None],
)
def test_what_is_no_score_is_said(tiny: TorchModel, noise: Image, bad: Any) -> None:
    with pytest.raises(SettingsError, match=r"function <lambda> .*(expected|compute it|reads no layer)"):
        gradient_of(tiny, bad)(noise)


def test_other_mistakes(tiny: TorchModel, noise: Image) -> None:
    with pytest.raises(UnknownLayer, match="no layer of tiny is called 'e'"):
        gradient_of(tiny, lambda seen: seen["e"].mean())
    with pytest.raises(UnknownLayer):
        gradient_of(tiny, function(mean_of_b3, ["e"]))
    with pytest.raises(WordingError, match="no objective"):
        parse_wish(3)
    with pytest.raises(WordingError, match="function mean_of_b3 has no words"):
        require_words(function(mean_of_b3) + layer("b"))
    with pytest.raises(SettingsError, match="whole picture at once"):
        build_tiled_gradient(tiny, function(mean_of_b3, ["b"]) + layer("b"), 24)(noise)
