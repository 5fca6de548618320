"""Sizes and frequencies: the octaves of a dream, and the Laplacian pyramid that evens out its gradient."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from reverie.resample import resize
from reverie.types import Image, Resized

SMALLEST_SIDE = 150
"""About how small the first octave is, unless the octaves are counted: the bundled network sees a whole dog here."""


def octave_sizes(size: tuple[int, int], octaves: int | None, scale: float, larger: int = 0) -> list[tuple[int, int]]:
    """The sizes (height, width) of the octaves, smallest first, each about `scale` times the one before.

    The last but `larger` is `size` itself. `octaves` None: so many that the smallest side is about 150 pixels.
    """
    if octaves is None:
        octaves = 1 + larger + max(0, round(math.log(min(size) / SMALLEST_SIDE, scale)))
    factors = [scale ** (number + larger + 1 - octaves) for number in range(octaves)]
    sizes = [(max(1, round(size[0] * factor)), max(1, round(size[1] * factor))) for factor in factors]
    return list(dict.fromkeys(sizes))  # tiny octaves of a ratio near 1 may round to the same size


def laplacian_split(image: Image, levels: int) -> list[Resized]:
    """The image as `levels` frequency bands, finest first; the last holds all that is coarser."""
    bands = []
    for _ in range(levels - 1):
        if min(image.shape[-2:]) < 4:
            break
        coarse = halved(image)
        bands.append(image - resized_smoothly(coarse, image))
        image = coarse
    return [*bands, image]


def laplacian_merge(bands: list[Resized]) -> Image:
    """The image that was split: the exact inverse of `laplacian_split`, up to rounding."""
    *finer, image = bands
    for band in reversed(finer):
        image = band + resized_smoothly(image, band)
    return image


def halved(image: Tensor) -> Tensor:
    """Half the size, rounded up."""
    return resize(image, ((image.shape[-2] + 1) // 2, (image.shape[-1] + 1) // 2))


def resized_smoothly(image: Tensor, like: Tensor) -> Tensor:
    """At the size of another."""
    return F.interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=False)
