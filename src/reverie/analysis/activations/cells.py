"""Pictures of directions of a layer, made some at a time and kept as files until all are there."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.gradient.memory import available_memory, step_bytes_per_pixel
from reverie.image.arrays import open_image
from reverie.image.writing import save_image
from reverie.jobs.places import make_folder
from reverie.jobs.visuals import visualize
from reverie.objectives.base import Objective, Term, layer, make_term_objective
from reverie.objectives.directions import score_dot
from reverie.objectives.wording import quote_name
from reverie.settings import VisualSettings
from reverie.settings.size import find_canvas_size
from reverie.types import Image, Model

CELL = VisualSettings(size=64, steps=64, step_size=0.05, jitter=4, rotation=5.0, scaling=0.1)
"""How a cell is made unless told: small pictures bear smaller shifts and turns."""

MOST_AT_ONCE = 32
"""How many cells are climbed together at most; fewer where memory is short."""


@dataclass(frozen=True, eq=False)
class MatchTerm(Term):
    """How well activations match a vector: the dot product times a power of the cosine, as in lucid.

    The dot product alone is raised most by what many vectors have in common; the cosine keeps to this one. Unlike
    `direction`, it takes the zero vector: a place where the layer answers nothing is shown as noise.
    """

    vector: Tensor | None = None
    """The direction, (c,), of length 1."""
    power: int = 2

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        assert self.vector is not None
        vector = self.vector.to(activations)
        dot: Tensor = torch.einsum("bchw,c->bhw", activations, vector)
        return score_dot(dot, activations, vector.new_ones(()), cosine=False, power=self.power)

    def __str__(self) -> str:
        return f"a direction of {quote_name(self.layer)}"


def match_vector(name: str, vector: Float[Tensor, " c"]) -> Objective:
    """The objective that a vector of a layer is matched; its length does not matter."""
    return make_term_objective(MatchTerm(name, vector.float() / vector.float().norm().clamp_min(1e-30)))


@dataclass(frozen=True)
class Made:
    """How far the cells are: so many of them are there."""

    done: int
    cells: int


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells to be made: one picture for each of the vectors (n, c) of a layer. Iterating makes those not there yet.

    `folder`: where they are kept until `remove`.
    """

    model: Model
    layer: str
    vectors: Float[Tensor, "n c"]
    settings: VisualSettings
    folder: Path

    def path(self, number: int) -> Path:
        """Where a cell is kept, by all that it depends on: what was made with other settings is made anew."""
        how = [self.layer, self.model.digest, self.model.precision, self.settings.as_dict()]
        told = hashlib.sha256(json.dumps(how).encode() + self.vectors[number].float().cpu().numpy().tobytes())
        return self.folder / f"{told.hexdigest()[:24]}.png"

    @property
    def there(self) -> int:
        """How many are made already."""
        return sum(self.path(number).exists() for number in range(len(self.vectors)))

    def __iter__(self) -> Iterator[Made]:
        left = [number for number in range(len(self.vectors)) if not self.path(number).exists()]
        at_once = count_at_once(self.model, self.layer, self.settings)
        for first in range(0, len(left), at_once):
            some = left[first : first + at_once]
            pictures = visualize_vectors(self.model, self.layer, self.vectors[some], self.settings)
            make_folder(self.folder)
            for number, picture in zip(some, pictures.split(1), strict=True):
                save_image(picture.cpu().float(), self.path(number))
            yield Made(len(self.vectors) - len(left) + first + len(some), len(self.vectors))

    def pictures(self) -> list[Image]:
        """The cells (1, 3, h, w), all of them made."""
        return [open_image(self.path(number)) for number in range(len(self.vectors))]

    def remove(self) -> None:
        """Removes what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


def visualize_vectors(
    model: Model, name: str, vectors: Float[Tensor, "n c"], settings: VisualSettings
) -> Float[Tensor, "n 3 h w"]:
    """A picture of each vector, as many climbed at once as fit into the memory."""
    wishes = [match_vector(name, each) for each in vectors]
    at_once = count_at_once(model, name, settings)
    parts = [wishes[first : first + at_once] for first in range(0, len(wishes), at_once)]
    return torch.cat([visualize(model, part, settings) for part in parts])


def count_at_once(model: Model, name: str, settings: VisualSettings) -> int:
    """How many pictures fit into half of the free memory together."""
    each = step_bytes_per_pixel(model, layer(name)) * math.prod(find_canvas_size(settings.size))
    return int(min(MOST_AT_ONCE, max(1, available_memory() / 2 / each)))


def cell_settings(size: int | None, steps: int | None, seed: int | None) -> VisualSettings:
    """How cells are made, where something was said of it."""
    said = {"size": size, "steps": steps, "seed": seed}
    return VisualSettings.of({**CELL.as_dict(), **{name: value for name, value in said.items() if value is not None}})
