"""Brightness and contrast of a dream, held from the first frame of a shot to its last."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.image.pyramid import merge_laplacian, split_laplacian
from reverie.objectives.masks import LUMA_WEIGHTS, compute_luma
from reverie.types import Image

LEVELS = 5
"""The frequency bands whose strength is held, finest first; the last is all that is coarser."""

DARKEST, LIGHTEST = 0.05, 0.95
"""Between them the luma of a pixel leaves room for a dream both ways, so that its strength can be told there."""

LEAST_ROOM = 0.05
"""The share of such pixels that a frame must have for a shot to be measured by it: one that is still black has not."""

Strengths = Float[Tensor, "levels 2"]
"""The root mean square of a detail's bands where the photo leaves room: of light and dark, and of colors."""


def measure_strengths(detail: Image, photo: Image) -> Strengths | None:
    """How strong a detail (1, 3, h, w) is in each band; None for a photo so dark or light that none can be told."""
    luma = compute_luma(photo)
    room = ((luma > DARKEST) & (luma < LIGHTEST)).float()
    if float(room.mean()) < LEAST_ROOM:
        return None
    return torch.stack([measure_band(band, room) for band in split_laplacian(detail, LEVELS)])


def measure_band(band: Image, room: Float[Tensor, "1 1 h2 w2"]) -> Float[Tensor, " 2"]:
    """The root mean square of a band's light and dark, and of its colors, where there is room."""
    own = F.interpolate(room, size=band.shape[-2:], mode="nearest")
    light = split_light(band)
    squares = [(part**2 * own).sum() / (own.sum() * part.shape[1]).clamp(min=1) for part in (light, band - light)]
    return torch.stack(squares).sqrt()


def split_light(detail: Image) -> Float[Tensor, "b 1 h w"]:
    """The light and dark of a detail, which may be negative; what is left of it are the colors."""
    weights = detail.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    return (detail * weights).sum(1, keepdim=True)


def hold(dreamed: Image, photo: Image, reference: Strengths | None = None, most: float = 1) -> Image:
    """The dream (1, 3, h, w) with the photo's mean of every channel, and with no band stronger than the reference.

    Light and dark are held apart from the colors. A band that is weaker is made stronger by at most `most`. Where
    nothing was dreamed, as outside of masks, nothing changes.
    """
    detail = dreamed - photo
    touched = detail != 0
    strengths = None if reference is None else measure_strengths(detail, photo)
    if reference is not None and strengths is not None:
        shares = (reference / strengths.clamp(min=1e-9)).clamp(max=most)
        bands = split_laplacian(detail, LEVELS)
        detail = merge_laplacian([scale_band(band, *share) for band, share in zip(bands, shares, strict=False)])
    shift = detail.sum((2, 3), keepdim=True) / touched.sum((2, 3), keepdim=True).clamp(min=1)
    return (photo + (detail - shift) * touched).clamp(0, 1)


def scale_band(band: Image, light: Tensor, color: Tensor) -> Image:
    """A band whose light and dark, and whose colors, are multiplied each by its own share."""
    own = split_light(band)
    return (band - own) * color + own * light
