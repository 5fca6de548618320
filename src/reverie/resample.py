"""Images to another size, or read at other places: on a sheet with four edges, or around a sphere.

The picture of a sphere is equirectangular: columns are longitudes, rows latitudes from the zenith to the nadir. Its
left and right edge are neighbors; over its upper edge one comes to the other side of the pole, half the width away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

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
    """As `resize`, for the picture of a sphere: what lies beyond the left edge is the right one."""
    (height, width), (rows, columns) = image.shape[-2:], size
    if width == 1 or (height, width) == (rows, columns):
        return resize(image, size)
    # Whole periods of the two grids are added, so that the pixels of the larger picture lie upon those of the result.
    common = math.gcd(width, columns)
    periods = math.ceil(CUBIC * max(width / columns, 1) * common / width)
    margin, cut = periods * width // common, periods * columns // common
    wide = resize(
        image[..., torch.arange(-margin, width + margin, device=image.device) % width], (rows, columns + 2 * cut)
    )
    return wide[..., cut : cut + columns]


CUBIC = 3
"""How many pixels, of the coarser grid, a cubic reaches to either side: two, and one for the rounding."""


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


def sampled_around(
    image: Image, longitude: Float[Tensor, "rows columns"], latitude: Float[Tensor, "rows columns"]
) -> Resized:
    """The picture of a sphere read in directions, in radians: 0, 0 is its middle, east and the zenith are positive."""
    height, width = image.shape[-2:]
    x = (longitude / math.tau + 0.5) % 1 * width - 0.5
    y = (0.5 - latitude / math.pi) * height - 0.5
    margin = min(CUBIC, height)
    return sampled(around(image, margin), x + margin, y + margin)
