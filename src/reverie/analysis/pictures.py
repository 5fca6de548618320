"""Figures of pictures: the strongest channels, and the dream on its way."""

from __future__ import annotations

import math
from typing import Any

import pyvips
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.analysis.analyze import PhotoAnalysis
from reverie.analysis.climb import Snapshot
from reverie.analysis.html import digits
from reverie.analysis.layers import LayerStatistics
from reverie.analysis.style import MAP, PAGE, Drawn, drawing, drawn
from reverie.types import Image

CHANNELS_IN_A_ROW = 6
LABEL = 0.2
"""Height of a line of text above a picture, in inches."""


def channels_figure(photo: PhotoAnalysis, layer: LayerStatistics, name: str) -> Drawn:
    """The photo, and the maps of the strongest channels at its size, each on a scale of its own."""
    maps = enlarged(layer.maps, photo.picture)
    rows = math.ceil((len(maps) + 1) / CHANNELS_IN_A_ROW)
    shape = photo.picture.shape[-2] / photo.picture.shape[-1]
    with drawing(PAGE, rows * (PAGE / CHANNELS_IN_A_ROW * shape + LABEL)) as figure:
        grid = figure.subplots(rows, CHANNELS_IN_A_ROW, squeeze=False).flatten()
        picture(grid[0], photo.picture, "photo")
        for axes, values, (channel, mean) in zip(grid[1:], maps, layer.strongest, strict=False):
            axes.imshow(values.numpy(), cmap=MAP, vmin=min(0.0, float(values.min())))
            axes.set_title(f"{channel}: {mean:.3g}", fontsize=7, pad=2)
        for axes in grid:
            axes.set_axis_off()
        caption = (
            f"Where the strongest channels of {layer.layer} answer on {photo.name}, by channel and mean; dark: nothing."
        )
        return drawn(figure, name, caption, ink=False)


def enlarged(maps: Float[Tensor, "n h w"], like: Image) -> Float[Tensor, "n y x"]:
    """Maps at the size of a picture."""
    return F.interpolate(maps[None], size=like.shape[-2:], mode="bilinear", align_corners=False)[0]


def dream_figure(photo: PhotoAnalysis, name: str) -> Drawn:
    """The picture at the steps asked for: a row for each octave."""
    rows = octave_rows(photo)
    columns = max(len(row) for row in rows)
    shape = photo.picture.shape[-2] / photo.picture.shape[-1]
    with drawing(PAGE, len(rows) * (PAGE / columns * shape + LABEL)) as figure:
        grid = figure.subplots(len(rows), columns, squeeze=False)
        sizes = {octave.number: octave.size for octave in photo.climb.octaves}
        for line, row in zip(grid, rows, strict=True):
            height, width = sizes[row[0].octave]
            for place, (axes, each) in enumerate(zip(line, row, strict=False)):
                start = f"{width} × {height} px, " if place == 0 else ""
                picture(axes, each.picture, f"{start}step {each.step}: {digits(each.score)}")
        for axes in grid.flatten():
            axes.set_axis_off()
        caption = f"The dream of {photo.name}, by octave (downwards), step and score."
        return drawn(figure, name, caption, ink=False)


def octave_rows(photo: PhotoAnalysis) -> list[list[Snapshot]]:
    """The snapshots of each octave."""
    return [
        [each for each in photo.climb.snapshots if each.octave == octave.number]
        for octave in photo.climb.octaves
        if any(each.octave == octave.number for each in photo.climb.snapshots)
    ]


def picture(axes: Any, image: Image, title: str) -> None:
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1).numpy())
    axes.set_title(title, fontsize=7, pad=2)


def jpeg(image: Image) -> bytes:
    """One image (1, 3, h, w), 0..1, for the page."""
    samples = (image[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    data: bytes = pyvips.Image.new_from_array(samples, interpretation="srgb").write_to_buffer(".jpg", Q=90)
    return data
