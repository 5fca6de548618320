"""Motion between two frames: dense optical flow, where it can be trusted, and images moved along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from reverie.film.libraries import import_cv2
from reverie.types import Image

Gray: TypeAlias = NDArray[np.uint8]
"""The luma of a frame, (h, w), 0..255."""

Offsets: TypeAlias = NDArray[np.float32]
"""For each pixel of one frame, where it is in another: (h, w, 2), x and y in pixels, to be added to its place."""

DISAGREEMENT, SLACK = 0.01, 0.5
"""How far the ways there and back may miss each other: a share of their squared lengths, and squared pixels.

After Sundaram, Brox and Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow" (2010).
"""

SOFT_EDGE = 1.5
"""The blur of the border between what is trusted and what is not, its sigma in pixels: a hard one would show."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Where each pixel of a frame was in the frame before (h, w, 2), and how far that is to be trusted (h, w), 0..1."""

    offsets: Offsets
    trust: NDArray[np.float32]


class FlowFinder:
    """Finds the motion between frames by dense inverse search (DIS), both ways.

    `kind`: "fast" at half size, "medium" (or "dis"), "fine" down to every pixel. `around`: whether the frames are
    equirectangular, so that what leaves at the right comes in at the left, and the poles are points.

    After Kroeger, Timofte, Dai and Van Gool, "Fast Optical Flow using Dense Inverse Search" (2016).
    """

    def __init__(self, kind: str = "medium", around: bool = False) -> None:
        cv2 = import_cv2()
        self.around, self._half = around, kind == "fast"
        self._search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        if kind == "fine":
            self._search.setFinestScale(0)

    def find_motion(self, before: Gray, after: Gray) -> Motion:
        """Where each pixel of the frame `after` was in the frame `before`."""
        back, forth = self.find_offsets(after, before), self.find_offsets(before, after)
        return Motion(back, soften(trust_offsets(back, forth, self.around)))

    def find_offsets(self, here: Gray, there: Gray) -> Offsets:
        """For each pixel of the frame `here`, where it is in the frame `there`."""
        margin = choose_margin(here.shape) if self.around else 0
        if margin:
            here, there = (pad_sphere(each, margin) for each in (here, there))
        offsets: Offsets = self._search_flow(here, there)
        height, width = offsets.shape[:2]
        return offsets[margin : height - margin, margin : width - margin]

    def _search_flow(self, here: Gray, there: Gray) -> Offsets:
        cv2 = import_cv2()
        height, width = here.shape
        here, there = np.ascontiguousarray(here), np.ascontiguousarray(there)  # which the search insists on
        if min(height, width) < SMALLEST_SIDE:  # too small for the patches of the search
            return np.zeros((height, width, 2), np.float32)
        if not self._half or min(height, width) < 2 * SMALLEST_SIDE:
            found: Offsets = self._search.calc(here, there, None)
            return found
        half = width // 2, height // 2
        small = self._search.calc(
            *(cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (here, there)), None
        )
        scale = np.array([width / half[0], height / half[1]], np.float32)
        large: Offsets = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) * scale
        return large


SMALLEST_SIDE = 16
"""The shorter side in pixels below which no motion is searched for."""


def trust_offsets(back: Offsets, forth: Offsets, around: bool = False) -> NDArray[np.float32]:
    """1 where going back and forth again ends where it began, 0 where it does not, or where the way leaves the picture.

    What was hidden in the frame before is so found: its way back leads to something else, whose way forth leads away.
    """
    height, width = back.shape[:2]
    x, y = place_of(back)
    returned = sample(forth, x, y, linear=True, around=around)
    miss, length = ((back + returned) ** 2).sum(2), (back**2).sum(2) + (returned**2).sum(2)
    agrees = miss <= DISAGREEMENT * length + SLACK
    if not around:  # a sphere has no outside
        agrees &= (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.asarray(agrees, np.float32)


def soften(trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """The trust with soft borders, and none where there was none."""
    blurred: NDArray[np.float32] = import_cv2().GaussianBlur(trust, (0, 0), SOFT_EDGE)
    return np.clip(blurred * 2 - 1, 0, 1)


def move_image(image: Image, motion: Motion, around: bool = False) -> Image:
    """An image (1, c, h, w) of the frame before, moved to where it is in this one; nothing where that is not trusted.

    It has the frame's size. Sampled bicubically, so that what is carried for long keeps its sharpness.
    """
    moved = sample(to_pixels(image), *place_of(motion.offsets), around=around)
    return to_image(moved * motion.trust[..., None]).to(image.device)


def to_image(pixels: NDArray[np.float32]) -> Float[Tensor, "1 c h w"]:
    """Pixels (h, w, c) as an image."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def to_pixels(image: Float[Tensor, "1 c h w"]) -> NDArray[np.float32]:
    """An image as pixels (h, w, c)."""
    return np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy())


def place_of(offsets: Offsets) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The places (x, y), each (h, w), that offsets lead to."""
    height, width = offsets.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + offsets[..., 0], y + offsets[..., 1]


def sample(
    pixels: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32], linear: bool = False, around: bool = False
) -> NDArray[np.float32]:
    """The values of pixels (h, w, c) at places between them, each (h', w'); outside of them those of the border."""
    cv2 = import_cv2()
    if around:
        margin = choose_margin(pixels.shape)
        width = pixels.shape[1]
        pixels, x, y = pad_sphere(pixels, margin), x % width + margin, y + margin
    way = cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC
    found: NDArray[np.float32] = cv2.remap(pixels, x, y, way, borderMode=cv2.BORDER_REPLICATE)
    return found


def choose_margin(shape: tuple[int, ...]) -> int:
    """How many pixels of a sphere are repeated beyond its edges: more than motion crosses between two frames."""
    return max(4, min(shape[0] // 4, shape[1] // 8))


def pad_sphere(pixels: NDArray[Any], margin: int) -> NDArray[Any]:
    """An equirectangular picture (h, w, ...) with what lies beyond its edges: around the sides, and over the poles."""
    turned = np.roll(pixels, pixels.shape[1] // 2, axis=1)  # over a pole lies the other side, upside down
    tall = np.concatenate([turned[:margin][::-1], pixels, turned[-margin:][::-1]])
    return np.ascontiguousarray(np.concatenate([tall[:, -margin:], tall, tall[:, :margin]], axis=1))
