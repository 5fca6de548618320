"""Gaussian blur, of flat pictures and around a sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def blur_around(mask: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Gaussian blur around a sphere, as wide everywhere for a viewer: `sigma` is in pixels of the equator."""
    height, width = mask.shape[-2:]
    latitude = (0.5 - (torch.arange(height, device=mask.device) + 0.5) / height) * math.pi
    mask = blurred_rows(mask, sigma / torch.cos(latitude))
    meridians = torch.cat([mask, mask.flip(2).roll(width // 2, 3)], 2).mT  # down, and up on the other side
    down = torch.full((width,), sigma * 2 * height / width, device=mask.device)
    return blurred_rows(meridians, down).mT[..., :height, :]


def blurred_rows(image: Float[Tensor, "b c h w"], sigma: Float[Tensor, " h"]) -> Float[Tensor, "b c h w"]:
    """Every row, the end of which is its beginning, under a Gaussian of its own width in pixels."""
    waves = torch.fft.rfftfreq(image.shape[3], device=image.device)
    left = torch.exp(-2 * (math.pi * sigma[:, None] * waves).square())
    blurred: Tensor = torch.fft.irfft(torch.fft.rfft(image, dim=3) * left, n=image.shape[3], dim=3)
    return blurred


def blur(image: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Gaussian blur of every channel, edges repeated; a radius of three sigmas, cut at the image's own size."""
    radius = min(math.ceil(3 * sigma), min(image.shape[-2:]) - 1)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
    weights = (weights / weights.sum()).expand(image.shape[1], 1, -1)
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights[..., None], groups=len(weights)), weights[:, :, None], groups=len(weights))
