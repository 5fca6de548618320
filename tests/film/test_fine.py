"""A detail on the fine grid stays sharp, however often it is moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reverie.film.fine import coarse, double, halfway_taps, move_fine, update_fine
from reverie.film.flow import Motion, place_of, sample

RANDOM = np.random.default_rng(7)


def waves(height: int = 48, width: int = 64) -> NDArray[np.float32]:
    """A picture of fine waves, three pixels long."""
    x = np.arange(width, dtype=np.float32)
    return np.repeat(np.tile(np.sin(x * 2.1), (height, 1))[..., None], 3, axis=2)


@pytest.mark.parametrize("around", [False, True])
def test_the_fine_grid_keeps_the_pixels(around: bool) -> None:
    pixels = RANDOM.random((12, 24, 3)).astype(np.float32)
    assert np.array_equal(coarse(double(pixels, around)), pixels)
    other = RANDOM.random((12, 24, 3)).astype(np.float32)
    assert np.allclose(coarse(update_fine(double(pixels, around), other, around)), other, atol=1e-6)


def test_halfway_between_equals_there_is_the_same() -> None:
    assert np.isclose(halfway_taps().sum(), 1)
    assert np.allclose(double(np.full((9, 10, 3), 0.25, np.float32)), 0.25, atol=1e-6)


def test_no_motion_changes_nothing() -> None:
    fine = double(waves())
    still = Motion(np.zeros((48, 64, 2), np.float32), np.ones((48, 64), np.float32))
    assert np.array_equal(move_fine(fine, still), fine)


def test_a_detail_moved_twenty_times_stays_sharp() -> None:
    pixels, step = waves(), np.zeros((48, 64, 2), np.float32)
    fine, plain = double(pixels), pixels
    for number in range(20):
        step[..., 0] = 0.4 if number % 2 else -0.4
        motion = Motion(step, np.ones((48, 64), np.float32))
        fine, plain = move_fine(fine, motion), sample(plain, *place_of(step))
    inner = (slice(None), slice(16, -16))
    kept, lost = (float(each[inner].std() / pixels[inner].std()) for each in (coarse(fine), plain))
    assert kept > 0.85 > 0.4 > lost


def test_a_sphere_is_moved_over_its_seam() -> None:
    pixels = RANDOM.random((16, 32, 3)).astype(np.float32)
    motion = Motion(np.zeros((16, 32, 2), np.float32), np.ones((16, 32), np.float32))
    motion.offsets[..., 0] = 3
    moved = coarse(move_fine(double(pixels, around=True), motion, around=True))
    assert np.allclose(moved, np.roll(pixels, -3, axis=1), atol=1e-5)
