"""An activation atlas as files: laid out and made some cells at a time, and gone on with where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from reverie._native.files import hash_file, replace_file, write_file
from reverie.analysis.activations.atlas import AtlasPlan, Laid, Tell, draw_atlas, lay_out_photos
from reverie.analysis.activations.cells import CELL, Cells
from reverie.analysis.activations.layout import AtlasCell, describe_classes, require_umap
from reverie.analysis.activations.sampling import find_photos
from reverie.analysis.beside import page_beside, place_picture, write_numbers
from reverie.image.writing import save_image
from reverie.jobs.networks import Networks
from reverie.jobs.pages import render_page
from reverie.jobs.places import make_folder
from reverie.models.class_names import find_class_names
from reverie.models.spec import ModelSpec
from reverie.settings import VisualSettings

MADE_HERE = "reverie activation-atlas"


@dataclass(frozen=True)
class AtlasRequest:
    """What is asked for: how it is laid out, the network, how the cells are made, and whether a page is written."""

    plan: AtlasPlan
    model: ModelSpec = field(default_factory=ModelSpec)
    settings: VisualSettings = CELL
    html: bool = False


class AtlasJob:
    """An activation atlas about to be made. `make` makes what is not there yet, `save` writes it."""

    def __init__(
        self, named: Sequence[Path], request: AtlasRequest, output: Path | None = None, models: Networks | None = None
    ) -> None:
        """`named`: photos and folders. Raises `ImageFileError`, `MissingExtra`, and what loading a network raises."""
        require_umap()
        self.request, self.photos = request, find_photos(named)
        self.target = place_picture(output, f"{request.plan.layer}-activation-atlas", self.photos, MADE_HERE)
        self.model = (models or Networks()).load(request.model, request.settings.seed)
        self.digests = {str(path): hash_file(path) for path in self.photos}
        self.laid: Laid | None = None
        self.cells: Cells | None = None

    @property
    def folder(self) -> Path:
        """Where the layout and the cells are kept until the atlas is written."""
        return self.target.with_name(f".{self.target.name}-cells")

    @property
    def layout_path(self) -> Path:
        """Where the layout is kept, by all that it depends on."""
        how = [self.digests, self.model.digest, self.model.precision, asdict(self.request.plan)]
        return self.folder / f"layout-{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:24]}.safetensors"

    def make(self, tell: Tell) -> None:
        """Lays out the photos and makes the cells, but for what is there already. `tell` hears how far it is."""
        if self.layout_path.exists():
            self.laid = read_layout(self.layout_path)
            tell(f"the layout of {self.laid.activations} activations is there already")
        else:
            self.laid = lay_out_photos(self.model, self.photos, self.request.plan, tell)
            make_folder(self.folder)
            write_layout(self.laid, self.layout_path)
        how = self.request.plan.layer, self.laid.directions, self.request.settings, self.folder
        self.cells = Cells(self.model, *how)
        if self.cells.there:
            tell(f"{self.cells.there} of {len(self.laid.cells)} cells are there already")
        for made in self.cells:
            tell(f"cell {made.done} of {made.cells}")

    def save(self) -> Path:
        """Writes the map, its numbers, and where it is asked for its page; to be called when all is made."""
        assert self.laid is not None and self.cells is not None
        save_image(draw_atlas(self.cells.pictures(), self.laid), self.target)
        numbers = self.as_dict()
        write_numbers(numbers, self.target)
        if self.request.html:
            write_file(page_beside(self.target), self.draw_page(numbers).encode())
        self.cells.remove()
        return self.target

    def as_dict(self) -> dict[str, Any]:
        """How it was made, and what each cell holds, for JSON."""
        laid, plan, names = self.laid, self.request.plan, self.class_names
        assert laid is not None
        return {
            "made_by": MADE_HERE,
            "model": self.model.name,
            "model_sha256": self.model.digest,
            **asdict(plan),
            "across": laid.across,
            "activations": laid.activations,
            "photos": {name: digest for name, digest in self.digests.items() if name not in laid.skipped},
            "skipped": dict(laid.skipped),
            "cells": [
                {"row": cell.row, "column": cell.column, "count": cell.count, "classes": describe(cell, names)}
                for cell in laid.cells
            ],
            "settings": self.request.settings.as_dict(),
        }

    @property
    def class_names(self) -> Sequence[str]:
        """The names of the network's classes; none where it is no classifier."""
        return find_class_names(self.model) if getattr(self.model, "classes", None) else ()

    def draw_page(self, numbers: Mapping[str, Any]) -> str:
        """The page beside the map: its cells in their places, each enlarged at a click, with its classes."""
        assert self.laid is not None and self.cells is not None
        entries = [
            {**told, "path": self.cells.path(number), "label": ", ".join(told["classes"][:1])}
            for number, told in enumerate(numbers["cells"])
        ]
        data = {"numbers": numbers, "entries": entries, "made_here": MADE_HERE, "title": self.target.stem}
        return render_page("reverie.analysis", "activation_atlas.html.j2", data)


def describe(cell: AtlasCell, names: Sequence[str]) -> list[str]:
    """The classes of a cell in words."""
    return describe_classes(cell.classes, names)


def write_layout(laid: Laid, path: Path) -> None:
    """Keeps a layout: the directions as tensors, the rest as words."""
    told = {
        "cells": [[cell.row, cell.column, cell.count, list(cell.classes)] for cell in laid.cells],
        "rest": [laid.across, laid.activations, laid.photos, dict(laid.skipped)],
    }
    with replace_file(path) as draft:
        save_file({"directions": laid.directions.contiguous()}, draft, {"told": json.dumps(told)})


def read_layout(path: Path) -> Laid:
    """A layout that was kept."""
    from safetensors import safe_open

    directions = load_file(path)["directions"]
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["told"])
    cells = tuple(
        AtlasCell(row, column, count, direction, tuple(classes))
        for (row, column, count, classes), direction in zip(told["cells"], directions, strict=True)
    )
    return Laid(cells, *told["rest"])
