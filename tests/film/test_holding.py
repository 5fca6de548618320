"""A dream keeps the photo's brightness, and its own strength, from the first frame of a shot to the last."""

from __future__ import annotations

import torch

from reverie.film.holding import hold, measure_strengths

CHANCE = torch.Generator().manual_seed(4)
PHOTO = 0.3 + 0.4 * torch.rand(1, 3, 64, 64, generator=CHANCE)
DETAIL = 0.05 * torch.randn(1, 3, 64, 64, generator=CHANCE)


def test_the_mean_of_every_channel_is_the_photos() -> None:
    held = hold((PHOTO + DETAIL + 0.1).clamp(0, 1), PHOTO)
    assert torch.allclose(held.mean((2, 3)), PHOTO.mean((2, 3)), atol=2e-3)


def test_a_stronger_dream_becomes_as_strong_as_the_reference_and_a_weaker_one_stays() -> None:
    reference = measure_strengths(DETAIL, PHOTO)
    assert reference is not None
    held = measure_strengths(hold((PHOTO + 3 * DETAIL).clamp(0, 1), PHOTO, reference) - PHOTO, PHOTO)
    assert held is not None and bool(((0.7 * reference < held) & (held < 1.05 * reference)).all())
    weak = measure_strengths(hold(PHOTO + 0.5 * DETAIL, PHOTO, reference) - PHOTO, PHOTO)
    assert weak is not None and torch.allclose(weak, 0.5 * reference, rtol=0.1)


def test_colors_are_held_apart_from_light_and_dark() -> None:
    gray = DETAIL.mean(1, keepdim=True).expand_as(DETAIL)
    reference = measure_strengths(DETAIL, PHOTO)
    assert reference is not None
    neon = PHOTO + gray + 4 * (DETAIL - gray)
    held = measure_strengths(hold(neon.clamp(0, 1), PHOTO, reference) - PHOTO, PHOTO)
    assert held is not None and bool((held[:, 1] <= reference[:, 1] * 1.1).all())


def test_nothing_changes_where_nothing_was_dreamed() -> None:
    dreamed = PHOTO.clone()
    dreamed[..., :32] += DETAIL[..., :32] + 0.1
    reference = measure_strengths(DETAIL / 10, PHOTO)
    assert torch.equal(hold(dreamed.clamp(0, 1), PHOTO, reference)[..., 32:], PHOTO[..., 32:])


def test_a_black_frame_tells_no_strength() -> None:
    assert measure_strengths(DETAIL, torch.zeros_like(PHOTO)) is None
    assert measure_strengths(DETAIL, torch.ones_like(PHOTO)) is None
