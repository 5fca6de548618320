"""Params: what a canvas begins as, what it becomes, and that the ascent climbs every kind of them."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import get_args

import pytest
import torch

from reverie.ascent.cppn import CPPN
from reverie.ascent.deriving import PhotoImage, SharedImage, begin_from
from reverie.ascent.maco import CONTRAST, MACO
from reverie.ascent.param import (
    FourierImage,
    Param,
    PixelImage,
    decorrelated_to_rgb,
    make_noise_canvas,
    rgb_to_decorrelated,
)
from reverie.ascent.pieces import make_param
from reverie.ascent.pyramids import PyramidImage
from reverie.ascent.visualization import visualize_steps
from reverie.errors import SettingsError
from reverie.gradient.base import make_score_function
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.parser import objective
from reverie.settings.visual import Parametrization, VisualSettings
from reverie.types import Image

NAMES: tuple[Parametrization, ...] = get_args(Parametrization)
SIZE = (30, 44)
PARAMS: list[Param] = [
    FourierImage(SIZE),
    FourierImage((31, 21), 2),
    PixelImage(SIZE),
    PyramidImage(SIZE, (8,)),
    PyramidImage((31, 21), (1, 2, 4)),
    CPPN(SIZE, 8, 3),
    MACO(SIZE),
    MACO((31, 21), 1.5),
]
ALPHA: list[Param] = [
    FourierImage(SIZE, alpha=True),
    PixelImage(SIZE, alpha=True),
    PyramidImage(SIZE, alpha=True),
    CPPN(SIZE, 8, 3, alpha=True),
    MACO(SIZE, alpha=True),
]


def rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("param", PARAMS + ALPHA, ids=repr)
def test_a_param_makes_pictures_of_its_size_and_is_a_value(param: Param) -> None:
    start = param.start(rng())
    assert start.shape == (1, *param.canvas_shape) and 0 <= float(start.min()) <= float(start.max()) <= 1
    assert torch.equal(start, param.start(rng()))
    picture = param(start.expand(2, *param.canvas_shape))
    assert picture.shape == (2, 4 if param in ALPHA else 3, *param.size)  # type: ignore[attr-defined]
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
    assert torch.allclose(picture[:1], param(start), atol=1e-6)
    again = pickle.loads(pickle.dumps(param))
    assert torch.equal(again(start), param(start)) and isinstance(again, Param)


@pytest.mark.parametrize("param", PARAMS + ALPHA, ids=repr)
def test_the_gradient_of_a_param_is_that_of_finite_differences(param: Param) -> None:
    canvas = (param.start(rng()) + 0.004 * torch.randn(1, *param.canvas_shape, generator=rng(2))).double()
    canvas = canvas.clamp(0.3, 0.7).requires_grad_(True)
    weights = torch.randn(param(canvas.detach()).shape, generator=rng(3), dtype=torch.float64)
    (grad,) = torch.autograd.grad((param(canvas) * weights).sum(), canvas)
    way = torch.randn(canvas.shape, generator=rng(4), dtype=torch.float64)
    with torch.no_grad():
        ahead, behind = ((param(canvas + step * way) * weights).sum() for step in (1e-6, -1e-6))
    assert float((grad * way).sum()) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", [False, True])
def test_every_named_param_is_climbed(name: Parametrization, alpha: bool, tiny: TorchModel) -> None:
    settings = VisualSettings(size="40x52", steps=20, jitter=2, param=name, alpha=alpha)
    steps = list(visualize_steps(tiny, "b:3", settings))
    score = make_score_function(tiny, objective("b:3"))
    first, last = (each[:, :3] for each in (steps[0].before, steps[-1].image))
    assert float(score(last)) > float(score(first)) + 1e-3
    assert steps[-1].image.shape == (1, 4 if alpha else 3, 40, 52)
    assert all(later.before is step.image for step, later in itertools.pairwise(steps))


@pytest.mark.parametrize("make", [lambda: PyramidImage(SIZE, (4,)), lambda: PyramidImage(SIZE), lambda: CPPN(SIZE)])
def test_nothing_is_middle_gray(make: Callable[[], Param]) -> None:
    param = make()
    nothing = torch.full((1, *param.canvas_shape), 0.5)
    assert torch.allclose(param(nothing), torch.tensor(0.5))


def test_a_coarse_grid_has_no_detail() -> None:
    def roughness(factors: tuple[int, ...]) -> float:
        param = PyramidImage((64, 64), factors)
        picture = param(make_noise_canvas(param.canvas_shape, rng()))
        return float(picture.diff(dim=3).std() / picture.std())

    assert 4 * roughness((8,)) < roughness((1,)) and roughness((8,)) < roughness((4,))


def test_a_cppn_is_one_picture_at_every_size() -> None:
    small, large = CPPN((32, 48)), CPPN((96, 144))
    canvas = (small.start(rng()) + 0.03 * torch.randn(1, *small.canvas_shape, generator=rng(2))).clamp(0, 1)
    shrunk = torch.nn.functional.interpolate(large(canvas), (32, 48), mode="area")
    assert float(small(canvas).std()) > 0.05
    assert float((shrunk - small(canvas)).abs().mean()) < 0.1 * float(small(canvas).std())


@pytest.mark.parametrize("size", [(30, 44), (31, 44), (30, 43), (31, 21)])
def test_the_magnitudes_of_maco_are_fixed(size: tuple[int, int]) -> None:
    param = MACO(size)
    planes = rgb_to_logits(param(torch.rand(2, *param.canvas_shape, generator=rng())))
    spectrum = torch.fft.rfft2(planes).abs()
    assert torch.allclose(spectrum, param.magnitude().expand_as(spectrum), rtol=2e-2, atol=0.05)
    assert float(planes.std(correction=0)) == pytest.approx(CONTRAST, rel=1e-2)


def rgb_to_logits(picture: Image) -> torch.Tensor:
    """The planes of a picture, without the clamp near black and white."""
    from reverie.image.color import color_covariance_root

    mix = torch.linalg.inv(color_covariance_root().double())
    return torch.einsum("dc,bchw->bdhw", mix, picture.double().logit()).float()


def photo() -> Image:
    """A picture that is smooth, and neither black nor white anywhere."""
    coarse = torch.rand(1, 3, 6, 8, generator=rng(7))
    return torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic").clamp(0.1, 0.9)


def test_colors_are_decorrelated_and_back() -> None:
    assert torch.allclose(decorrelated_to_rgb(rgb_to_decorrelated(photo())), photo(), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", [False, True])
def test_a_start_begins_as_the_photo(name: Parametrization, alpha: bool) -> None:
    param = begin_from(make_param(VisualSettings(param=name, alpha=alpha), SIZE), photo(), rng())
    begun = param(param.start(rng()))
    assert torch.allclose(begun[:, :3], photo(), atol=2e-4)
    assert begun.shape[1] == (4 if alpha else 3)


def test_to_climb_from_a_photo_is_to_climb_its_own_canvas() -> None:
    """Through a linear param, adding to the photograph's planes is adding to its canvas."""
    plain = PixelImage(SIZE)
    own = 0.5 + rgb_to_decorrelated(photo()) / 50
    change = 0.02 * torch.randn(1, *plain.canvas_shape, generator=rng())
    begun = PhotoImage(plain, photo(), torch.full((1, *plain.canvas_shape), 0.5))
    assert torch.allclose(begun(0.5 + change), plain(own + change), atol=1e-4)


def test_maco_keeps_the_magnitudes_of_a_photo() -> None:
    param = MACO.of(photo())
    stirred = param(param.start(rng()) + 0.003 * torch.randn(1, *param.canvas_shape, generator=rng()))
    was, now = (torch.fft.rfft2(rgb_to_logits(each)).abs() for each in (photo(), stirred))
    assert torch.allclose(was, now, rtol=2e-2, atol=0.1)
    assert float((stirred - photo()).abs().mean()) > 0.01


def test_shared_pictures_have_a_part_in_common(tiny: TorchModel) -> None:
    def apart(shared: float) -> float:
        pictures = visualize(tiny, ["b:3", "c:1"], size=40, steps=8, shared=shared)
        return float((pictures[0] - pictures[1]).abs().mean())

    assert apart(0) > apart(0.5) > apart(1) == 0
    canvas = torch.rand(2, 3, *SIZE, generator=rng())
    param = SharedImage(PixelImage(SIZE), 0.5)
    assert torch.allclose(param(canvas)[0], PixelImage(SIZE)(0.75 * canvas[:1] + 0.25 * canvas[1:])[0], atol=1e-5)


class Gray:
    """A param of one's own: one number for each picture."""

    canvas_shape = (1,)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        return torch.full((1, 1), 0.25)

    def __call__(self, canvas: torch.Tensor) -> torch.Tensor:
        return canvas[:, :, None, None].expand(-1, 3, 40, 40)


def test_a_param_of_ones_own_is_climbed(tiny: TorchModel) -> None:
    assert isinstance(Gray(), Param)
    first, *_, last = visualize_steps(tiny, "b:3", param=Gray(), steps=9)
    assert first.before.unique().tolist() == [0.25]
    assert len(last.image.unique()) == 1 and last.image[0, 0, 0, 0] != 0.25
    with pytest.raises(SettingsError, match="leave size out"):
        visualize_steps(tiny, "b:3", param=Gray(), size=40)
