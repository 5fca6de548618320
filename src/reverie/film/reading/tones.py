"""From the light of HDR to that of an ordinary screen: PQ and HLG are tone-mapped, BT.2020 becomes BT.709."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WHITE = 203.0
"""Candela per square metre of what is white on paper in HDR, after ITU-R BT.2408; an ordinary screen's white."""

PEAK = 1000.0
"""What is brighter than so many candela per square metre is clipped."""

KNEE = 0.5
"""Up to this share of white, light stays as it is; above, it is compressed so that the peak becomes white."""

GAMMA = 2.4
"""Of an ordinary screen, after ITU-R BT.1886."""

WIDE, WIDE_LUMA = 9, np.array([0.2627, 0.6780, 0.0593], np.float32)
"""BT.2020: its number in ITU-T H.273, and how much of its red, green and blue are in the luminance."""

WIDE_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear light of BT.2020 to that of BT.709, after ITU-R BT.2407."""


def map_tones(pixels: NDArray[np.uint16], curve: str, primaries: int) -> NDArray[np.uint16]:
    """Pixels (h, w, 3) of HDR, by their curve "PQ" or "HLG", as those of an ordinary screen."""
    light = read_curve(curve)[pixels]
    if curve == "HLG":  # which says what the camera saw; a screen of 1000 cd/m² shows it with more contrast
        light *= (np.maximum(light @ WIDE_LUMA, 1e-6) ** np.float32(0.2))[..., None] * np.float32(PEAK / WHITE)
    brightest = np.maximum(light.max(2), np.float32(1e-6))
    light *= (compress(brightest) / brightest)[..., None]  # all three alike, so that a hue stays what it is
    if primaries == WIDE:
        light = light @ WIDE_TO_709.T
    places = np.sqrt(np.clip(light, 0, 1)) * np.float32(65535)
    return encode_curve()[np.round(places).astype(np.uint16)]


@cache
def read_curve(curve: str) -> NDArray[np.float32]:
    """For each value of 16 bits its light: of PQ relative to `WHITE`, of HLG 0..1 as the camera saw it."""
    signal = np.arange(65536) / 65535
    if curve == "PQ":  # SMPTE ST 2084
        root = signal ** (1 / 78.84375)
        return (
            (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125) * (10000 / WHITE)
        ).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)


def compress(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light up to the peak, brought to 0..1: above the knee a Möbius curve, that of libavfilter's `tonemap`."""
    peak, knee = PEAK / WHITE, KNEE
    a = -knee * knee * (peak - 1) / (knee * knee - 2 * knee + peak)
    b = (knee * knee - 2 * knee * peak + peak) / (peak - 1)
    above = (b * b + 2 * b * knee + knee * knee) / (b - a) * (light + a) / (light + b)
    return np.where(light <= knee, light, np.minimum(above, 1)).astype(np.float32)


@cache
def encode_curve() -> NDArray[np.uint16]:
    """For the square root of linear light, 0..65535, the value of a screen."""
    return np.round(65535 * (np.arange(65536) / 65535) ** (2 / GAMMA)).astype(np.uint16)
