"""Activation grids: a photo seen through a layer, each of its places shown by what it answers there.

After Olah et al., "The Building Blocks of Interpretability" (2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.analysis.activations.cells import CELL, Cells, Made, visualize_vectors
from reverie.analysis.beside import place_picture, write_numbers
from reverie.errors import SettingsError
from reverie.gradient.base import compute_activations, find_model_layers
from reverie.image.arrays import open_image
from reverie.image.reading import read_photo
from reverie.image.resample import call_at_accepted_size, image_size, limit_longest_side, resize
from reverie.image.writing import save_image
from reverie.jobs.networks import Networks
from reverie.models.spec import ModelSpec, require_model
from reverie.objectives.base import layer as whole_layer
from reverie.objectives.checks import read_whole_number
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.settings import VisualSettings
from reverie.types import Image, Model, ResizedImage

ACROSS = 14
"""The most cells a side unless told: what SqueezeNet's upper layers have of a picture of 224 pixels."""

SEEN_SIDE = 224
"""The longest side at which a photo is looked at unless told, in pixels."""

LEAST_SIDE = 0.2
"""The side of the smallest cells, as a share of the largest."""

MADE_HERE = "reverie activation-grid"


def activation_grid(
    model: Model, image: Any, layer: str, across: int = ACROSS, settings: VisualSettings | None = None
) -> Image:
    """A photo through a layer: each place of its grid becomes a picture of the direction of the activations there.

    Args:
        image: one image (1, 3, h, w), 0..1, or whatever else `open_image` takes; at its own size.
        across: the most cells a side; a finer grid is averaged to as many.
        settings: how each cell is visualized; its `size` is the side of the largest cells in pixels.

    Returns:
        the sheet (1, 3, rows * size, columns * size), 0..1: the stronger the activations, the larger the cell.

    Raises `UnknownLayer`, `ImageTooSmall` and `SizeRefused` as the network does, `SettingsError` for a layer without
    places, or one that answers nothing. After lucid's activation grids: Olah et al., "The Building Blocks of
    Interpretability" (2018), https://doi.org/10.23915/distill.00010.

    >>> import torch, reverie as rv
    >>> small = rv.VisualSettings(size=32, steps=1)
    >>> rv.activation_grid(rv.load_model("squeezenet"), torch.rand(1, 3, 64, 64), "fire5", 2, small).shape
    torch.Size([1, 3, 64, 64])
    """
    require_model(model)
    settings = settings or CELL
    vectors = read_grid(model, open_image(image).to(model.device), layer, across)
    pictures = visualize_vectors(model, layer, flatten_grid(vectors), settings).cpu().float().split(1)
    return draw_grid(pictures, vectors.norm(dim=2).cpu())


def read_grid(model: Model, image: Image, layer: str, across: int = ACROSS) -> Float[Tensor, "rows columns c"]:
    """The activation vectors of the places of an image (1, 3, h, w), averaged to at most so many a side."""
    if (read_whole_number(across) or 0) < 1:
        raise SettingsError(f"across is {across!r}; expected a whole number, at least 1")
    layers = find_model_layers(model, whole_layer(layer))
    with torch.no_grad():
        maps = compute_activations(model, image, layers)[layer].float()
        rows, columns = maps.shape[2:]
        if rows * columns == 1:
            raise SettingsError(f"{layer} of {model.name} has one place in this picture: there is no grid to show")
        share = max(1.0, max(rows, columns) / across)
        maps = F.adaptive_avg_pool2d(maps, (max(1, round(rows / share)), max(1, round(columns / share))))
    if not maps.any():
        raise SettingsError(f"{layer} of {model.name} answers nothing to this picture: there is nothing to show")
    return maps[0].permute(1, 2, 0)


def flatten_grid(vectors: Float[Tensor, "rows columns c"]) -> Float[Tensor, "n c"]:
    """The vectors in reading order."""
    return vectors.flatten(0, 1)


def draw_grid(pictures: Sequence[Image], norms: Float[Tensor, "rows columns"]) -> ResizedImage:
    """The cells in their places on white, each as large as its norm, relative to the strongest."""
    (rows, columns), (height, width) = norms.shape, image_size(pictures[0])
    sheet = torch.ones(1, 3, rows * height, columns * width)
    for number, (picture, share) in enumerate(zip(pictures, (norms / norms.max()).flatten().tolist(), strict=True)):
        high, wide = (max(1, round(side * max(LEAST_SIDE, share))) for side in (height, width))
        row, column = divmod(number, columns)
        top, left = row * height + (height - high) // 2, column * width + (width - wide) // 2
        sheet[..., top : top + high, left : left + wide] = resize(picture, (high, wide)).clamp(0, 1)
    return sheet


@dataclass(frozen=True)
class GridRequest:
    """What is asked of a photo: the layer, the longest side at which it is looked at, how the cells are made."""

    layer: str
    size: int = SEEN_SIDE
    across: int = ACROSS
    model: ModelSpec = field(default_factory=ModelSpec)
    settings: VisualSettings = CELL


class GridJob:
    """An activation grid about to be made. Iterating it makes the cells that are not there yet; `save` the sheet."""

    def __init__(
        self, photo: Path | None, request: GridRequest, output: Path | None = None, models: Networks | None = None
    ) -> None:
        """Raises what `activation_grid` raises, and `ImageFileError` for a photo or an output that cannot be."""
        self.request, self.photo = request, EXAMPLE if photo is None else str(photo)
        path = input_path(self.photo)
        self.target = place_picture(output, f"{path.stem}-{request.layer}", [path], MADE_HERE)
        opened = read_photo(path)
        self.model = (models or Networks()).load(request.model, request.settings.seed)
        small = limit_longest_side(opened.image, request.size).to(self.model.device)
        self.vectors = call_at_accepted_size(
            lambda image: read_grid(self.model, image, request.layer, request.across), small
        )
        self.digest, vectors = opened.digest, flatten_grid(self.vectors)
        folder = self.target.with_name(f".{self.target.name}-cells")
        self.cells = Cells(self.model, request.layer, vectors, request.settings, folder)

    def __iter__(self) -> Iterator[Made]:
        return iter(self.cells)

    def save(self) -> Path:
        """Writes the sheet, and a file of how it was made beside it."""
        norms = self.vectors.norm(dim=2).cpu()
        save_image(draw_grid(self.cells.pictures(), norms), self.target)
        write_numbers(self.as_dict(), self.target)
        self.cells.remove()
        return self.target

    def as_dict(self) -> dict[str, Any]:
        """How it was made, and how strong each place answers, for JSON."""
        return {
            "made_by": MADE_HERE,
            "photo": self.photo,
            "photo_sha256": self.digest,
            "model": self.model.name,
            "model_sha256": self.model.digest,
            "layer": self.request.layer,
            "size": self.request.size,
            "rows": self.vectors.shape[0],
            "columns": self.vectors.shape[1],
            "norms": [[round(each, 4) for each in row] for row in self.vectors.norm(dim=2).tolist()],
            "settings": self.request.settings.as_dict(),
        }
