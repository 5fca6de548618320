"""What a feature must survive: small shifts, turns and changes of size, drawn anew for every step.

What the network sees only at one place, angle or size is no feature but a flaw of its grid; averaged over many draws it
cancels. A transform is a function of an image that can be differentiated; pictures are taken to go on beyond their
edges, as those of a spectrum do. All pictures of a batch are moved alike, so that none depends on its neighbors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F

from reverie.types import Image

Transform: TypeAlias = Callable[[Image], Image]
"""transform(image) -> image of the same size, differentiable; draws from its generator at every call."""


def jitter(reach: int, generator: torch.Generator) -> Transform:
    """Shifts of up to `reach` pixels, around the edges."""

    def shifted(image: Image) -> Image:
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        return torch.roll(image, (y, x), (2, 3))

    return shifted


def turn(degrees: float, share: float, generator: torch.Generator) -> Transform:
    """Turns of up to `degrees` to either side, and sizes of 1 - `share` to 1 + `share`, about the middle."""

    def turned(image: Image) -> Image:
        angle, growth = (2 * torch.rand(2, generator=generator) - 1).tolist()
        return rotated(image, math.radians(degrees * angle), 1 + share * growth)

    return turned


def one_after_another(transforms: Sequence[Transform]) -> Transform:
    """All of them, the first one first."""

    def moved(image: Image) -> Image:
        for transform in transforms:
            image = transform(image)
        return image

    return moved


def rotated(image: Image, angle: float, scale: float) -> Image:
    """The image turned by an angle in radians and enlarged, about its middle; what comes in is from across an edge."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(middled(height, image), middled(width, image), indexing="ij")
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    rows, columns = cos * y - sin * x, sin * y + cos * x
    beyond = max(float(rows.abs().max()) - (height - 1) / 2, float(columns.abs().max()) - (width - 1) / 2, 0)
    margin = min(math.ceil(beyond), min(height, width))
    wide = F.pad(image, (margin,) * 4, mode="circular")
    grid = torch.stack([2 * columns / wide.shape[3], 2 * rows / wide.shape[2]], -1)
    return F.grid_sample(wide, grid.expand(len(image), -1, -1, -1), padding_mode="reflection", align_corners=False)


def middled(length: int, like: Image) -> torch.Tensor:
    """The pixels of a side, counted from its middle."""
    return torch.arange(length, device=like.device) - (length - 1) / 2
