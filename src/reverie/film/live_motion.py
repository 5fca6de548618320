"""What a camera sees, and what moves before it: found quickly, at a small size, as far as a dream needs to follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.errors import ImageFileError
from reverie.film.flow import SMALLEST_SIDE, FlowFinder, Gray, Motion, place_of, sample
from reverie.film.libraries import import_cv2
from reverie.image.arrays import open_image
from reverie.image.resample import scale_size
from reverie.types import Image

Pixels = NDArray[np.uint8]
"""A frame as a camera gives it, (h, w, 3), red, green and blue, 0..255."""

LARGEST = 240
"""The longest side, in pixels, of what motion is looked for in: a larger one tells a dream nothing more."""

NOISE = 1.0
"""The blur, its sigma in pixels of the small size, that takes a camera's noise off before motion is looked for."""

STILL = 0.07, 0.2
"""Pixels that things move by, at the small size: up to the first it is the camera's noise, from the second on not."""

GONE = 14.0, 40.0
"""How much brighter or darker a place is than what moved there, 0..255: up to the first that is light and noise, from
the second on it is something else."""

ALIKE = 0.4
"""How alike two frames of one scene are, 0..1, at least."""

TILES, FAINT = (6, 5), 60.0
"""The columns and rows of the tiles in which frames are compared; and the variance, in squared shades of 255, that both
together have at least in a tile where shapes can be told from noise."""


def fit_frame(frame: Any, longest: int) -> Pixels:
    """A frame's pixels (h, w, 3), brought to a longest side."""
    if not (isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3):
        frame = to_bytes(open_image(frame)[:1])
    if not frame.size:
        raise ImageFileError(f"a frame of shape {frame.shape} is no picture; expected (h, w, 3)")
    height, width = scale_size((frame.shape[0], frame.shape[1]), longest)
    if frame.shape[:2] == (height, width):
        return np.ascontiguousarray(frame)
    cv2 = import_cv2()
    way = cv2.INTER_AREA if width < frame.shape[1] else cv2.INTER_CUBIC
    fitted: Pixels = cv2.resize(frame, (width, height), interpolation=way)
    return fitted


def to_bytes(image: Image) -> Pixels:
    """An image (1, 3, h, w) as pixels (h, w, 3)."""
    pixels: Pixels = (image[0].permute(1, 2, 0) * 255).round_().byte().contiguous().numpy()
    return pixels


class Watcher:
    """Watches frames, and says what moved since the one before."""

    def __init__(self) -> None:
        self._finder = FlowFinder("medium")  # of small frames: what films call fast
        self._before: Gray | None = None

    def look(self, pixels: Pixels, follow: bool = True) -> Motion | None:
        """The motion since the frame before, at a small size; None for the first frame, and the first of a new scene.

        Trusted is what moved, and looks as it did. Without `follow`, all is taken to be where it was.
        """
        cv2, gray, before = import_cv2(), shrink_gray(pixels), self._before
        self._before = gray
        if before is None:
            return None
        if before.shape != gray.shape:
            before = cv2.resize(before, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
        motion = self._find(before, gray) if follow else stay(gray.shape)
        moved = sample(np.asarray(before, np.float32), *place_of(motion.offsets), linear=True)
        if measure_likeness(moved, gray) < ALIKE:
            return None
        return Motion(motion.offsets, motion.trust * trust_likeness(moved, gray)) if follow else motion

    def _find(self, before: Gray, after: Gray) -> Motion:
        found = self._finder.find_motion(before, after)
        return Motion(still_noise(found.offsets), found.trust)


def stay(shape: tuple[int, ...]) -> Motion:
    """No motion, of a size (height, width)."""
    return Motion(np.zeros((*shape, 2), np.float32), np.ones(shape, np.float32))


def shrink_gray(pixels: Pixels) -> Gray:
    """The luma of a frame at half size or less, without noise."""
    cv2 = import_cv2()
    height, width = pixels.shape[:2]
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    share = min(0.5, LARGEST / max(height, width))
    if min(height, width) * share >= SMALLEST_SIDE:
        size = round(width * share), round(height * share)
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    blurred: Gray = cv2.GaussianBlur(gray, (0, 0), NOISE)
    return blurred


def still_noise(offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """The offsets, none where they are so small that a camera's noise may have made them.

    What is carried would else tremble before a camera at rest, and lose its sharpness.
    """
    return offsets * ramp(np.sqrt((offsets**2).sum(2, keepdims=True)), *STILL)


def trust_likeness(moved: NDArray[np.float32], gray: Gray) -> NDArray[np.float32]:
    """1 where what moved looks as it did, 0 where something else is there; what all becomes lighter by is no thing."""
    cv2 = import_cv2()
    change = np.asarray(gray, np.float32) - moved
    miss: NDArray[np.float32] = cv2.blur(np.abs(change - np.median(change)), (5, 5))
    return 1 - ramp(miss, *GONE)


def measure_likeness(moved: NDArray[np.float32], gray: Gray) -> float:
    """How alike the shapes of two pictures are, about 0..1, however light they are.

    It is the structure of SSIM in each of a few tiles, and their mean: one thing that comes in is in few of them. Tiles
    without shapes do not count; where there are no others, nothing tells that the pictures differ.
    """
    one, other = moved, np.asarray(gray, np.float32)
    mean, mean_other = average_tiles(one), average_tiles(other)
    spread = average_tiles(one**2) - mean**2 + average_tiles(other**2) - mean_other**2
    shared = 2 * (average_tiles(one * other) - mean * mean_other)
    counted = spread > FAINT
    return float((shared[counted] / spread[counted]).mean()) if counted.any() else 1.0


def average_tiles(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each tile."""
    cv2 = import_cv2()
    found: NDArray[np.float32] = cv2.resize(values, TILES, interpolation=cv2.INTER_AREA)
    return found


def ramp(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """0 up to `low`, 1 from `high` on."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def enlarge_motion(motion: Motion, size: tuple[int, int]) -> Motion:
    """A motion for a frame of another size (height, width)."""
    cv2 = import_cv2()
    height, width = motion.trust.shape
    if (height, width) == size:
        return motion
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    offsets = cv2.resize(motion.offsets, size[::-1], interpolation=cv2.INTER_LINEAR) * scale
    return Motion(offsets, cv2.resize(motion.trust, size[::-1], interpolation=cv2.INTER_LINEAR))
