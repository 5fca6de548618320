"""Activation atlases: the activations of many photos on one map, each part of it shown by what it stands for.

After Carter et al., "Activation Atlas" (2019). Their million photos are the user's own here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.analysis.activations.cells import CELL, visualize_vectors
from reverie.analysis.activations.layout import AtlasCell, count_cells, divide_plane, lay_out, require_umap
from reverie.analysis.activations.sampling import find_photos, join_samples, sample_photos
from reverie.errors import SettingsError
from reverie.gradient.base import find_model_layers
from reverie.image.resample import image_size
from reverie.models.spec import require_model
from reverie.objectives.base import layer as whole_layer
from reverie.settings import VisualSettings
from reverie.types import Image, Model, ResizedImage

Tell: TypeAlias = Callable[[str], None]

SEEN_SIDE = 224
"""The longest side at which the photos are looked at unless told, in pixels."""

SAMPLES = 2000
"""How many activations of all photos together unless told."""

LEAST = 2
"""How many activations a cell holds at least unless told; the others stay empty."""


@dataclass(frozen=True)
class AtlasPlan:
    """How an atlas is laid out. `across`: cells a side; None: by how many activations there are."""

    layer: str
    samples: int = SAMPLES
    across: int | None = None
    least: int = LEAST
    size: int = SEEN_SIDE
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("samples", "across", "least", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} is {value}; expected at least 1")


@dataclass(frozen=True, eq=False)
class Laid:
    """Activations laid out: the cells, row by row, on a grid of `across` x `across`, of which some may be empty."""

    cells: tuple[AtlasCell, ...]
    across: int
    activations: int
    photos: int
    skipped: Mapping[str, str]
    """The files that are not in it, and why."""

    @property
    def directions(self) -> Float[Tensor, "n c"]:
        """The directions of all cells."""
        return torch.stack([cell.direction for cell in self.cells])


@dataclass(frozen=True, eq=False)
class ActivationAtlas:
    """An activation atlas: the map (1, 3, across * size, across * size), 0..1, white where it is empty, and its cells.

    >>> import torch, reverie as rv
    >>> rv.ActivationAtlas(torch.ones(1, 3, 64, 64), (), 1, {}).across
    1
    """

    picture: Image
    cells: tuple[AtlasCell, ...]
    across: int
    skipped: Mapping[str, str]
    """The files that are not in it, and why."""


def activation_atlas(
    model: Model,
    photos: Path | str | Sequence[Path | str],
    layer: str,
    samples: int = SAMPLES,
    across: int | None = None,
    settings: VisualSettings | None = None,
) -> ActivationAtlas:
    """The activations of a layer on many photos, laid out so that like ones are neighbors, each region as a picture.

    `samples` activations at random places of the photos are laid out by UMAP and divided into `across` x `across`
    cells (None: about a dozen activations to each). The mean of a cell's activations, whitened, is the direction that
    its picture is made of (dot product times squared cosine). `cells` says how many activations each holds, and to
    which classes they add most.

    Args:
        photos: a folder, or the paths of photos and folders; those that cannot be read are left out, with a word to the
            log.
        settings: how each cell is visualized; its `seed` is that of the samples and the layout, too.

    Raises `SettingsError` where fewer than two photos can be read or their activations are too few, `ImageFileError`
    for a path that is not there, `UnknownLayer`, and `MissingExtra` without umap-learn. After Carter et al.,
    "Activation Atlas" (2019), https://doi.org/10.23915/distill.00015.

    >>> import reverie as rv
    >>> rv.activation_atlas(rv.load_model("squeezenet"), "examples/astronaut.jpg", "fire5")
    Traceback (most recent call last):
    reverie.errors.SettingsError: an activation atlas of one photo (examples/astronaut.jpg): ...
    """
    require_model(model)
    settings = settings or CELL
    named = [photos] if isinstance(photos, (str, Path)) else photos
    if not isinstance(named, Iterable) or not all(isinstance(each, (str, Path)) for each in named):
        raise SettingsError("photos that are no files: expected a folder, or a list of paths")
    plan = AtlasPlan(layer, samples, across, seed=settings.seed)
    laid = lay_out_photos(model, find_photos([Path(each) for each in named]), plan)
    pictures = visualize_vectors(model, layer, laid.directions, settings).cpu().float().split(1)
    return ActivationAtlas(draw_atlas(pictures, laid), laid.cells, laid.across, laid.skipped)


def say_nothing(words: str) -> None:
    """What reads how far the work is, where nobody does."""


def lay_out_photos(model: Model, photos: Sequence[Path], plan: AtlasPlan, tell: Tell = say_nothing) -> Laid:
    """The layout of the photos' activations; `tell` hears how far it is. Raises what `activation_atlas` raises."""
    require_umap()
    find_model_layers(model, whole_layer(plan.layer))
    each, parts = math.ceil(plan.samples / len(photos)), []
    for path, found in sample_photos(model, plan.layer, photos, each, plan.size, plan.seed):
        parts.append(found)
        tell(f"photo {len(parts)} of {len(photos)}: {path.name}")
    samples = join_samples(parts)
    tell(f"laying out {len(samples.vectors)} activations")
    across = plan.across or count_cells(len(samples.vectors))
    cells = divide_plane(samples, lay_out(samples.vectors, plan.seed), across, plan.least)
    return Laid(tuple(cells), across, len(samples.vectors), len(set(samples.photos)), samples.skipped)


def draw_atlas(pictures: Sequence[Image], laid: Laid) -> ResizedImage:
    """The cells in their places on white."""
    height, width = image_size(pictures[0])
    sheet = torch.ones(1, 3, laid.across * height, laid.across * width)
    for picture, cell in zip(pictures, laid.cells, strict=True):
        top, left = cell.row * height, cell.column * width
        sheet[..., top : top + height, left : left + width] = picture
    return sheet
