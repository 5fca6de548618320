"""Directions and guides are the formulas they say, and climbing them brings the picture nearer to what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from reverie.ascent.steps import ascend
from reverie.errors import ImageFileError, ImageTooSmall, SettingsError, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.normalization import normalized
from reverie.image.arrays import open_image
from reverie.image.writing import save_image
from reverie.objectives import guides
from reverie.objectives.base import Objective
from reverie.objectives.directions import direction
from reverie.objectives.guides import guide, replace_layers_by_guides
from reverie.objectives.parser import objective
from seer import noise, seer

VECTOR = torch.tensor([0.5, 0, -1.25, 0, 2, 0])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    save_image(noise(1, 3, 30, 40, seed=9), tmp_path / "guide picture.png")
    return tmp_path / "guide picture.png"


def climbed(wish: Objective, steps: int = 8) -> tuple[float, float]:
    """The score of a picture before and after some steps."""
    model, image = seer(), noise(1, 3, 24, 28)
    *_, last = ascend(image, normalized(gradient_of(model, wish)), steps, 0.005)
    score = make_score_function(model, wish)
    return float(score(image)), float(score(last.image))


@pytest.mark.parametrize("cosine", [False, True])
def test_a_direction_is_its_formula(cosine: bool) -> None:
    model, image = seer(), noise(2, 3, 24, 28)
    planes = model(image, ["low"])["low"]
    expected = torch.einsum("bchw,c->bhw", planes, VECTOR)
    if cosine:
        expected = expected / planes.norm(dim=1) / VECTOR.norm()
    wish = direction("low", VECTOR, cosine)
    assert torch.allclose(make_score_function(model, wish)(image), expected.mean((1, 2)), rtol=1e-4)
    assert objective(str(wish)) == wish
    assert str(wish) == ("cos" if cosine else "dot") + "(0.5*low:0 - 1.25*low:2 + 2*low:4)"


def test_the_cosine_does_not_grow_with_the_activations() -> None:
    planes = torch.randn(1, 6, 4, 4, generator=torch.Generator().manual_seed(1))
    for wish, factor in [(direction("low", VECTOR, cosine=True), 1), (direction("low", VECTOR), 7)]:
        assert torch.allclose(wish({"low": 7 * planes}), factor * wish({"low": planes}), rtol=1e-4)
    quiet = torch.zeros(1, 6, 4, 4, requires_grad=True)
    direction("low", VECTOR, cosine=True)({"low": quiet}).sum().backward()
    assert quiet.grad is not None and bool(quiet.grad.isfinite().all())


@pytest.mark.parametrize("words", ["dot(low^2)", "cos(low:1 + high:1)", "cos(low:1^2)", "cos(low:1", "dot(tv)"])
def test_what_is_no_direction(words: str) -> None:
    with pytest.raises(WordingError):
        objective(words)


def test_directions_that_cannot_be() -> None:
    with pytest.raises(SettingsError, match="zero"):
        direction("low", [0.0, 0.0])
    with pytest.raises(WordingError, match="7 numbers for low, which has 6 channels"):
        make_score_function(seer(), direction("low", [0] * 6 + [1]))(noise(1, 3, 20, 20))


@pytest.mark.parametrize("layer", ["low", "high"])
def test_a_guide_is_the_best_match_at_every_place(layer: str, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = seer(), noise(2, 3, 24, 28)
    planes, own = model(image, [layer])[layer], model(open_image(picture), [layer])[layer]
    products = torch.einsum("bchw,cn->bhwn", planes, own[0].flatten(1)) / planes.shape[1]
    wish = guide(picture, layer)
    assert torch.allclose(make_score_function(model, wish)(image), products.amax(3).mean((1, 2)), rtol=1e-4)
    whole = gradient_of(model, wish)(image)[1]
    monkeypatch.setattr(guides, "MAX_DOT_PRODUCTS", 7 * own[0, 0].numel())  # seven places at a time
    assert torch.equal(gradient_of(model, wish)(image)[1], whole)


def test_the_mean_of_a_guide_is_a_covariance_over_the_channels(picture: Path) -> None:
    model, image = seer(), noise(2, 3, 24, 28)
    planes, own = (model(each, ["high"])["high"] for each in (image, open_image(picture)))
    apart = [each.mean((2, 3)) - each.mean((1, 2, 3))[:, None] for each in (planes, own)]
    wish = guide(picture, "high", mean=True)
    assert torch.allclose(make_score_function(model, wish)(image), (apart[0] * apart[1]).mean(1), rtol=1e-4)


def test_climbing_raises_what_is_wished(picture: Path) -> None:
    for wish in [
        direction("low", VECTOR),
        direction("high", torch.arange(9) - 4.0, cosine=True),
        guide(picture, "low"),
        guide(picture, "high"),
        guide(picture, "high", mean=True),
        objective("class:manatee"),
    ]:
        before, after = climbed(wish)
        assert after > before, wish


def test_words_of_guides(picture: Path) -> None:
    for words in [f'guide:"{picture}"@high', f'0.5*guide_mean:"{picture}"@low + low^2']:
        wish = objective(words)
        assert str(wish) == words
        assert objective(str(wish)) == wish
        assert wish.files == (str(picture),)
    assert objective("guide:a/flowers.jpg@high") == guide("a/flowers.jpg", "high")


def test_guides_take_the_place_of_layers_alone() -> None:
    wish = replace_layers_by_guides(objective("high^2 - 0.5*low + class:3 - 0.1*tv"), [(1.0, "a.jpg"), (0.25, "b.jpg")])
    expected = 'guide:"a.jpg"@high + 0.25*guide:"b.jpg"@high - 0.5*guide:"a.jpg"@low - 0.125*guide:"b.jpg"@low'
    assert str(wish) == expected + " + class:3 - 0.1*tv"
    with pytest.raises(WordingError, match="no layer for a guide"):
        replace_layers_by_guides(objective("class:3"), [(1.0, "a.jpg")])


def test_guides_that_cannot_be(tmp_path: Path) -> None:
    save_image(noise(1, 3, 4, 40), tmp_path / "small.png")
    with pytest.raises(ImageTooSmall, match=r"small.png.*40 x 4 pixels.*high of seer needs sides of 7"):
        make_score_function(seer(), guide(tmp_path / "small.png", "high"))
    with pytest.raises(ImageFileError, match=r"gone\.png"):
        make_score_function(seer(), guide(tmp_path / "gone.png", "high"))
    with pytest.raises(WordingError, match="quotation mark"):
        guide('a"b.png', "high")


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("place", [None, "middle", (1, 2), (0, 1, 2, 2)])
def test_the_gradient_of_a_direction_is_its_slope(cosine: bool, place: Any) -> None:
    planes = torch.rand(1, 6, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    for power in (0,) if cosine else (0, 1, 3):
        wish = direction("low", VECTOR, cosine, power, place)
        assert torch.autograd.gradcheck(lambda low, wish=wish: wish({"low": low}), planes)


def test_a_dot_product_times_a_power_of_the_cosine() -> None:
    planes = torch.randn(2, 6, 4, 5, generator=torch.Generator().manual_seed(1))
    dot, angle = torch.einsum("bchw,c->bhw", planes, VECTOR), torch.cosine_similarity(planes, VECTOR[:, None, None], 1)
    for power in (1, 2, 8):
        expected = dot * angle.clamp_min(0.1) ** power
        score = direction("low", VECTOR, cosine_power=power)({"low": planes})
        assert torch.allclose(score, expected.mean((1, 2)), rtol=1e-3)
        there = direction("low", VECTOR, cosine_power=power, place=(1, 2, 2, 2))({"low": planes})
        assert torch.allclose(there, expected[:, 1:3, 2:4].mean((1, 2)), rtol=1e-3)
    for wrong in (9, -1):
        with pytest.raises(SettingsError, match="from 0 to 8"):
            direction("low", VECTOR, cosine_power=wrong)
    with pytest.raises(SettingsError, match="a cosine alone has none"):
        direction("low", VECTOR, cosine=True, cosine_power=1)
