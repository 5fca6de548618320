"""A panorama to measure with: sky, clouds, mountains and meadows all around, the same for the same size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def landscape(width: int, seed: int = 0) -> Tensor:
    """An equirectangular picture (1, 3, width/2, width), 0..1, that wraps and has no fault at its poles."""
    generator = torch.Generator().manual_seed(seed)
    latitude = (0.5 - (torch.arange(width // 2) + 0.5) / (width // 2)) * math.pi
    longitude = ((torch.arange(width) + 0.5) / width - 0.5) * math.tau
    latitude, longitude = torch.meshgrid(latitude, longitude, indexing="ij")
    flat = torch.cos(latitude)
    where = torch.stack([flat * torch.sin(longitude), torch.sin(latitude), flat * torch.cos(longitude)], -1)
    coarse, fine = noise(where, 3, 5, generator), noise(where, 40, 4, generator)
    ridge = 0.16 * noise(where * torch.tensor([1.0, 0.0, 1.0]), 5, 6, generator).clamp(-1, 2)
    height = latitude / (math.pi / 2)
    cloud = smooth((coarse + 0.25 * fine) * 1.5)
    sky = mixed(mixed((0.75, 0.83, 0.9), (0.16, 0.36, 0.72), height.clamp(0, 1)), (0.95, 0.94, 0.93), cloud)
    grass = mixed((0.2, 0.32, 0.1), (0.5, 0.46, 0.25), smooth(0.5 + 0.7 * coarse + 0.3 * fine)) * (0.85 + 0.2 * fine)
    rock = mixed((0.24, 0.24, 0.28), (0.85, 0.87, 0.9), smooth(8 * height - 0.6 + 0.6 * fine)) * (0.9 + 0.15 * fine)
    ground = mixed(grass, rock, smooth(14 * height + 0.8 + 0.3 * coarse))
    return mixed(ground, sky, smooth(60 * (height - ridge - 0.02)))[None].clamp(0, 1)


def noise(where: Tensor, frequency: float, octaves: int, generator: torch.Generator) -> Tensor:
    """Smooth noise on the sphere, about -1..1: a cloud of random numbers in space, read on its surface."""
    total = torch.zeros(where.shape[:2])
    for octave in range(octaves):
        cells = torch.randn(1, 1, 32, 32, 32, generator=generator)
        # Turned at random: a lattice along the axes would be smoother between some longitudes than between others.
        turn = torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q
        grid = torch.remainder(where @ turn * frequency * 2**octave / 16 + 1, 4)
        grid = torch.where(grid > 2, 4 - grid, grid) - 1  # the cloud is repeated by reflection
        total += F.grid_sample(cells, grid[None, None], align_corners=True)[0, 0, 0] * 0.55**octave
    return total


def smooth(value: Tensor) -> Tensor:
    value = value.clamp(0, 1)
    return value * value * (3 - 2 * value)


def mixed(one: Tensor | tuple[float, ...], other: Tensor | tuple[float, ...], share: Tensor) -> Tensor:
    one, other = (each if isinstance(each, Tensor) else torch.tensor(each)[:, None, None] for each in (one, other))
    return one + (other - one) * share
