"""A mask confines its wish, measures it by itself, and leaves everything else as it was."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from reverie.errors import SettingsError
from reverie.gradient.compose import dream_gradient
from reverie.gradient.masks import fit_mask
from reverie.image.arrays import open_image
from reverie.image.reading import Photo, read_photo
from reverie.image.resample import resize_sphere
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream
from reverie.objectives.masks import extract_mask, masked
from reverie.settings import Settings
from seer import noise, seer

HARD = Settings(octaves=1, steps=4, jitter=5, laplacian_levels=2, feather=0)
PHOTO = noise(1, 3, 60, 80)


def window(top: int, left: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(60, 80)
    mask[top : top + height, left : left + width] = 1
    return mask


def test_outside_of_every_mask_nothing_changes() -> None:
    one, other = window(5, 5, 20, 30), window(40, 50, 15, 20)
    change = (dream(PHOTO, seer(), masked("high^2", one) + masked("class:moth", other), HARD) - PHOTO).abs().sum(1)[0]
    for mask in (one, other):
        assert float(change[mask == 1].min()) > 0
    assert float(change[one + other == 0].max()) == 0


def test_each_region_dreams_its_own_wish() -> None:
    """Within a mask the grad points where that wish alone would go, whatever the other region wishes for."""
    left, right = window(0, 0, 60, 40), window(0, 40, 60, 40)
    still = Settings(jitter=0, laplacian_levels=0, feather=0)
    _, both = dream_gradient(seer(), masked("high^2", left) + masked("-low", right), still)(PHOTO)
    for wish, half in [("high^2", both[..., :40]), ("-low", both[..., 40:])]:
        _, alone = dream_gradient(seer(), wish, still)(PHOTO)
        part = alone[..., :40] if wish == "high^2" else alone[..., 40:]
        cosine = torch.nn.functional.cosine_similarity(half.flatten(), part.flatten(), 0)
        assert float(cosine) > 0.9999
        assert float(half.std()) == pytest.approx(1, rel=0.02)


def test_a_small_region_dreams_as_strongly_as_a_large_one() -> None:
    for mask in (window(10, 10, 8, 8), window(2, 2, 50, 70)):
        _, grad = dream_gradient(seer(), masked("high^2", mask), HARD)(PHOTO)
        inside = grad[:, :, mask == 1]
        assert float(inside.std(correction=0)) == pytest.approx(1, rel=1e-3)


def test_a_mask_of_everything_is_no_mask() -> None:
    whole = dream(PHOTO, seer(), masked("high^2", torch.ones(60, 80)), HARD)
    assert torch.allclose(whole, dream(PHOTO, seer(), "high^2", HARD), atol=1e-5)


def test_where_masks_overlap_they_share_one_step() -> None:
    mask = window(10, 10, 30, 30)
    _, once = dream_gradient(seer(), masked("high^2", mask), Settings(jitter=0, feather=0))(PHOTO)
    _, twice = dream_gradient(seer(), masked("high^2", mask) + masked("high^2", mask), Settings(jitter=0, feather=0))(
        PHOTO
    )
    assert torch.allclose(once, twice, atol=1e-5)


def test_edges_are_soft() -> None:
    mask = window(20, 20, 20, 40)[None, None]
    hard, soft = fit_mask(mask, (60, 80)), fit_mask(mask, (60, 80), feather=0.05)
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    across = soft[0, 0, 30, 10:40]
    assert bool((across.diff() >= 0).all())
    assert int(((across > 0.02) & (across < 0.98)).sum()) >= 8
    assert torch.allclose(soft.sum(), hard.sum(), rtol=1e-3)


def test_the_mask_of_a_sphere_goes_around_it() -> None:
    mask = window(10, 0, 20, 9).roll(-4, 1)[None, None]
    for size in [(60, 80), (30, 40), (90, 120)]:
        once = fit_mask(mask, size, 0.03, around=True)
        turned = fit_mask(mask.roll(20, 3), size, 0.03, around=True)
        assert torch.allclose(turned, once.roll(size[1] // 4, 3), atol=1e-5)
        assert float(once[0, 0, size[0] // 3, [0, -1]].min()) > 0.1


def test_the_edge_of_a_mask_is_as_soft_everywhere_on_a_sphere() -> None:
    east, north = torch.zeros(1, 1, 90, 180), torch.zeros(1, 1, 90, 180)
    east[..., 90:], north[:, :, :45] = 1, 1
    lengthwise, upward = (fit_mask(mask, (90, 180), 0.02, around=True)[0, 0] for mask in (east, north))
    equator = lengthwise[45, 80:100]
    assert torch.allclose(equator, upward[35:55, 7].flip(0), atol=0.01)
    at_60_degrees = lengthwise[14:16, 70:110].mean(0)  # a pixel is half as wide there
    assert torch.allclose(at_60_degrees.view(20, 2).mean(1), equator, atol=0.02)
    assert torch.allclose(fit_mask(torch.ones(1, 1, 9, 18), (90, 180), 0.02, around=True), torch.ones(1), atol=1e-5)


def test_on_a_sphere_a_region_dreams_across_the_edges_of_the_picture_and_nowhere_else() -> None:
    photo, mask = noise(1, 3, 64, 128), torch.zeros(64, 128)
    mask[20:44, :12], mask[20:44, -12:] = 1, 1
    settings = Settings(octaves=1, steps=3, jitter=5, laplacian_levels=2, feather=0, panorama="on")
    change = (dream(photo, seer(), masked("high^2", mask), settings) - photo).abs().mean(1)[0]
    assert float(change[mask == 0].max()) == 0
    assert float(change[24:40, :8].mean()) > 0.01 and float(change[24:40, -8:].mean()) > 0.01


def test_keep_on_a_sphere_keeps_near_to_the_photo_of_every_octave() -> None:
    photo = noise(1, 3, 64, 128)
    gradient = dream_gradient(seer(), "keep", Settings(panorama="on"), photo=photo)
    _, grad = gradient(resize_sphere(photo, (40, 80)))
    assert float(grad.abs().max()) < 1e-6


def test_a_mask_of_another_size_covers_the_same_place() -> None:
    small = window(20, 20, 20, 40)[::2, ::2]
    assert torch.allclose(fit_mask(small[None, None], (60, 80)).round(), window(20, 20, 20, 40))


def test_another_shape_is_stretched_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "reverie"):
        dream(PHOTO, seer(), masked("high^2", torch.ones(40, 40)), HARD)
    assert "40 x 40 pixels is stretched over a picture of 80 x 60" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "reverie"):
        dream(PHOTO, seer(), masked("high^2", torch.ones(30, 40)), HARD)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(4, 4), "black everywhere"),
        (torch.ones(3, 4, 4), "shape"),
        (torch.ones(0, 4), "shape"),
        (torch.full((4, 4), 2.0), "0..1"),
        (torch.full((4, 4), float("nan")), "0..1"),
    ],
)
def test_masks_that_cannot_be(mask: Tensor, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        masked("high^2", mask)


def test_a_picture_is_a_mask_by_what_is_opaque_or_else_by_what_is_light(tmp_path: object) -> None:
    folder = __import__("pathlib").Path(str(tmp_path))
    light = torch.zeros(1, 3, 4, 6)
    light[..., 3:] = 1
    save_image(light, folder / "light.png")
    photo = read_photo(folder / "light.png")
    assert torch.allclose(extract_mask(photo), light[:, :1], atol=1e-6)
    alpha = torch.ones(1, 1, 4, 6)
    opaque = Photo(light, alpha, 8, None, photo.path, photo.digest)
    assert torch.allclose(extract_mask(opaque), light[:, :1], atol=1e-6)
    alpha[:, :, :2] = 0
    clear = Photo(light, alpha, 8, None, photo.path, photo.digest)
    assert torch.equal(extract_mask(clear), alpha)


def test_keep_holds_within_a_region() -> None:
    mask = window(0, 0, 60, 40)
    free = dream(PHOTO, seer(), masked("high^2", mask), HARD)
    near = dream(PHOTO, seer(), masked("high^2 + 5*keep", mask), HARD)
    assert float((near - PHOTO).abs().mean()) < 0.7 * float((free - PHOTO).abs().mean())


def test_with_keep_color_only_light_and_dark_dream() -> None:
    dreamed = dream(PHOTO, seer(), "high^2", Settings(octaves=2, octave_scale=1.5, steps=5, jitter=3, keep_color=True))
    change = dreamed - PHOTO
    inside = ((dreamed > 0) & (dreamed < 1)).all(1, keepdim=True)
    assert float(inside.float().mean()) > 0.9
    assert float(change.std()) > 0.01
    assert float(((change - change.mean(1, keepdim=True)) * inside).abs().max()) < 1e-5


def test_the_bundled_example_is_a_mask_too() -> None:
    from reverie.recipe.inputs import EXAMPLE, input_path

    assert float(extract_mask(read_photo(input_path(EXAMPLE))).mean()) == pytest.approx(
        float(
            (open_image(input_path(EXAMPLE)) * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(1).mean()
        ),
        rel=1e-4,
    )
