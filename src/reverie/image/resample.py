"""Resizing and sampling of images, both flat and equirectangular.

In an equirectangular image of a sphere, columns are longitudes and rows are latitudes from the zenith to the nadir. Its
left and right edges adjoin. Beyond its upper edge, across the pole, the first rows follow again in reverse order,
shifted by half the width; likewise below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SizeRefused
from reverie.settings.size import AnySize, read_shape
from reverie.types import Image, ResizedImage

Resize: TypeAlias = Callable[[Image, tuple[int, int]], ResizedImage]
"""resize(image, (height, width)) -> image"""


def resize(image: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c _h _w"]:
    """Resize an image to `size` (height, width) by bicubic interpolation, antialiased where it shrinks.

    The cubic overshoots: values may leave 0..1 slightly. They are not clamped here, since the detail of a dream, which
    is resized too, has no such range.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def resize_sphere(image: Image, size: tuple[int, int]) -> ResizedImage:
    """Resize an equirectangular image to `size` (height, width) without a seam between its left and right edges.

    Rows are periodic, so they are resized by their Fourier series. A cubic is steeper between two old pixels than at
    one, and at the wrap-around column the pixel borders of all octaves coincide: dreams would be roughest there, which
    shows as a seam.
    """
    (rows, columns), width = size, image.shape[-1]
    image = resize(image, (rows, width))
    if width == columns or width == 1:
        return resize(image, size)
    waves = torch.arange(min(width, columns) // 2 + 1, device=image.device)  # cycles per row that both sizes can hold
    # The middle of the first pixel is half a pixel from the edge: a different angle in the two grids, which shifts the
    # phase. The gain falls off gradually, since a sharp cutoff would make edges ring.
    response = torch.polar(
        compute_low_pass_gain(waves / (min(width, columns) / 2)), math.pi * waves * (1 / columns - 1 / width)
    )
    spectrum = torch.fft.rfft(image, dim=3)[..., : len(waves)] * response  # (b, 3, rows, waves)
    resized: Tensor = torch.fft.irfft(spectrum, n=columns, dim=3)
    return resized * (columns / width)  # irfft divides by the new length, rfft has summed over the old one


def clamp_after_resize(resize: Resize) -> Resize:
    """Return the resize function followed by a clamp to 0..1, for photographs, where overshoot is no color."""
    return partial(resize_and_clamp, resize)


def resize_and_clamp(resize: Resize, image: Image, size: tuple[int, int]) -> ResizedImage:
    """Resize an image by a function and clamp it to 0..1."""
    return resize(image, size).clamp(0, 1)


def resize_sphere_mask(mask: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c _h _w"]:
    """Resize an equirectangular mask to `size` (height, width), cyclic from left to right.

    Bicubic, unlike `resize_sphere`: the hard edges of a mask would ring in a Fourier series.
    """
    height, width = size
    # Three copies side by side; the middle one has its neighbors on both sides.
    return resize(torch.cat([mask] * 3, 3), (height, 3 * width))[..., width : 2 * width]


def compute_low_pass_gain(frequency: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the gain of a low-pass filter, 1 to 0, at frequencies given as shares of the Nyquist frequency.

    It is 1 up to a share of 0.6 and falls to 0 at 1, about as a cubic's does.
    """
    return torch.cos(math.pi / 2 * ((frequency - 0.6) / 0.4).clamp(0, 1)).square()


def pad_sphere(image: Image, margin: int) -> ResizedImage:
    """Pad an equirectangular image by `margin` pixels on every side: cyclically, and across the poles."""
    columns = torch.arange(-margin, image.shape[-1] + margin, device=image.device) % image.shape[-1]
    across = (columns + image.shape[-1] // 2) % image.shape[-1]  # the meridian on the other side of the pole
    over, under = image[..., :margin, :].flip(2), image[..., image.shape[-2] - margin :, :].flip(2)
    return torch.cat([over[..., across], image[..., columns], under[..., across]], 2)


def sample_image(image: Image, x: Float[Tensor, "rows columns"], y: Float[Tensor, "rows columns"]) -> ResizedImage:
    """Sample an image at positions (x, y) in pixels by bicubic interpolation: (b, 3, rows, columns).

    (0, 0) is the center of the upper left pixel. Outside the image its edges are repeated.
    """
    height, width = image.shape[-2:]
    # grid_sample counts from -1 to 1, between the outer edges of the pixels.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).expand(image.shape[0], -1, -1, -1)
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)


CUBIC_REACH = 3
"""The margin that bicubic sampling needs, in pixels: two on either side, and one for rounding."""


def sample_sphere(
    image: Image, longitude: Float[Tensor, "rows columns"], latitude: Float[Tensor, "rows columns"]
) -> ResizedImage:
    """Sample an equirectangular image at directions in radians by bicubic interpolation: (b, 3, rows, columns).

    (0, 0) is the middle of the image; longitudes grow to the east (right), latitudes to the zenith (up).
    """
    height, width = image.shape[-2:]
    x = (longitude / math.tau + 0.5) % 1 * width - 0.5
    y = (0.5 - latitude / math.pi) * height - 0.5
    margin = min(CUBIC_REACH, height)
    return sample_image(pad_sphere(image, margin), x + margin, y + margin)


def resize_longest_side(image: Image, asked: AnySize | None, resize: Resize = resize) -> ResizedImage:
    """Resize an image to the size that `scale_size` says, e.g. a longest side of so many pixels, and clamp it to 0..1.

    None leaves it at its own size.
    """
    return resize(image, scale_size(image_size(image), asked)).clamp(0, 1)


def scale_size(size: tuple[int, int], asked: AnySize | None) -> tuple[int, int]:
    """The size (height, width) of a picture of `size` that is brought to the size asked for.

    A number is its longest side, and keeps its shape (no side becomes 0); a height and a width, such as "225x375", are
    taken as they are; None leaves it.
    """
    if asked is not None and not isinstance(asked, int):
        return read_shape(asked)
    scale = 1 if asked is None else asked / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def image_size(image: Float[Tensor, "b c h w"]) -> tuple[int, int]:
    """Return an image's height and width, in pixels."""
    return image.shape[-2], image.shape[-1]


ResultT = TypeVar("ResultT")


def call_at_accepted_size(look: Callable[[Image], ResultT], image: Image) -> ResultT:
    """Call `look(image)`; if the network refuses the image's size, call it again with the size that it accepts.

    Only SizeRefused is caught, which carries the accepted size; the second image is resized and clamped to 0..1.
    """
    try:
        return look(image)
    except SizeRefused as refusal:
        return look(resize(image, refusal.size).clamp(0, 1))


def limit_longest_side(image: Image, longest: int) -> ResizedImage:
    """Shrink an image, where needed, so that no side is longer than `longest` pixels, and clamp it to 0..1."""
    height, width = image.shape[-2:]
    scale = min(1, longest / max(height, width))
    return resize(image, (max(1, round(height * scale)), max(1, round(width * scale)))).clamp(0, 1)
