"""Motion is found, is trusted where it may be, and moves images without a loss."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reverie.film.flow import FlowFinder, move_image, pad_sphere, place_of, sample

RANDOM = np.random.default_rng(3)


def texture(height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    """A picture with something to follow everywhere."""
    coarse = RANDOM.random((height // 6, width // 6)).astype(np.float32)
    return (cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["fast", "medium", "dis", "fine"])
def test_a_shift_is_found_and_trusted(kind: str) -> None:
    large = texture(140, 180)
    before, after = large[10:130, 10:170], large[7:127, 14:174]  # what was at (x + 4, y - 3) is at (x, y)
    motion = FlowFinder(kind).find_motion(before, after)
    inner = motion.offsets[16:-16, 16:-16]
    assert np.abs(np.median(inner, axis=(0, 1)) - (4, -3)).max() < 0.2
    assert motion.trust[16:-16, 16:-16].mean() > 0.95


def test_what_was_hidden_before_is_not_trusted() -> None:
    ground = texture()
    before, after = ground.copy(), ground.copy()
    square = texture(60, 60)[:48, :48]
    before[30:78, 30:78], after[30:78, 38:86] = square, square
    motion = FlowFinder("fine").find_motion(before, after)
    assert motion.trust[36:72, 31:36].mean() < 0.4 < 0.9 < motion.trust[36:72, 44:80].mean()


def test_what_stands_still_stays_as_it_is() -> None:
    image = torch.rand(1, 3, 120, 160)
    ground = texture()
    assert torch.allclose(move_image(image, FlowFinder().find_motion(ground, ground)), image, atol=1e-4)


def test_on_a_sphere_what_leaves_at_the_right_comes_in_at_the_left() -> None:
    before = texture(96, 192)
    before = np.roll(before, 96, axis=1)  # the seam of the texture is in the middle
    image = torch.rand(1, 1, 1, 192).expand(1, 3, 96, 192).contiguous()
    after, moved = np.roll(before, 3, axis=1), torch.roll(image, 3, dims=3)
    motion = FlowFinder("fine", around=True).find_motion(before, after)
    assert abs(np.median(motion.offsets[:, :6, 0]) + 3) < 0.3
    near = move_image(image, motion, around=True)
    close = ((near - moved).abs() < 0.05).float()
    assert close[..., 20:-20, :8].mean() > 0.8


def test_a_sphere_goes_on_beyond_its_edges() -> None:
    pixels = RANDOM.random((8, 16, 3)).astype(np.float32)
    padded = pad_sphere(pixels, 2)
    assert padded.shape == (12, 20, 3)
    assert np.array_equal(padded[2:-2, :2], pixels[:, -2:]) and np.array_equal(padded[2:-2, -2:], pixels[:, :2])
    assert np.array_equal(padded[1, 2:-2], np.roll(pixels[0], 8, axis=0))


def test_places_sample_the_pixels_they_name() -> None:
    pixels = RANDOM.random((10, 12, 3)).astype(np.float32)
    x, y = place_of(np.zeros((10, 12, 2), np.float32))
    assert np.array_equal(sample(pixels, x, y), pixels)
    assert np.allclose(sample(pixels, (x + 15) % 12, y, around=True), np.roll(pixels, -3, axis=1), atol=1e-6)


def test_pictures_too_small_to_search_do_not_move() -> None:
    tiny = texture(12, 12)
    assert not FlowFinder().find_motion(tiny, tiny).offsets.any()
