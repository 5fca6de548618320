"""Figures made of pictures: the activation maps of the strongest channels, and snapshots of the dream."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyvips
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.analysis.analyze import PhotoAnalysis
from reverie.analysis.climb import Snapshot
from reverie.analysis.figures import COLORMAP, PAGE, RenderedFigure, format_number, open_figure, render_figure
from reverie.analysis.layers import LayerStatistics
from reverie.types import Image

CHANNELS_IN_A_ROW = 6
LABEL_HEIGHT = 0.18
"""Height of a line of text above a picture, in inches."""
GAP = 0.07
"""Between pictures, in inches."""


def draw_channels_figure(photo: PhotoAnalysis, layer: LayerStatistics, name: str) -> RenderedFigure:
    """The photo, and the enlarged activation maps of a layer's strongest channels, each on its own color scale."""
    maps = enlarge_maps(layer.maps, photo.picture)
    with open_picture_grid(math.ceil((len(maps) + 1) / CHANNELS_IN_A_ROW), CHANNELS_IN_A_ROW, photo.picture) as grid:
        draw_picture(grid.place(0, 0), photo.picture, "photo")
        for number, (values, (channel, mean)) in enumerate(zip(maps, layer.strongest, strict=True), 1):
            axes = grid.place(*divmod(number, CHANNELS_IN_A_ROW))
            axes.imshow(values.numpy(), cmap=COLORMAP, vmin=min(0.0, float(values.min())))
            write_title(axes, f"{channel}: {format_number(mean, 3)}")
        caption = (
            f"Where the strongest channels of {layer.layer} answer on {photo.name}, by channel and mean; dark: nothing."
        )
        return render_figure(grid.figure, name, caption, ink=False)


def enlarge_maps(maps: Float[Tensor, "n y x"], like: Image) -> Float[Tensor, "n h w"]:
    """Activation maps enlarged bilinearly to the size of a picture."""
    return F.interpolate(maps[None], size=like.shape[-2:], mode="bilinear", align_corners=False)[0]


def draw_dream_figure(photo: PhotoAnalysis, name: str) -> RenderedFigure:
    """The snapshots of the dream, a row for each octave."""
    rows = group_snapshots(photo)
    sizes = {octave.number: octave.size for octave in photo.climb.octaves}
    with open_picture_grid(len(rows), max(map(len, rows)), photo.picture) as grid:
        for number, row in enumerate(rows):
            height, width = sizes[row[0].octave]
            for place, each in enumerate(row):
                start = "" if place else f"{width} × {height} px, "
                draw_picture(
                    grid.place(number, place), each.picture, f"{start}step {each.step}: {format_number(each.score)}"
                )
        caption = f"The dream of {photo.name}, by octave (downwards), step and score."
        return render_figure(grid.figure, name, caption, ink=False)


@dataclass(frozen=True)
class PictureGrid:
    """A grid of pictures on a figure, a line of text above each; `shape` is height over width of a picture."""

    figure: Any
    columns: int
    shape: float

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a picture with its text, in inches."""
        return cell_size(self.columns, self.shape)

    def place(self, row: int, column: int) -> Any:
        """Matplotlib axes for one picture, without ticks or frame."""
        (width, height), (whole_width, whole_height) = self.cell, self.figure.get_size_inches()
        left, top = column * (width + GAP), row * (height + GAP) + LABEL_HEIGHT
        bottom = whole_height - top - (height - LABEL_HEIGHT)
        place = (left / whole_width, bottom / whole_height, width / whole_width, (height - LABEL_HEIGHT) / whole_height)
        axes = self.figure.add_axes(place)
        axes.set_axis_off()
        return axes


def cell_size(columns: int, shape: float) -> tuple[float, float]:
    """Width and height in inches of a picture with its text, where so many stand side by side on a page."""
    width = (PAGE - GAP * (columns - 1)) / columns
    return width, width * shape + LABEL_HEIGHT


@contextmanager
def open_picture_grid(rows: int, columns: int, like: Image) -> Iterator[PictureGrid]:
    """Yields a grid across the page's width, for pictures of the shape of `like`."""
    shape = like.shape[-2] / like.shape[-1]
    height = rows * cell_size(columns, shape)[1] + (rows - 1) * GAP
    with open_figure(PAGE, height, fitted=False) as figure:
        yield PictureGrid(figure, columns, shape)


def group_snapshots(photo: PhotoAnalysis) -> list[list[Snapshot]]:
    """The snapshots by octave, without octaves that have none."""
    return [
        [each for each in photo.climb.snapshots if each.octave == octave.number]
        for octave in photo.climb.octaves
        if any(each.octave == octave.number for each in photo.climb.snapshots)
    ]


def draw_picture(axes: Any, image: Image, words: str) -> None:
    """Draws an image (1, 3, h, w), 0..1, with words above it."""
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1).numpy())
    write_title(axes, words)


def write_title(axes: Any, words: str) -> None:
    """Writes words above a picture, at its left edge."""
    axes.set_title(words, fontsize=7, pad=2, loc="left")


def encode_jpeg(image: Image) -> bytes:
    """An image (1, 3, h, w), 0..1, as the bytes of a JPEG file."""
    samples = (image[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    data: bytes = pyvips.Image.new_from_array(samples, interpretation="srgb").write_to_buffer(".jpg", Q=90)
    return data
