"""Flashing, limited: nothing large goes light and dark again faster than eyes that are sensitive to it can bear."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.types import Image

GRID = (9, 16)
"""The rows and columns of the places whose brightness is limited: each about a hundredth of the picture."""

SLOWEST = 0.6
"""The most that a place may change in a second, of black to white: a tenth of it, there and back, three times.

After WCAG 2.2, success criterion 2.3.1: a flash is a pair of opposing changes of a tenth or more, and three a second
are allowed.
"""

Grid = Float[Tensor, "1 3 9 16"]


def calm_picture(picture: Image, before: Grid | None, rate: float) -> tuple[Image, Grid]:
    """A picture (1, 3, h, w) whose large places changed by no more than is bearable since the one before.

    `before`: the mean colors of the places then, None for the first picture of a shot; `rate`: pictures a second.
    Returns the picture and its own.
    """
    means = F.adaptive_avg_pool2d(picture, GRID)
    if before is None:
        return picture, means
    most = SLOWEST / rate
    calmed = before + (means - before).clamp(-most, most)
    change = F.interpolate(calmed - means, size=picture.shape[-2:], mode="bicubic", align_corners=False)
    return (picture + change).clamp(0, 1), calmed
