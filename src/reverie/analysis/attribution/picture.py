"""The picture of an attribution: the photo, the values with their scale, and the two together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips
import torch.nn.functional as F
from torch import Tensor

from reverie.analysis.attribution.explain import Explanation
from reverie.analysis.beside import write_numbers
from reverie.analysis.figures import PAGE, RenderedFigure, format_number, open_figure, render_figure
from reverie.analysis.pictures import draw_picture, open_picture_grid, write_title
from reverie.image.writing import write_picture

POSITIVE = "inferno"
"""The color map of values from 0 up: perceptually uniform, dark to light, readable without red or green."""

SIGNED = "RdBu_r"
"""The color map of values of both signs: as far from white to both sides, white at 0."""

SHARE = 0.995
"""The share of pixels whose value is within the scale: single pixels of a gradient stand out by far."""

SHOWN_CHANNELS = 11
"""How many channels a picture shows: with the photo, two rows of six."""


def save_explanation(found: Explanation, target: Path) -> None:
    """Writes the picture, in the format that the path's ending names, and the numbers beside it."""
    figure = draw_channels(found) if found.values.ndim == 3 else draw_map(found)
    write_picture(pyvips.Image.new_from_buffer(figure.png, ""), target)
    write_numbers(found.as_dict(), target)


def draw_map(found: Explanation) -> RenderedFigure:
    """The photo, the map, and the photo in gray under the map, side by side."""
    height, width = found.image.shape[-2:]
    signed, reach = bool((found.values < 0).any()), find_reach(found.values)
    colors: dict[str, Any] = {"cmap": SIGNED if signed else POSITIVE, "vmin": -reach if signed else 0, "vmax": reach}
    with open_figure(PAGE, PAGE / 3 * height / width + 0.45) as figure:
        axes = figure.subplots(1, 3)
        draw_picture(axes[0], found.image, describe_seen(found))
        drawn = axes[1].imshow(found.values.numpy(), **colors)
        write_title(axes[1], f"{found.request.method}" + (f", {found.layer}" if found.layer else ""))
        draw_over(axes[2], found.image, found.values, colors)
        write_title(axes[2], f"{found.objective}, score {format_number(found.score)}")
        for each in axes:
            each.set_axis_off()
        bar = figure.colorbar(drawn, ax=list(axes), location="bottom", aspect=60, fraction=0.05, pad=0.02)
        bar.ax.tick_params(labelsize=6)
        bar.outline.set_linewidth(0.4)
        return render_figure(figure, "attribution", f"{found.request.method} of {found.objective}.", ink=False)


def draw_channels(found: Explanation) -> RenderedFigure:
    """The photo, and where each of the strongest channels adds to the score (red) or takes from it (blue)."""
    shown = found.channels[:SHOWN_CHANNELS]
    maps = enlarge(found.values[[number for number, _ in shown]], found.image)
    with open_picture_grid(2, 6, found.image) as grid:
        draw_picture(grid.place(0, 0), found.image, describe_seen(found))
        for place, ((number, value), values) in enumerate(zip(shown, maps, strict=True), 1):
            axes, reach = grid.place(*divmod(place, 6)), find_reach(values)
            draw_over(axes, found.image, values, {"cmap": SIGNED, "vmin": -reach, "vmax": reach})
            sign = "+" if value > 0 else "−"
            write_title(axes, f"{found.layer}:{number}  {sign}{format_number(abs(value), 3)}")
        return render_figure(grid.figure, "channels", f"Channels of {found.layer} and {found.objective}.", ink=False)


def draw_over(axes: Any, image: Tensor, values: Tensor, colors: dict[str, Any]) -> None:
    """Values over a photo in light gray, the more opaque the further from 0."""
    gray = 0.35 + 0.65 * image[0].mean(0)
    opacity = (values.abs() / colors["vmax"]).clamp(0, 1) * 0.9
    axes.imshow(gray.numpy(), cmap="gray", vmin=0, vmax=1)
    axes.imshow(values.numpy(), alpha=opacity.numpy(), **colors)


def find_reach(values: Tensor) -> float:
    """The end of the scale: the magnitude that most values do not exceed. Never 0."""
    sizes = values.abs().flatten()
    kth = max(1, round(SHARE * len(sizes)))
    return float(sizes.kthvalue(kth).values) or float(sizes.max()) or 1.0


def enlarge(maps: Tensor, image: Tensor) -> Tensor:
    """Maps (n, y, x) enlarged to the size of an image."""
    return F.interpolate(maps[None], size=image.shape[-2:], mode="bilinear", align_corners=False)[0]


def describe_seen(found: Explanation) -> str:
    """The likeliest class, or that it is the photo."""
    return "photo" if found.seen is None else f"{found.seen.name}, {found.seen.probability:.0%}"
