"""Networks of one size, or of multiples of a number, answer for images of any: as the whole would, where it can be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import reverie as rv
from reverie.analysis.layers import measure_layers
from reverie.errors import ImageTooSmall
from reverie.gradient.memory import JOINED_BYTES_PER_PIXEL, estimate_step_bytes, find_tile, step_bytes_per_pixel
from reverie.gradient.tiling import build_tiled_gradient
from reverie.models.any_size import WINDOWS_AT_ONCE, accept_any_size, continue_image
from reverie.models.receptive_field import measure_geometry
from reverie.models.torch_model import TorchModel
from reverie.models.windows import WindowAxis, mirror_index, place_stride
from sized import SizedModel

SIZES = [(288, 288), (300, 340), (292, 580)]


def noise(*size: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0))


def sized(model: TorchModel, *size: int, multiple: int | None = None) -> Any:
    return SizedModel(model, *size, multiple=multiple)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("words", ["a", "d^2", "c:3 + 0.5*a:1^2", "d:2@3,4", "b - 0.1*tv"])
def test_windows_of_a_network_with_a_small_field_are_the_whole(
    tiny: TorchModel, words: str, size: tuple[int, int]
) -> None:
    image, wish = noise(*size, batch=2), rv.objective(words)
    whole, windows = rv.gradient_of(tiny, wish)(image), rv.gradient_of(sized(tiny, 288), wish)(image)
    torch.testing.assert_close(windows, whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("size", [(96, 128), (100, 131), (65, 64), (161, 97), (40, 200)])
def test_what_is_continued_to_a_multiple_is_the_whole_away_from_its_end(
    tiny: TorchModel, size: tuple[int, int]
) -> None:
    image = noise(*size)
    model = accept_any_size(sized(tiny, 64, multiple=32))
    whole, found = (each(image, tiny.layers) for each in (tiny, model))
    for name in tiny.layers:
        rows, columns = whole[name].shape[2:]
        torch.testing.assert_close(found[name][..., :rows, :columns], whole[name], rtol=1e-5, atol=1e-6)
        # no more places than strides begin within the image: its mirror image has none
        stride = measure_geometry(tiny, [name])[name].stride
        assert found[name].shape[2] <= -(-size[0] // stride) and found[name].shape[3] <= -(-size[1] // stride)


def test_no_gradient_goes_through_the_mirror_image() -> None:
    image = noise(50, 70).requires_grad_()
    continued = continue_image(image, 128, 160)
    assert torch.equal(continued[..., :50, :70], image)
    assert torch.equal(continued[..., 50:98, :70], image[..., 1:49, :].flip(2))  # the edge is not repeated
    (grad,) = torch.autograd.grad(continued.square().sum(), image)
    torch.testing.assert_close(grad, 2 * image.detach())


@pytest.mark.parametrize(("side", "length"), [(1, 5), (2, 7), (5, 5), (5, 23)])
def test_a_mirrored_axis_never_jumps(side: int, length: int) -> None:
    index = mirror_index(side, length)
    assert index[:side].tolist() == list(range(side))
    assert set(index.tolist()) == set(range(side))
    assert side == 1 or (index.diff().abs() == 1).all()


@pytest.mark.parametrize("side", [20, 224, 225, 300, 391, 449, 1000, 1601])
@pytest.mark.parametrize("step", [1, 14, 32])
def test_windows_cover_every_pixel_and_their_weights_sum_to_one(side: int, step: int) -> None:
    axis = WindowAxis.lay(side, 224, step)
    assert axis.starts[0] == 0 and side <= axis.side < max(side, 224) + step
    assert all(start % step == 0 for start in axis.starts)
    for places in (224, 56, 14, 7, 1):
        if places == 1 or step % (224 // places) == 0:
            total = torch.zeros(axis.place_starts(places)[-1] + places)
            for start, weights in zip(axis.place_starts(places), axis.fade(places), strict=True):
                assert (weights >= 0).all()
                total[start : start + places] += weights
            torch.testing.assert_close(total, torch.ones_like(total))
    for one, other in zip(axis.starts, axis.starts[1:], strict=False):
        assert one < other <= one + 224 - 224 // 4 + step


def test_strides_are_measured_by_the_places_of_a_window() -> None:
    assert [place_stride(224, places) for places in (224, 56, 16, 14, 1)] == [1, 4, 14, 16, 0]
    assert [place_stride(299, places) for places in (149, 35, 17, 8)] == [2, 8, 16, 32]  # InceptionV3 does not pad


class Mixing(nn.Module):
    """Sees the whole picture, of one size, and has a class for it, as mixers and vision transformers."""

    def __init__(self, side: int = 64) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 6, 8, stride=8)
        self.mix = nn.Linear((side // 8) ** 2, (side // 8) ** 2)
        self.last = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 5)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.patches(image)  # (b, 6, rows, columns)
        mixed = patches + self.mix(patches.flatten(2)).view_as(patches)
        logits: Tensor = self.head(self.last(nn.functional.softplus(mixed)).mean((2, 3)))
        return logits


@pytest.fixture(scope="module")
def mixing() -> rv.Model:
    return rv.wrap(Mixing(), mean=[0.5] * 3, std=[0.25] * 3, device="cpu", precision="float32", name="mixing")


def test_a_class_is_the_mean_over_windows(mixing: rv.Model) -> None:
    image, wish = noise(64, 150), rv.objective("class:2")
    starts = WindowAxis.lay(150, 64, 1).starts
    assert starts == (0, 43, 86)
    each = [rv.gradient_of(mixing, wish)(image[..., start : start + 64]) for start in starts]
    score, grad = rv.gradient_of(mixing, wish)(image)
    torch.testing.assert_close(score, torch.stack([one for one, _ in each]).mean(0))
    # Where one window sees a pixel, its gradient is that window's share of the mean.
    torch.testing.assert_close(grad[..., :43], each[0][1][..., :43] / 3)
    torch.testing.assert_close(grad[..., -43:], each[2][1][..., -43:] / 3)


@pytest.mark.parametrize("words", ["last^2", "class:1", "last:2@", "patches", "mixed"])
@pytest.mark.parametrize("size", [(64, 64), (50, 70), (160, 208), (9, 300)])
def test_a_network_that_sees_the_whole_dreams_and_shows_any_size(
    mixing: rv.Model, words: str, size: tuple[int, int]
) -> None:
    if words == "mixed":
        words = "last + 0.2*class:3 - 0.1*tv"
    image = noise(*size)
    settings = rv.Settings(octaves=1, steps=4, jitter=0, color_correlation=0, laplacian_levels=0, step_size=0.01)
    dreamed = rv.dream(image, mixing, words, settings)
    gradient = rv.gradient_of(mixing, rv.objective(words))
    assert dreamed.shape == image.shape
    assert float(gradient(dreamed)[0]) > float(gradient(image)[0])
    assert torch.equal(rv.dream(image, mixing, words, settings), dreamed)


def test_a_picture_much_smaller_than_the_network_is_told_in_one_line(mixing: rv.Model) -> None:
    message = r"7 x 90 pixels is too small for .* of mixing: the smallest side that works is 8; enlarge it"
    with pytest.raises(ImageTooSmall, match=message):
        rv.dream(noise(90, 7), mixing, "last", rv.Settings(octaves=1, steps=1))
    with pytest.raises(ImageTooSmall, match=message):
        rv.gradient_of(mixing, rv.objective("class:2"))(noise(90, 7))
    # Layers below the one that needs the size take any, and need no windows.
    assert rv.gradient_of(mixing, rv.objective("patches"))(noise(90, 8))[0].isfinite()


def test_many_windows_are_run_a_few_at_once_and_give_the_same(
    tiny: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = sized(tiny, 64), noise(200, 300, batch=2)
    few = rv.gradient_of(model, rv.objective("d^2 + b:1"))(image)
    assert max(model.batches) == 2 * WINDOWS_AT_ONCE
    monkeypatch.setattr("reverie.models.any_size.WINDOWS_AT_ONCE", 10**6)
    torch.testing.assert_close(rv.gradient_of(model, rv.objective("d^2 + b:1"))(image), few)


def test_memory_is_that_of_a_few_windows_whatever_the_picture(tiny: TorchModel) -> None:
    model, wish = sized(tiny, 128), rv.objective("d^2")
    assert step_bytes_per_pixel(model, wish) == pytest.approx(step_bytes_per_pixel(tiny, wish), rel=0.1)
    more = estimate_step_bytes(model, wish, 2 * 10**8) - estimate_step_bytes(model, wish, 10**8)
    assert more == pytest.approx(10**8 * JOINED_BYTES_PER_PIXEL)
    tile = find_tile(model, wish, 1_200_000_000, (2000, 2000))
    assert tile is None or tile >= 256


@pytest.mark.parametrize("size", [(600, 700), (292, 800)])
def test_tiles_of_windows_are_the_whole_where_the_field_is_small(tiny: TorchModel, size: tuple[int, int]) -> None:
    wish, image = rv.objective("d^2 + 0.3*b:2"), noise(*size)
    whole = rv.gradient_of(tiny, wish)(image)
    score, grad = build_tiled_gradient(sized(tiny, 288), wish, 580, 24)(image)
    torch.testing.assert_close(score, whole[0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(grad, whole[1], rtol=1e-3, atol=1e-3 * float(whole[1].abs().max()))


def test_multiples_are_measured_as_exactly_as_networks_of_any_size(tiny: TorchModel) -> None:
    assert measure_geometry(sized(tiny, 64, multiple=32), tiny.layers) == measure_geometry(tiny, tiny.layers)


def test_layers_are_measured_on_a_picture_of_another_size(tiny: TorchModel) -> None:
    found = measure_layers(sized(tiny, 128), noise(148, 200), ["b", "d"])
    assert [each.shape for each in found] == [each.shape for each in measure_layers(tiny, noise(148, 200), ["b", "d"])]


def test_a_size_beside_the_networks_own_is_visualized(mixing: rv.Model) -> None:
    for wish in ("class:2", "last:3@"):
        picture = rv.visualize(mixing, wish, size=96, steps=2)
        assert picture.shape == (1, 3, 96, 96)
