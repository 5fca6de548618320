"""Windows add up to the whole: the same score, the same gradient, every activation counted once."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Collection
from typing import Any

import pytest
import torch

import reverie as rv
from reverie.gradient.memory import find_tile, parse_memory, smallest_tile, step_bytes_per_pixel
from reverie.gradient.tiling import TilePlan, affordable_halo, build_tiled_gradient
from reverie.models.torch_model import TorchModel
from reverie.objectives.guides import make_guide_objective
from reverie.types import Activations, Image

WISHES = [
    "fire8^2",
    "fire5:12 + fire3",
    "fire3^2 - 0.1*tv",
    "fire8:3@",
    "fire5:7@2,3",
    "conv10:967",
    "pool3",
    "conv1",
    "tv",
]


@pytest.fixture(scope="module")
def model() -> rv.Model:
    return rv.load_model("squeezenet", precision="float32", device="cpu")


def noise(*size: int) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.bundled
@pytest.mark.parametrize("words", WISHES)
def test_with_the_full_halo_windows_are_the_whole(model: rv.Model, words: str) -> None:
    wish, image = rv.objective(words), noise(301, 417)  # sizes that no stride divides
    assert len(TilePlan.of(model, wish, 288, None).windows(417)) > 1
    whole, cut = rv.gradient_of(model, wish)(image), build_tiled_gradient(model, wish, 288)(image)
    torch.testing.assert_close(cut[0], whole[0], rtol=1e-5, atol=1e-6)
    assert float((cut[1] - whole[1]).abs().max()) <= 1e-5 * float(whole[1].abs().max())


@pytest.mark.bundled
@pytest.mark.parametrize("halo", [0, 5, 16, 48])
def test_with_less_than_the_full_halo_the_gradient_still_points_the_same_way(model: rv.Model, halo: int) -> None:
    wish, image = rv.objective("fire8^2"), noise(400, 400)
    whole, cut = rv.gradient_of(model, wish)(image), build_tiled_gradient(model, wish, 240, halo)(image)
    assert float(torch.cosine_similarity(whole[1].flatten(), cut[1].flatten(), dim=0)) > 0.5


@pytest.mark.bundled
def test_the_affordable_halo_costs_about_a_quarter(model: rv.Model) -> None:
    plan = TilePlan.of(model, rv.objective("fire8^2"), 1200, affordable_halo(1200))
    seen = sum(each.seen[1] - each.seen[0] for each in plan.windows(6000)) ** 2
    assert 6000**2 < seen <= 1.27 * 6000**2  # a quarter, and the rounding to strides


@pytest.mark.bundled
@pytest.mark.parametrize("side", [100, 287, 288, 289, 1000, 1601])
def test_windows_own_every_pixel_once(model: rv.Model, side: int) -> None:
    windows = TilePlan.of(model, rv.objective("fire8^2 + fire3"), 288, None).windows(side)
    assert windows[0].owned[0] == 0 and windows[-1].owned[1] >= side
    for before, after in itertools.pairwise(windows):
        assert before.owned[1] == after.owned[0]
    assert all(each.seen[1] - each.seen[0] <= 288 or len(windows) == 1 for each in windows)


@pytest.mark.bundled
def test_tiles_follow_from_the_budget(model: rv.Model) -> None:
    wish = rv.objective("fire8^2")
    each = step_bytes_per_pixel(model, wish)
    assert find_tile(model, wish, parse_memory("20GB"), (1000, 1000)) is None
    tiles = [find_tile(model, wish, budget, (2000, 2000)) for budget in (parse_memory("900MB"), parse_memory("2GB"))]
    assert tiles[0] is not None and tiles[1] is not None and tiles[0] < tiles[1]
    assert each * tiles[1] ** 2 <= 2e9


@pytest.mark.bundled
def test_what_needs_the_whole_picture_is_measured_whole_and_refused_in_tiles(model: rv.Model) -> None:
    wish = rv.objective("fire5 + diversity:fire3")
    assert find_tile(model, wish, parse_memory("20GB"), (1000, 1000)) is None
    with pytest.raises(rv.ReverieError, match="not in tiles"):
        build_tiled_gradient(model, wish, 288)(noise(301, 417))


class CountingModel:
    """A model that counts its forward passes."""

    def __init__(self, model: TorchModel) -> None:
        self.model, self.passes = model, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        self.passes += 1
        return self.model(image, layers)


def test_memory_is_measured_once_for_a_model_and_an_objective(tiny: TorchModel) -> None:
    model: Any = CountingModel(tiny)
    wish = rv.objective("b^2 + 0.5*c:1")
    each = step_bytes_per_pixel(model, wish)
    assert model.passes == 1
    assert step_bytes_per_pixel(model, wish) == each == step_bytes_per_pixel(model, rv.objective("b^2 - 2*c:1"))
    assert find_tile(model, wish, parse_memory("2GB"), (200, 200)) is None
    assert model.passes == 1
    assert step_bytes_per_pixel(model, rv.objective("d")) != each
    assert model.passes == 2
    other: Any = CountingModel(tiny)
    assert step_bytes_per_pixel(other, wish) == each and other.passes == 1


def test_guides_of_two_layers_are_measured_apart(tiny: TorchModel) -> None:
    low, deep = (make_guide_objective(noise(40, 40), name, tiny) for name in ("a", "d"))
    assert str(low) == str(deep)
    assert step_bytes_per_pixel(tiny, low) != step_bytes_per_pixel(tiny, deep)


def test_what_was_measured_keeps_no_model_alive(tiny: TorchModel) -> None:
    model: Any = CountingModel(tiny)
    step_bytes_per_pixel(model, make_guide_objective(noise(40, 40), "c", model))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("words", "expected"), [("2GB", 2 * 10**9), ("512 MiB", 2**29), ("1.5g", 1_500_000_000), ("100000000", 10**8)]
)
def test_memory_in_words(words: str, expected: int) -> None:
    assert parse_memory(words) == expected


@pytest.mark.parametrize("words", ["", "GB", "-1GB", "2 apples", "nan", "0"])
def test_memory_that_says_nothing_is_refused(words: str) -> None:
    with pytest.raises(rv.ReverieError, match="expected something like 2GB"):
        parse_memory(words)


class Squeezing(torch.nn.Module):
    """Squeeze-excite, a pooled vector and classes: all of them see the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.low = torch.nn.Conv2d(3, 6, 5, stride=4, padding=2)
        self.gate = torch.nn.Linear(6, 6)
        self.high = torch.nn.Conv2d(6, 4, 3, padding=1)
        self.head = torch.nn.Linear(4, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        low = self.low(image)
        gate = self.gate(low.mean((2, 3))).sigmoid()[:, :, None, None]
        logits: torch.Tensor = self.head(torch.nn.functional.softplus(self.high(low * gate)).mean((2, 3)))
        return logits


@pytest.fixture
def squeezing() -> rv.Model:
    return rv.wrap(Squeezing(), mean=[0.5] * 3, std=[0.25] * 3, device="cpu", precision="float32", name="squeezing")


@pytest.mark.parametrize("words", ["high^2", "class:2"])
def test_tiles_of_what_sees_the_whole_picture_have_a_halo_and_one_word_in_the_log(
    squeezing: rv.Model, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    wish, image = rv.objective(words), noise(200, 300)
    plan = TilePlan.of(squeezing, wish.resolved(squeezing), 96, affordable_halo(96))
    assert plan.before >= 4 and plan.behind >= 4
    whole = rv.gradient_of(squeezing, wish)(image)
    assert not caplog.messages
    for _ in range(2):
        score, grad = build_tiled_gradient(squeezing, wish, 96, affordable_halo(96))(image)
    assert len(caplog.messages) == 1 and "of squeezing sees the whole picture" in caplog.messages[0]
    torch.testing.assert_close(score, whole[0], rtol=0.05, atol=0)  # an approximation, of the same size
    assert float(torch.cosine_similarity(grad.flatten(), whole[1].flatten(), dim=0)) > 0.9


def test_a_vector_of_the_whole_picture_is_the_mean_of_its_tiles_by_their_pixels(squeezing: rv.Model) -> None:
    wish, image = rv.objective("class:2"), noise(96, 160)
    plan = TilePlan.of(squeezing, wish.resolved(squeezing), 96, 0)
    shares = [(each.seen, each.owned_share) for each in plan.windows(160)]
    assert len(shares) == 2 and sum(share for _, share in shares) == pytest.approx(1)
    each = [share * rv.gradient_of(squeezing, wish)(image[..., slice(*seen)])[0] for seen, share in shares]
    torch.testing.assert_close(build_tiled_gradient(squeezing, wish, 96, 0)(image)[0], sum(each))


def test_the_smallest_tile_of_what_sees_the_whole_picture_is_no_sliver(squeezing: rv.Model, tiny: TorchModel) -> None:
    assert smallest_tile(squeezing, rv.objective("high")) >= 256
    assert smallest_tile(tiny, rv.objective("d")) < 100
