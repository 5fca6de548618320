"""Random transforms of feature visualization: shifts, rotations and scalings, drawn anew for every step.

Without them gradient ascent finds adversarial patterns, which excite a neuron at one place, angle and size of its grid
only. Averaged over many draws these cancel, and what excites the neuron under all of them remains.

A transform is a differentiable function from an image to one of the same size. The image is taken to be periodic, as
the inverse FFT of a spectrum is: what comes in at one edge is from the opposite one. All images of a batch get the same
draw, so that none depends on its neighbors.
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


def make_jitter(reach: int, generator: torch.Generator) -> Transform:
    """A transform that shifts the image by up to `reach` pixels each way, cyclically."""

    def shifted(image: Image) -> Image:
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        return torch.roll(image, (y, x), (2, 3))

    return shifted


def make_rotation(degrees: float, share: float, generator: torch.Generator) -> Transform:
    """A transform that rotates by up to `degrees` each way, and scales by 1 - `share` to 1 + `share`."""

    def turned(image: Image) -> Image:
        angle, growth = (2 * torch.rand(2, generator=generator) - 1).tolist()  # each -1..1
        return rotate_image(image, math.radians(degrees * angle), 1 + share * growth)

    return turned


def compose_transforms(transforms: Sequence[Transform]) -> Transform:
    """The composition of transforms, the first one applied first."""

    def composed(image: Image) -> Image:
        for transform in transforms:
            image = transform(image)
        return image

    return composed


def rotate_image(image: Image, angle: float, scale: float) -> Image:
    """The image rotated by an angle in radians and scaled about its middle: bilinear, periodic, of the same size."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        centered_coordinates(height, image), centered_coordinates(width, image), indexing="ij"
    )  # (h, w) each
    # Where each new pixel is read: the inverse rotation and scaling, in pixels from the middle.
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    rows, columns = cos * y - sin * x, sin * y + cos * x
    # grid_sample has no periodic padding: pad by as much as is read beyond the edges, at most by one period.
    beyond = max(float(rows.abs().max()) - (height - 1) / 2, float(columns.abs().max()) - (width - 1) / 2, 0)
    margin = min(math.ceil(beyond), min(height, width))
    wide = F.pad(image, (margin,) * 4, mode="circular")
    grid = torch.stack([2 * columns / wide.shape[3], 2 * rows / wide.shape[2]], -1)  # (h, w, 2), -1..1 over `wide`
    return F.grid_sample(wide, grid.expand(len(image), -1, -1, -1), padding_mode="reflection", align_corners=False)


def centered_coordinates(length: int, like: Image) -> torch.Tensor:
    """The pixel centers along a side, counted from its middle: (length,), on the image's device."""
    return torch.arange(length, device=like.device) - (length - 1) / 2
