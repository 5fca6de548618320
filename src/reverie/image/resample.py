"""Images to another size, or read at other places: on a sheet with four edges, or around a sphere.

The picture of a sphere is equirectangular: columns are longitudes, rows latitudes from the zenith to the nadir. Its
left and right edge are neighbors; over its upper edge one comes to the other side of the pole, half the width away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SizeRefused
from reverie.types import Image, Resized

Resize: TypeAlias = Callable[[Image, tuple[int, int]], Resized]
"""resize(image, (height, width)) -> image"""


def resize(image: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c _h _w"]:
    """The image at another size (height, width): bicubic, averaged where it shrinks.

    Values may leave 0..1 by the overshoot of the cubic; whoever shows them clamps.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def resize_around(image: Image, size: tuple[int, int]) -> Resized:
    """As `resize`, for the picture of a sphere: what lies beyond the left edge is the right one.

    Rows are periodic, so they are resized by their Fourier series. A cubic would be steeper between two old pixels than
    at one, and at the wrap column the pixels of all octaves have their edges: what is dreamed would be roughest there.
    """
    (rows, columns), width = size, image.shape[-1]
    image = resize(image, (rows, width))
    if width == columns or width == 1:
        return resize(image, size)
    waves = torch.arange(min(width, columns) // 2 + 1, device=image.device)
    # Half a pixel of the one grid is not half a pixel of the other; and no wave is cut off sharply, lest edges ring.
    turn = torch.polar(softly_cut(waves / (min(width, columns) / 2)), math.pi * waves * (1 / columns - 1 / width))
    spectrum = torch.fft.rfft(image, dim=3)[..., : len(waves)] * turn
    resized: Tensor = torch.fft.irfft(spectrum, n=columns, dim=3)
    return resized * (columns / width)


def clamp_after(resize: Resize) -> Resize:
    """The same resize, its overshoot beyond black and white cut off: for photographs."""
    return lambda image, size: resize(image, size).clamp(0, 1)


def resize_mask_around(mask: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c _h _w"]:
    """As `resize`, beyond the left edge the right one: for masks, whose hard edges would ring in a Fourier series."""
    height, width = size
    return resize(torch.cat([mask] * 3, 3), (height, 3 * width))[..., width : 2 * width]


def softly_cut(frequency: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """What is left of a wave, by its share of the highest that the pixels can hold: about what a cubic leaves."""
    return torch.cos(math.pi / 2 * ((frequency - 0.6) / 0.4).clamp(0, 1)).square()


def around(image: Image, margin: int) -> Resized:
    """The picture of a sphere with `margin` more pixels on every side: around the sphere, and over its poles."""
    columns = torch.arange(-margin, image.shape[-1] + margin, device=image.device) % image.shape[-1]
    across = (columns + image.shape[-1] // 2) % image.shape[-1]
    over, under = image[..., :margin, :].flip(2), image[..., image.shape[-2] - margin :, :].flip(2)
    return torch.cat([over[..., across], image[..., columns], under[..., across]], 2)


def sampled(image: Image, x: Float[Tensor, "rows columns"], y: Float[Tensor, "rows columns"]) -> Resized:
    """The image read at places (x, y) in pixels, the middle of the first being (0, 0): bicubic, edges repeated."""
    height, width = image.shape[-2:]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).expand(image.shape[0], -1, -1, -1)
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)


CUBIC = 3
"""How many pixels a cubic reaches to either side: two, and one for the rounding."""


def sampled_around(
    image: Image, longitude: Float[Tensor, "rows columns"], latitude: Float[Tensor, "rows columns"]
) -> Resized:
    """The picture of a sphere read in directions, in radians: 0, 0 is its middle, east and the zenith are positive."""
    height, width = image.shape[-2:]
    x = (longitude / math.tau + 0.5) % 1 * width - 0.5
    y = (0.5 - latitude / math.pi) * height - 0.5
    margin = min(CUBIC, height)
    return sampled(around(image, margin), x + margin, y + margin)


def sized(image: Image, longest: int | None, resize: Resize = resize) -> Resized:
    """The image with a longest side of so many pixels."""
    return resize(image, size_with(image_size(image), longest)).clamp(0, 1)


def size_with(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """The size (height, width) of a picture whose longest side is made so many pixels; None: its own."""
    scale = 1 if longest is None else longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def image_size(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


Looked = TypeVar("Looked")


def at_own_size(look: Callable[[Image], Looked], image: Image) -> Looked:
    """What a look at an image gives: of the image as it is, or brought to the size that a network takes alone."""
    try:
        return look(image)
    except SizeRefused as refusal:
        return look(resize(image, refusal.size).clamp(0, 1))


def within(image: Image, longest: int) -> Image:
    """The image with no side longer than so many pixels."""
    height, width = image.shape[-2:]
    scale = min(1, longest / max(height, width))
    return resize(image, (max(1, round(height * scale)), max(1, round(width * scale)))).clamp(0, 1)
