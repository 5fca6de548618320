"""Does a dream go around the sphere? Each number is for a dream as a panorama and, beside it, as a flat picture.

wrap column  the step between the last column and the first by those of the columns near it, and this by what the same
             place has in dreams of the same landscape turned otherwise: 1 where no column can be told from another
latitudes    what the dream changed, in strips of latitude, by its mean over the sphere: from a noise that is the same
             in all directions, so that 1 everywhere is right
pinwheel     near the poles, how much more the dream changed along the parallels than along the meridians: 1 is none
time         of a dream, in seconds of the processor

    python benchmarks/panorama.py [width] [turns]
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import time

import torch
from landscape import landscape, noise
from machine import describe
from torch import Tensor

import reverie as rv
from reverie.image.panorama import render_view
from reverie.settings import Panorama

NEAR = range(3, 9)
"""How far away the columns near one are."""

STRIPS = (0, 15, 30, 35, 39, 43, 50, 65, 90)


def main(width: int = 512, turns: int = 12) -> None:
    print(f"{describe()}\n{width} pixels wide")
    model = rv.load_model("squeezenet")
    flat_or_not: tuple[Panorama, ...] = ("on", "off")
    for panorama in flat_or_not:
        ratios = wrap_ratios(model, panorama, width, turns)
        error = statistics.stdev(ratios) / math.sqrt(turns)
        print(f"{panorama:>3}  wrap column {statistics.mean(ratios):.3f} +- {error:.3f} ({turns} turns)", flush=True)
        began = time.process_time()
        change = changed(isotropic(width), model, panorama, seed=0)
        print(f"     time {time.process_time() - began:.1f} s", flush=True)
        print("     latitudes " + "  ".join(f"{low}: {share:.2f}" for low, share in strips(change)))
        print(
            "     pinwheel " + "  ".join(f"{pole:+d}: {pinwheel(change, pole):.2f}" for pole in (90, -90)), flush=True
        )


def changed(image: Tensor, model: rv.Model, panorama: Panorama, seed: int) -> Tensor:
    """What a dream of the default settings adds."""
    return rv.dream(image, model, "fire8^2", rv.Settings(panorama=panorama, seed=seed)) - image


def wrap_ratios(model: rv.Model, panorama: Panorama, width: int, turns: int) -> list[float]:
    """In each turn of a landscape, how rough the wrap column is by how rough the others find the same place."""
    image, columns = landscape(width), [turn * width // turns for turn in range(turns)]
    found = []
    for turn, column in enumerate(columns):
        turned = image.roll(-column, 3)
        found.append(roughness(turned + changed(turned, model, panorama, seed=turn)).roll(column))
    every = torch.stack(found)
    return [
        float(every[turn, column] / (every[:, column].sum() - every[turn, column]) * (turns - 1))
        for turn, column in enumerate(columns)
    ]


def roughness(dream: Tensor) -> Tensor:
    """For each column the step from the one before it, by the mean of those near it."""
    steps = (dream - dream.roll(1, 3)).abs().mean((0, 1, 2))
    return steps / torch.stack([steps.roll(side * away) for away in NEAR for side in (-1, 1)]).mean(0)


def isotropic(width: int) -> Tensor:
    """A noise on the sphere that is the same in all directions, (1, 3, width/2, width)."""
    generator = torch.Generator().manual_seed(1)
    latitude = (0.5 - (torch.arange(width // 2) + 0.5) / (width // 2)) * math.pi
    longitude = ((torch.arange(width) + 0.5) / width - 0.5) * math.tau
    latitude, longitude = torch.meshgrid(latitude, longitude, indexing="ij")
    flat = torch.cos(latitude)
    where = torch.stack([flat * torch.sin(longitude), torch.sin(latitude), flat * torch.cos(longitude)], -1)
    return 0.5 + 0.15 * torch.stack([noise(where, 8, 4, generator) for _ in range(3)])[None].clamp(-3, 3)


def strips(change: Tensor) -> list[tuple[int, float]]:
    """The mean absolute change from each latitude to the next, both hemispheres, by its mean over the sphere."""
    rows = change.abs().mean((0, 1, 3))
    latitude = ((0.5 - (torch.arange(len(rows)) + 0.5) / len(rows)) * 180).abs()
    area = torch.cos(torch.deg2rad(latitude))
    mean = (rows * area).sum() / area.sum()
    found = []
    for low, high in itertools.pairwise(STRIPS):
        inside = (latitude >= low) & (latitude < high)
        found.append((low, float((rows * area)[inside].sum() / area[inside].sum() / mean)))
    return found


def pinwheel(change: Tensor, pole: int) -> float:
    """In a view straight at a pole: the roughness around the middle by the roughness toward it."""
    side = 256
    seen = render_view(change, 0, pole, 60, (side, side))
    place = (torch.arange(side) - (side - 1) / 2) / side
    y, x = torch.meshgrid(place, place, indexing="ij")
    radius = torch.hypot(x, y)
    down, right = torch.gradient(seen, dim=(2, 3))
    outward, around = (right * x + down * y) / radius, (right * y - down * x) / radius
    ring = (radius > 0.05) & (radius < 0.5)
    return float(around[..., ring].square().mean().sqrt() / outward[..., ring].square().mean().sqrt())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
