"""Sizes and frequencies: the octaves of a dream, and the Laplacian pyramid that evens out its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from reverie._native import kernels as native
from reverie.types import Image, Resized


def laplacian_split(image: Image, levels: int) -> list[Resized]:
    """The image as `levels` frequency bands, finest first; the last holds all that is coarser."""
    bands = []
    for _ in range(levels - 1):
        if min(image.shape[-2:]) < 4:
            break
        coarse = halved(image)
        bands.append(beside(image, coarse, 1, -1))
        image = coarse
    return [*bands, image]


def laplacian_merge(bands: list[Resized], shares: Sequence[Tensor | float] | None = None) -> Image:
    """The image that was split: the exact inverse of `laplacian_split`, up to rounding.

    `shares`: how much of every band, one number each or one (b, 1, 1, 1); None: all of it.
    """
    shares = [1] * len(bands) if shares is None else shares
    image = bands[-1] * shares[-1]
    for band, share in zip(reversed(bands[:-1]), reversed(shares[:-1]), strict=True):
        image = beside(band, image, share, 1)
    return image


def halved(image: Image) -> Resized:
    """Half the size, rounded up: every second place of what 1 3 3 1 has smoothed both ways; edges are repeated."""
    image = image.contiguous()
    if native.takes_planes(image):
        return native.halve(image)
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=image.dtype, device=image.device) / 8
    channels, height, width = image.shape[1:]
    padded = F.pad(image, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    return F.conv2d(padded, (weights[:, None] * weights).expand(channels, 1, 4, 4), stride=2, groups=channels)


def beside(fine: Image, coarse: Resized, share: Tensor | float, other: float) -> Image:
    """share * fine + other * the coarse one at twice its size, bilinear. `share`: one number, or (b, 1, 1, 1)."""
    fine, coarse = fine.contiguous(), coarse.contiguous()
    if native.takes_planes(fine, coarse):
        return native.beside(fine, coarse, share, other)
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return share * fine + other * enlarged[..., : fine.shape[-2], : fine.shape[-1]]
