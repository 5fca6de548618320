"""What goes on between two octaves: the picture as the paper's code leaves it, or the detail beside the photograph."""

from __future__ import annotations

import itertools

import pytest
import torch

import reverie as rv
from reverie.ascent.handover import resize_bilinear, truncate_to_bytes
from reverie.ascent.octaves import finish_dream, octave_sizes, plan_octaves, render_full_size, scale_truncated
from reverie.image.resample import image_size, resize
from reverie.models.torch_model import TorchModel
from reverie.settings import Settings
from reverie.types import Image

PICTURE = Settings(octaves=3, larger_octaves=2, handover="picture", steps=2, jitter=0, step_size=0.01)


def steps_of(tiny: TorchModel, image: Image, settings: Settings) -> list[rv.Step]:
    return list(rv.dream_steps(image, rv.dream_gradient(tiny, "c", settings), settings))


def test_each_octave_begins_from_the_picture_of_the_one_before(tiny: TorchModel, noise: Image) -> None:
    steps = steps_of(tiny, noise, PICTURE)
    assert torch.equal(steps[0].before, noise)
    for end, begin in itertools.pairwise(steps):
        if begin.octave > end.octave:
            cut = (end.image * 255 + 1e-4).floor() / 255
            assert torch.equal(begin.before, resize_bilinear(cut, image_size(begin.image)))
    assert [image_size(step.image) for step in steps[::2]] == [(40, 48), (52, 62), (67, 81)]
    assert image_size(finish_dream(iter(steps), noise, PICTURE)) == (67, 81)


def test_the_detail_keeps_the_photos_sharpness_and_the_picture_does_not(tiny: TorchModel, noise: Image) -> None:
    still = Settings.of({**PICTURE.as_dict(), "step_size": 1e-9})
    carried = finish_dream(iter(steps_of(tiny, noise, still)), noise, still)
    assert (carried - resize(noise, (67, 81))).abs().mean() > 0.01
    detail = Settings.of({**still.as_dict(), "handover": "detail"})
    assert torch.equal(finish_dream(iter(steps_of(tiny, noise, detail)), noise, detail), noise)


def test_what_was_dreamed_before_keeps_what_is_fine_in_it(tiny: TorchModel, noise: Image) -> None:
    still = Settings(octaves=3, steps=1, jitter=0, step_size=1e-9)
    fine = torch.zeros_like(noise)
    fine[..., ::2, ::2] = 0.2  # lost in the smallest octave
    photo = noise * 0.5 + 0.2
    gradient = rv.dream_gradient(tiny, "c", still)
    dreamed = finish_dream(rv.dream_steps(photo, gradient, still, fine), photo, still)
    assert torch.allclose(dreamed, photo + fine, atol=1e-6)


def test_a_picture_on_its_way_is_shown_as_it_is(tiny: TorchModel, noise: Image) -> None:
    for step in steps_of(tiny, noise, PICTURE):
        assert render_full_size(step, noise, PICTURE) is step.image


def test_whole_shades_stay_and_others_are_cut_down() -> None:
    shades = (torch.arange(256).float() / 255).expand(1, 3, 2, 256)
    assert torch.equal(truncate_to_bytes(shades), shades)
    assert torch.equal(truncate_to_bytes((shades + 0.9 / 255)[..., :-1]), shades[..., :-1])
    cut = shades
    for _ in range(9):
        cut = truncate_to_bytes(cut)
    assert torch.equal(cut, shades)


@pytest.mark.parametrize("side", [100, 225, 375, 1000])
def test_sides_are_cut_down_as_float32_has_them(side: int) -> None:
    for number in range(5):
        exact = (torch.tensor(side, dtype=torch.float32) * 1.3**number).int().item()
        assert octave_sizes((side, side), 5, 1.3, 4, scale_truncated)[number] == (exact, exact)
    assert plan_octaves((side, side), Settings(octaves=1)) == [(side, side)]


def test_masks_keep_the_photo_outside_of_them_at_the_size_of_the_dream(tiny: TorchModel, noise: Image) -> None:
    photo, mask = noise[:1], torch.zeros(1, 1, 40, 48)
    mask[..., :20] = 1
    settings = Settings.of({**PICTURE.as_dict(), "feather": 0})
    dreamed = rv.dream(photo, tiny, rv.masked("c", mask), settings)
    assert image_size(dreamed) == (67, 81)
    outside = (dreamed - resize(photo, (67, 81)).clamp(0, 1)).abs().amax((0, 1))
    assert outside[:, 45:].max() == 0 < outside[:, :20].max()
