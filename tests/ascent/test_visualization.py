"""From noise upward: climbing raises the score through every param, and a picture does not depend on its neighbors."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from reverie.ascent.chain import add_noise_if_zero, pull_back_gradient
from reverie.ascent.optimizers import adam
from reverie.ascent.param import FourierImage, Param, PixelImage, make_noise_canvas
from reverie.ascent.visualization import visualize_steps
from reverie.errors import ImageTooSmall, SettingsError, UnknownName, WordingError
from reverie.gradient.base import make_score_function
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective, channel, layer
from reverie.objectives.batch import per_image
from reverie.objectives.guides import guide
from reverie.objectives.parser import objective
from reverie.objectives.scorer import Scorer
from reverie.settings.visual import Parametrization, VisualSettings
from reverie.types import Image, Score
from seer import seer

SMALL = VisualSettings(size=40, steps=25, jitter=2)
PARAMS = [FourierImage((30, 40)), FourierImage((31, 21), 2), PixelImage((12, 17))]


def rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("param", ["fourier", "pixel"])
@pytest.mark.parametrize("words", ["b:3", "d:2@", "c^2", "b:1 - 0.5*b:2"])
def test_climbing_raises_the_score(tiny: TorchModel, param: Parametrization, words: str) -> None:
    settings = VisualSettings(size=40, steps=25, jitter=2, param=param)
    steps = list(visualize_steps(tiny, [words], settings))
    score = make_score_function(tiny, objective(words))
    assert float(score(steps[-1].image)) > float(score(steps[0].image)) + 1e-3
    assert steps[-1].image.shape == steps[0].before.shape == (1, 3, 40, 40)
    assert all(later.before is step.image for step, later in itertools.pairwise(steps))
    assert 0 <= float(steps[-1].image.min()) < float(steps[-1].image.max()) <= 1


@pytest.mark.parametrize("param", ["fourier", "pixel"])
@pytest.mark.parametrize("size", [(32, 57), "57x32"])
def test_a_picture_has_the_height_and_the_width_asked_for(
    tiny: TorchModel, param: Parametrization, size: str | tuple[int, int]
) -> None:
    steps = list(visualize_steps(tiny, ["b:3", "c"], replace(SMALL, size=size, param=param)))
    shape = (2, 3, 32, 57) if isinstance(size, tuple) else (2, 3, 57, 32)
    assert {each.image.shape for each in steps} == {shape}
    assert (steps[-1].score > steps[0].score).all()


@pytest.mark.parametrize("param", PARAMS)
def test_nothing_is_middle_gray(param: Param) -> None:
    nothing = torch.full((2, *param.canvas_shape), 0.5)
    picture = param(nothing)
    assert picture.shape == (2, 3, *param.size)  # type: ignore[attr-defined]
    assert torch.allclose(picture, torch.tensor(0.5))
    noise = param(make_noise_canvas(param.canvas_shape, rng()))
    assert 0.001 < float(noise.std()) < 0.2
    assert torch.equal(noise, param(make_noise_canvas(param.canvas_shape, rng())))
    assert not torch.equal(noise, param(make_noise_canvas(param.canvas_shape, rng(2))))


def test_a_spectrum_is_damped_where_it_is_high() -> None:
    def roughness(decay: float) -> float:
        param = FourierImage((64, 64), decay)
        picture = param(make_noise_canvas(param.canvas_shape, rng()))
        return float(picture.diff(dim=3).std() / picture.std())

    assert roughness(0) > 1.3 > 1 > roughness(1) > roughness(2)


def test_a_canvas_moves_a_single_frequency() -> None:
    param = FourierImage((16, 32))
    canvas = torch.full((1, *param.canvas_shape), 0.5)
    canvas[0, 0, 0, 2 * 3] = 0.6  # the real part of three waves across
    gray = param(canvas).logit()[0, 0, 5]
    waves = torch.cos(3 * math.tau * torch.arange(32) / 32)
    assert torch.allclose(gray / gray.max(), waves, atol=1e-3)


def test_several_wishes_are_climbed_as_if_alone(tiny: TorchModel) -> None:
    words = ["b:3", "c:1", "d:2^2"]
    together = visualize(tiny, words, SMALL)
    for number, each in enumerate(words):
        assert torch.allclose(together[number], visualize(tiny, each, SMALL)[0], atol=1e-3)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_the_seed_makes_the_picture(tiny: TorchModel) -> None:
    assert torch.equal(visualize(tiny, "b:3", SMALL), visualize(tiny, "b:3", SMALL))
    assert not torch.equal(visualize(tiny, "b:3", SMALL), visualize(tiny, "b:3", SMALL, seed=1))


def test_a_class_of_a_classifier_is_seen_in_its_picture() -> None:
    model = seer()
    picture = visualize(model, ["class:bee", "class:moth"], SMALL)
    assert model.logits(picture).argmax(0)[[1, 4]].tolist() == [0, 1]


def test_each_picture_is_scored_by_its_own_objective(tiny: TorchModel, noise: Image) -> None:
    wishes = [channel("b", 3), 2 * layer("c", 2) - channel("b", 1)]
    expected = [make_score_function(tiny, wish)(noise)[number] for number, wish in enumerate(wishes)]
    assert make_score_function(tiny, per_image(wishes))(noise).tolist() == pytest.approx(
        [float(each) for each in expected]
    )
    with pytest.raises(SettingsError, match="2 pictures for 3 wishes"):
        make_score_function(tiny, per_image([*wishes, layer("a")]))(noise)


def test_objectives_for_each_picture_are_a_wish_without_arithmetic() -> None:
    guided: Any = per_image([channel("b", 3), layer("b") + guide("bee.png", "c") + guide("moth.png", "a")])
    assert isinstance(guided, Scorer) and isinstance(layer("a"), Scorer) and not isinstance(guided, Objective)
    assert guided.layers == ("b", "c", "a")
    assert guided.files == ("bee.png", "moth.png")
    sums: list[Callable[[Any, Any], Any]] = [operator.add, operator.sub, operator.mul]
    for sum_of in sums:
        for other in (layer("a"), guided, 2, 0.5):
            with pytest.raises(TypeError):
                sum_of(guided, other)
            with pytest.raises(TypeError):
                sum_of(other, guided)
    with pytest.raises(TypeError):
        -guided  # type: ignore[operator]  # noqa: B018


def test_what_nothing_moves_is_moved_by_chance() -> None:
    def still(image: Image) -> tuple[Score, Image]:
        grad = torch.zeros_like(image)
        grad[1] = 3
        return image.new_zeros(2), grad

    _, grad = add_noise_if_zero(still, rng())(torch.zeros(2, 3, 8, 8))
    assert float(grad[0].std()) > 0.5
    assert torch.equal(grad[1], torch.full((3, 8, 8), 3.0))


def test_the_chain_rule_is_pulled_back() -> None:
    def sum_of_squares(image: Image) -> tuple[Score, Image]:
        return image.square().sum((1, 2, 3)), 2 * image

    image = torch.rand(2, 3, 4, 4, generator=rng())
    score, grad = pull_back_gradient(sum_of_squares, lambda each: 3 * each + 1)(image)
    assert torch.allclose(score, (3 * image + 1).square().sum((1, 2, 3)))
    assert torch.allclose(grad, 6 * (3 * image + 1))


def test_adam_goes_a_whole_step_for_every_number() -> None:
    scale = torch.tensor([1e-12, 1, 1e6]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    paced = adam(lambda image: (image.new_zeros(1), scale))
    for _ in range(5):
        _, grad = paced(torch.zeros(1, 3, 2, 2))
        assert torch.allclose(grad, torch.ones(1, 3, 2, 2), rtol=1e-3)
    _, grad = adam(lambda image: (image.new_zeros(1), torch.zeros_like(image)))(torch.zeros(1, 3, 2, 2))
    assert torch.equal(grad, torch.zeros(1, 3, 2, 2))


def test_refusals(tiny: TorchModel) -> None:
    for words, error in [("e:1", UnknownName), ("b:99", WordingError), ("b:", WordingError), ("keep", SettingsError)]:
        with pytest.raises(error):
            visualize(tiny, words, SMALL)
    with pytest.raises(ImageTooSmall):
        visualize(tiny, "d:1", size=16)
    with pytest.raises(UnknownName, match="steps"):
        visualize(tiny, "b:1", stebs=2)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="at least one"):
        visualize(tiny, [])
    with pytest.raises(SettingsError, match="param"):
        VisualSettings(param="oil")  # type: ignore[arg-type]
