"""The Laplacian pyramid: an image as frequency bands, and back. It is used to normalize the grad band by band."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from reverie._native import kernels as native
from reverie.types import Image, ResizedImage


def split_laplacian(image: Image, levels: int) -> list[ResizedImage]:
    """Split an image (b, c, h, w) into at most `levels` frequency bands, finest first.

    Each band has half the size of the one before, rounded up. The last holds everything coarser. There are fewer bands
    if the image becomes smaller than 4 pixels.
    """
    bands = []
    for _ in range(levels - 1):
        if min(image.shape[-2:]) < 4:
            break
        coarse = halve_image(image)
        bands.append(add_enlarged(image, coarse, 1, -1))  # image - enlarged coarse
        image = coarse
    return [*bands, image]


def merge_laplacian(bands: list[ResizedImage], shares: Sequence[Tensor | float] | None = None) -> Image:
    """Merge frequency bands into the image they were split from: the inverse of `split_laplacian`, up to rounding.

    `shares` are factors by which the bands are multiplied, each a number or a tensor (b, 1, 1, 1); None: all are 1.
    """
    shares = [1] * len(bands) if shares is None else shares
    image = bands[-1] * shares[-1]
    for band, share in zip(reversed(bands[:-1]), reversed(shares[:-1]), strict=True):
        image = add_enlarged(band, image, share, 1)
    return image


def halve_image(image: Image) -> ResizedImage:
    """Downsample to half the size, rounded up: a 1 3 3 1 filter both ways with stride 2, edges repeated."""
    image = image.contiguous()
    if native.supports_planes(image):
        return native.halve_planes(image)
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=image.dtype, device=image.device) / 8  # sums to 1
    channels, height, width = image.shape[1:]
    padded = F.pad(image, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    return F.conv2d(padded, (weights[:, None] * weights).expand(channels, 1, 4, 4), stride=2, groups=channels)


def add_enlarged(fine: Image, coarse: ResizedImage, share: Tensor | float, other: float) -> Image:
    """Return share * fine + other * (coarse enlarged twofold, bilinear); `share` is a number or (b, 1, 1, 1)."""
    fine, coarse = fine.contiguous(), coarse.contiguous()
    if native.supports_planes(fine, coarse):
        return native.add_enlarged_planes(fine, coarse, share, other)
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    # For an odd size the enlarged image is one row or column too large: it is cut.
    return share * fine + other * enlarged[..., : fine.shape[-2], : fine.shape[-1]]
