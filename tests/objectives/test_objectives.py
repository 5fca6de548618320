"""Objectives are values: they score as arithmetic says, and nothing done with them changes them."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective, channel, layer, neuron
from reverie.objectives.parser import objective
from reverie.objectives.penalties import total_variation
from reverie.types import IMAGE_LAYER, Image

SEEN = {
    "low": torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(1)),
    "high": torch.randn(2, 7, 3, 3, generator=torch.Generator().manual_seed(2)),
    IMAGE_LAYER: torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(3)),
}
KINDS = [
    layer("low"),
    layer("high", 2),
    channel("low", 3),
    channel("high", 6, 3),
    neuron("low", 1),
    neuron("high", 2, (0, 2), 2),
    total_variation(),
]
kinds = st.sampled_from(KINDS)
weights = st.floats(-1e6, 1e6)


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-3)


@given(kinds, kinds, weights, weights)
def test_scores_are_as_arithmetic_says(a: Objective, b: Objective, x: float, y: float) -> None:
    assert close((a + b)(SEEN), a(SEEN) + b(SEEN))
    assert close((a - b)(SEEN), a(SEEN) - b(SEEN))
    assert close((-a)(SEEN), -a(SEEN))
    assert torch.allclose((x * a)(SEEN), x * a(SEEN), rtol=1e-5)
    assert x * a == a * x
    weighted = (x * (a + y * b))(SEEN)
    assert torch.allclose(weighted, x * a(SEEN) + x * y * b(SEEN), rtol=1e-3, atol=1e-3 * abs(x * y) + 1e-2)


@given(kinds, kinds, weights)
def test_operators_do_not_change_their_operands(a: Objective, b: Objective, x: float) -> None:
    before = (a.terms, b.terms, str(a), str(b))
    _ = a + b, a - b, -a, x * a, b * x
    assert before == (a.terms, b.terms, str(a), str(b))


@pytest.mark.parametrize("wish", KINDS, ids=str)
def test_objectives_are_frozen_and_equal_by_value(wish: Objective) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        wish.terms = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        wish.terms[0][1].layer = "other"  # type: ignore[misc]
    assert objective(str(wish)) == wish
    assert hash(objective(str(wish))) == hash(wish)


def test_each_term_is_its_formula() -> None:
    low, high, image = SEEN["low"], SEEN["high"], SEEN[IMAGE_LAYER]
    down = (image[:, :, 1:] - image[:, :, :-1]).abs().sum((1, 2, 3))
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().sum((1, 2, 3))
    formulas = [
        low.mean((1, 2, 3)),
        (high**2).mean((1, 2, 3)),
        low[:, 3].mean((1, 2)),
        (high[:, 6] ** 3).mean((1, 2)),
        low[:, 1, 2, 3],
        high[:, 2, 0, 2] ** 2,
        255 * (down + right) / (9 * 8),
    ]
    for wish, formula in zip(KINDS, formulas, strict=True):
        assert torch.allclose(wish(SEEN), formula, rtol=1e-5), str(wish)


def test_layers_are_read_once() -> None:
    assert (KINDS[0] + KINDS[2] - KINDS[6] + KINDS[1]).layers == ("low", IMAGE_LAYER, "high")


def test_half_precision_is_scored_in_full() -> None:
    seen = {"low": SEEN["low"].bfloat16()}
    score = layer("low", 2)(seen)
    assert score.dtype == torch.float32
    assert torch.allclose(score, seen["low"].float().square().mean((1, 2, 3)))


def test_total_variation_is_roughness(noise: Image) -> None:
    tv = total_variation()
    assert tv({IMAGE_LAYER: torch.full((1, 3, 8, 8), 0.7)}).item() == 0
    scores = [tv({IMAGE_LAYER: 0.5 + strength * (noise - 0.5)}) for strength in (0.1, 0.3, 1.0)]
    assert (scores[0] < scores[1]).all() and (scores[1] < scores[2]).all()


def test_pictures_of_a_batch_are_scored_apart() -> None:
    other = {name: torch.cat([seen[:1], torch.randn_like(seen[1:])]) for name, seen in SEEN.items()}
    for wish in KINDS:
        assert wish(SEEN)[0] == wish(other)[0], str(wish)


OF_TINY = ["d", "c^2", "b:3", "a:1^3", "c:4@", "d:2@1,0", "a + 0.5*d:1 - 0.001*tv", "-b", "-tv"]


@pytest.mark.parametrize("words", OF_TINY)
def test_a_small_step_along_the_gradient_raises_the_score(words: str, tiny: TorchModel, noise: Image) -> None:
    wish = objective(words)
    score, grad = gradient_of(tiny, wish)(noise)
    climbed = noise + 1e-3 * grad / grad.abs().amax((1, 2, 3), keepdim=True)
    assert (make_score_function(tiny, wish)(climbed) > score).all()


def test_a_penalty_climbed_makes_the_picture_smoother(tiny: TorchModel, noise: Image) -> None:
    _, grad = gradient_of(tiny, -total_variation())(noise)
    smoother = noise + 1e-3 * grad.sign()
    assert (total_variation()({IMAGE_LAYER: smoother}) < total_variation()({IMAGE_LAYER: noise})).all()


def test_what_is_out_of_bounds_is_refused() -> None:
    for power in (0, 9, -1):
        with pytest.raises(SettingsError, match="whole number from 1 to 8"):
            layer("low", power)
    with pytest.raises(SettingsError, match="channel -1"):
        channel("low", -1)
    with pytest.raises(SettingsError, match="row -2"):
        neuron("low", 1, (-2, 0))
    for weight in (float("nan"), float("inf"), 1e308 * 10):
        with pytest.raises(SettingsError, match="finite"):
            weight * layer("low")
    with pytest.raises(SettingsError, match="finite"):
        1e200 * (1e200 * layer("low"))


def test_what_the_layer_does_not_have_is_refused() -> None:
    with pytest.raises(WordingError, match="low:4: low has the channels 0 to 3"):
        channel("low", 4)(SEEN)
    with pytest.raises(ImageTooSmall, match="rows 0 to 4 and the columns 0 to 5"):
        neuron("low", 0, (5, 0))(SEEN)


def test_numbers_of_numpy_and_torch_are_weights_and_channels() -> None:
    low = layer("low", np.int64(2))
    for twice in (torch.tensor(2.0) * low, np.float32(2) * low, low * np.int64(2), low / 0.5, low / torch.tensor(0.5)):
        assert twice == 2 * low
    assert channel("low", np.int64(3)) == channel("low", 3)
    assert neuron("low", 1, (np.int64(2), torch.tensor(3))) == neuron("low", 1, (2, 3))
    assert sum([low, layer("high"), -low]) == low + layer("high") - low
    with pytest.raises(SettingsError, match="divided by 0"):
        low / 0


@pytest.mark.parametrize("other", [1, 0.5, np.float32(2), torch.ones(2), np.ones(2), "low"])
def test_what_is_no_objective_is_not_added(other: Any) -> None:
    low: Any = layer("low")
    for add in (operator.add, operator.sub):
        for pair in ((low, other), (other, low)):
            with pytest.raises(TypeError):
                add(*pair)
    with pytest.raises(TypeError):
        low * low


@pytest.mark.parametrize("place", [(1,), (1, 2, 3), (1, -2), "corner", (0, 0, 0, 2)])
def test_what_is_no_place(place: Any) -> None:
    with pytest.raises(SettingsError):
        layer("low", place=place)


def test_places_are_where_they_say() -> None:
    low = SEEN["low"]  # (2, 4, 5, 6)
    for wish, expected in [
        (layer("low", place="middle"), low[:, :, 2, 3].mean(1)),
        (layer("low", 2, (1, 4)), low[:, :, 1, 4].square().mean(1)),
        (layer("low", place=(1, 2, 3, 4)), low[:, :, 1:4, 2:6].mean((1, 2, 3))),
        (neuron("low", 1, (1, 2, 3, 4)), low[:, 1, 1:4, 2:6].mean((1, 2))),
    ]:
        assert torch.allclose(wish(SEEN), expected, rtol=1e-5), str(wish)
    with pytest.raises(ImageTooSmall, match="rows 0 to 4"):
        layer("low", place=(3, 0, 3, 1))(SEEN)
