"""A detail on a grid of twice its sides, which can be moved from frame to frame hundreds of times and stays sharp."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reverie.film.flow import Motion, pad_sphere, place_of, sample
from reverie.film.libraries import import_cv2

FinePixels: TypeAlias = NDArray[np.float32]
"""A detail (2h, 2w, 3), float32; every second pixel of every second row is a pixel of the frame.

Moved at the frame's own size, a detail loses half of its sharpness within ten frames; at twice the size, a tenth.
"""

TAPS = 8
"""How many pixels a value halfway between two is made of."""


def halfway_taps() -> NDArray[np.float32]:
    """The weights of the eight pixels around a place halfway between two: a sinc in Lanczos's window."""
    distance = np.arange(TAPS) - TAPS / 2 + 0.5
    taps = np.sinc(distance) * np.sinc(distance / (TAPS / 2))
    return np.asarray(taps / taps.sum(), np.float32)


def double(pixels: NDArray[np.float32], around: bool = False) -> FinePixels:
    """Pixels (h, w, c) on the grid of twice the sides: they stay as they are, and others are put halfway between."""
    if around:
        margin = min(TAPS, pixels.shape[0], pixels.shape[1] // 2)
        inner = slice(2 * margin, -2 * margin)
        return np.ascontiguousarray(double(pad_sphere(pixels, margin))[inner, inner])
    cv2, taps, one = import_cv2(), halfway_taps(), np.ones(1, np.float32)
    anchor, border = TAPS // 2 - 1, cv2.BORDER_REFLECT_101
    fine = np.empty((2 * pixels.shape[0], 2 * pixels.shape[1], *pixels.shape[2:]), np.float32)
    between = cv2.sepFilter2D(pixels, -1, taps, one, anchor=(anchor, 0), borderType=border)
    for column, own in enumerate((pixels, between)):
        fine[::2, column::2] = own
        fine[1::2, column::2] = cv2.sepFilter2D(own, -1, one, taps, anchor=(0, anchor), borderType=border)
    return fine


def coarse(fine: FinePixels) -> NDArray[np.float32]:
    """The frame's own pixels (h, w, c) of a fine grid."""
    return np.ascontiguousarray(fine[::2, ::2])


def update_fine(fine: FinePixels, pixels: NDArray[np.float32], around: bool = False) -> FinePixels:
    """The fine grid whose own pixels are now `pixels` (h, w, c); what lies between them changes along."""
    return fine + double(pixels - fine[::2, ::2], around)


def move_fine(fine: FinePixels, motion: Motion, around: bool = False) -> FinePixels:
    """What was on the fine grid of the frame before, moved to where it is in this one. Its trust is not looked at."""
    cv2 = import_cv2()
    halve = np.array([[0.5, 0, 0], [0, 0.5, 0]], np.float32)
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = fine.shape[1], fine.shape[0]
    offsets = cv2.warpAffine(motion.offsets, halve, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    return sample(fine, *place_of(2 * offsets), around=around)
