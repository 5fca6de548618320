"""Gaussian blur, of flat images and of equirectangular ones on the sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def blur_sphere(mask: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Blur an equirectangular image by a Gaussian of the same angular width everywhere on the sphere.

    `sigma` is in pixels at the equator.
    """
    height, width = mask.shape[-2:]
    latitude = (0.5 - (torch.arange(height, device=mask.device) + 0.5) / height) * math.pi
    # A row at a latitude is shorter on the sphere by its cosine, but has as many pixels.
    mask = blur_cyclic_rows(mask, sigma / torch.cos(latitude))
    # A meridian continues over the pole on the opposite one: joined, the two are a cyclic column of 2h pixels.
    meridians = torch.cat([mask, mask.flip(2).roll(width // 2, 3)], 2).mT  # (b, c, w, 2h)
    # h pixels for 180 degrees, w for 360
    down = torch.full((width,), sigma * 2 * height / width, device=mask.device)
    return blur_cyclic_rows(meridians, down).mT[..., :height, :]


def blur_cyclic_rows(image: Float[Tensor, "b c h w"], sigma: Float[Tensor, " h"]) -> Float[Tensor, "b c h w"]:
    """Blur each row, taken as cyclic, by a Gaussian with that row's standard deviation in pixels."""
    # By the Fourier transform: near a pole sigma is so large that no kernel would be practical.
    frequencies = torch.fft.rfftfreq(image.shape[3], device=image.device)  # cycles per pixel
    gain = torch.exp(-2 * (math.pi * sigma[:, None] * frequencies).square())  # (h, w // 2 + 1)
    blurred: Tensor = torch.fft.irfft(torch.fft.rfft(image, dim=3) * gain, n=image.shape[3], dim=3)
    return blurred


def gaussian_blur(image: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Blur every channel by a Gaussian with standard deviation `sigma` in pixels, edges repeated.

    The kernel reaches three sigmas, or less where the image is smaller than that.
    """
    radius = min(math.ceil(3 * sigma), min(image.shape[-2:]) - 1)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
    weights = (weights / weights.sum()).expand(image.shape[1], 1, -1)
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    # Separable: the columns, then the rows.
    return F.conv2d(F.conv2d(padded, weights[..., None], groups=len(weights)), weights[:, :, None], groups=len(weights))
