"""Random transforms: seeded, differentiable, the same for a whole batch, and said in words."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from reverie.ascent.transform_words import KNOWN, format_transforms, read_transforms
from reverie.ascent.transforms import (
    Blur,
    Crop,
    Flip,
    Jitter,
    Noise,
    Pad,
    RandomTransform,
    Rotate,
    Scale,
    apply_transforms,
    check_bounds,
    rotate_image,
)
from reverie.errors import SettingsError, UnknownName
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.types import Canvas

ALL: list[RandomTransform] = [
    Jitter(3),
    Rotate(20),
    Rotate(20, 0.2),
    Scale(0.3),
    Crop(0.3, 0.8),
    Crop(0.5, 0.5, 17),
    Pad(4),
    Pad(2, 1),
    Blur(2),
    Noise(0.1),
    Flip(),
]


def rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(channels: int = 3) -> Canvas:
    return torch.rand(2, channels, 24, 30, generator=rng(3))


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_a_transform_is_seeded_differentiable_and_one_for_the_batch(transform: RandomTransform) -> None:
    image = picture().requires_grad_(True)
    moved = transform(image, rng())
    assert torch.equal(moved, transform(image, rng()))
    assert torch.allclose(moved[:1], transform(image[:1], rng()), atol=1e-6)
    (grad,) = torch.autograd.grad(moved.sum(), image)
    assert float(grad.abs().sum()) > 0
    drawn = [transform(image, rng(seed)) for seed in range(8)]
    assert isinstance(transform, Pad) or any(not torch.equal(drawn[0], each) for each in drawn[1:])
    assert transform(picture(4), rng()).shape[1] == 4
    assert pickle.loads(pickle.dumps(transform)) == transform


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_gray_stays_gray(transform: RandomTransform) -> None:
    gray = torch.full((1, 3, 24, 30), 0.5)
    if not isinstance(transform, Noise) and transform != Pad(2, 1):
        assert torch.allclose(transform(gray, rng()), torch.tensor(0.5), atol=1e-5)


def test_sizes_are_as_said() -> None:
    sizes = {str(each): tuple(each(picture(), rng()).shape[2:]) for each in ALL}
    assert (
        sizes["pad(4)"] == (32, 38) and sizes["crop(0.5, 0.5, 17)"] == (17, 17) and sizes["crop(0.3, 0.8)"] == (24, 24)
    )
    assert {size for name, size in sizes.items() if not name.startswith(("pad", "crop"))} == {(24, 30)}


def test_a_crop_is_a_part_of_the_picture() -> None:
    whole = picture()
    part = Crop(0.5, 0.5, 12)(whole, rng())
    found = [
        torch.allclose(part, whole[..., top : top + 12, left : left + 12], atol=1e-6)
        for top in range(13)
        for left in range(19)
    ]
    assert sum(found) == 1


def test_noise_and_jitter_are_as_strong_as_said() -> None:
    flat = torch.zeros(1, 3, 64, 64)
    assert float(Noise(0.1)(flat, rng()).std()) == pytest.approx(0.1, rel=0.05)
    dot = torch.zeros(1, 1, 21, 21)
    dot[0, 0, 10, 10] = 1
    reached = torch.stack([Jitter(3)(dot, rng(seed)) for seed in range(200)]).sum(0)[0, 0].nonzero()
    assert [int(reached.min()), int(reached.max())] == [7, 13]


def test_a_turn_is_a_turn() -> None:
    image = torch.rand(1, 3, 20, 20, generator=rng())
    assert torch.allclose(rotate_image(image, 0, 1), image, atol=1e-4)
    quarter = rotate_image(image, math.pi / 2, 1)
    assert torch.allclose(quarter, torch.rot90(image, 1, (2, 3)), atol=1e-3) or torch.allclose(
        quarter, torch.rot90(image, -1, (2, 3)), atol=1e-3
    )
    plain = torch.full((1, 3, 9, 40), 0.7)
    for angle, scale in [(0.3, 0.5), (1.5, 0.8), (0.1, 2), (math.pi, 0.3)]:
        assert torch.allclose(rotate_image(plain, angle, scale), plain, atol=1e-5)


def test_words_are_read_as_they_are_written() -> None:
    words = format_transforms(ALL)
    assert words is not None and list(read_transforms(words)) == ALL
    assert {type(each) for each in ALL} == set(KNOWN.values())
    assert read_transforms("") == () and read_transforms("  FLIP( ) rotate( 15 , .2 )") == (Flip(), Rotate(15, 0.2))
    assert format_transforms([Jitter(2), lambda image: image]) is None


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("jiter(8)", UnknownName, "no transform is called 'jiter'; did you mean jitter"),
        ("jitter", SettingsError, "expected something like"),
        ("jitter(8) and flip()", SettingsError, "expected something like"),
        ("jitter()", SettingsError, r"jitter\(\) takes \(pixels\)"),
        ("flip(1)", SettingsError, "takes no numbers"),
        ("rotate(1, 2, 3)", SettingsError, "takes \\(degrees, scaling\\)"),
        ("rotate(much)", SettingsError, "expected numbers"),
        ("rotate(200)", SettingsError, "rotate is 200; expected 0 to 180"),
        ("crop(0.5, 0.2)", SettingsError, "the most of crop is 0.2; expected 0.5 to 1"),
        ("noise(nan)", SettingsError, "noise is nan"),
    ],
)
def test_wrong_words_are_one_line(words: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        read_transforms(words)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Rotate(np.float64(3)) == Rotate(3)
    for number in (np.int64(3), np.float32(3)):
        check_bounds("jitter", number, (0, 5))
    for wrong in ("3", True, None, math.nan, [3]):
        with pytest.raises(SettingsError, match="jitter is .*; expected 0 to 5"):
            check_bounds("jitter", wrong, (0, 5))


def test_functions_of_ones_own_are_transforms(tiny: TorchModel) -> None:
    seen: list[tuple[int, ...]] = []

    def darker(image: Canvas) -> Canvas:
        seen.append(tuple(image.shape))
        return image / 2

    moved = apply_transforms([Pad(2), darker], picture(), rng())
    assert torch.allclose(moved[..., 2:-2, 2:-2], picture() / 2)
    seen.clear()
    visualize(tiny, "b:3", size=40, steps=3, transforms=[Jitter(2), darker], draws=2)
    assert seen == [(1, 3, 40, 40)] * 6
