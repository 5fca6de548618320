"""Sheets: a photograph dreamed by every layer of a network, or what every channel of a layer wants to see.

The cells of a sheet are made one after another, kept until all are there, and put side by side with a page beside
them. One that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import logging
import shlex
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from reverie._native.files import write_file
from reverie.errors import ImageFileError, ReverieError, SettingsError
from reverie.gradient.base import compute_activations, find_model_layers
from reverie.image.contact_sheet import SheetLayout, save_sheet
from reverie.image.formats import check_output
from reverie.image.reading import read_header, read_photo
from reverie.image.writing import save_image
from reverie.jobs.door import complete_recipe
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks
from reverie.jobs.places import free_path, make_folder
from reverie.jobs.sheet_page import GENERATOR, Entry, draw_page
from reverie.jobs.visuals import visualize
from reverie.models.class_names import find_class_names
from reverie.models.layer_names import list_main_layers
from reverie.models.spec import ModelSpec
from reverie.objectives.base import layer as whole_layer
from reverie.objectives.wording import quote_name
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.recipe.recipe import Recipe, VisualRecipe
from reverie.settings import Settings, VisualSettings
from reverie.settings.size import AnySize, find_canvas_size
from reverie.types import Image, Model

log = logging.getLogger("reverie")

PHOTO = {"size": 384}
"""How a layer dreams the photo, unless told."""

CHANNEL = {"size": 160, "steps": 96, "step_size": 0.03}
"""How a channel is shown, unless told."""

AT_ONCE = 8
"""How many channels are climbed together."""


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet: its name, how to make it again, and the recipe that it carries."""

    label: str
    command: str
    recipe: Recipe | VisualRecipe

    @property
    def name(self) -> str:
        """Its file's name, by its recipe: what was made with other settings is made anew."""
        return f"{hashlib.sha256(self.recipe.to_toml().encode()).hexdigest()[:24]}.png"


@dataclass(frozen=True)
class Made:
    """How far a sheet is: so many of its cells are there, the last of them with this label."""

    done: int
    cells: int
    label: str


class Sheet:
    """A sheet about to be made. Iterating it makes the cells that are not there yet; `save` puts them on the sheet."""

    def __init__(
        self,
        target: Path,
        cells: Sequence[Cell],
        make: Callable[[Sequence[Cell]], Sequence[Image]],
        at_once: int = 1,
        columns: int | None = None,
    ) -> None:
        if columns is not None and columns < 1:
            raise SettingsError(f"columns is {columns}; expected at least 1")
        self.target, self.cells, self.columns = target, cells, columns
        self._make, self._at_once = make, at_once

    @property
    def folder(self) -> Path:
        """Where the cells are kept until all of them are there."""
        return self.target.with_name(f".{self.target.name}-cells")

    @property
    def page(self) -> Path:
        """The page beside the sheet."""
        return page_beside(self.target)

    def cell_path(self, cell: Cell) -> Path:
        """Where a cell is kept."""
        return self.folder / cell.name

    @property
    def there(self) -> list[Cell]:
        """The cells that are made already."""
        return [cell for cell in self.cells if self.cell_path(cell).exists()]

    def __iter__(self) -> Iterator[Made]:
        there = {cell.name for cell in self.there}
        left = [cell for cell in self.cells if cell.name not in there]
        for first in range(0, len(left), self._at_once):
            some = left[first : first + self._at_once]
            self._make_cells(some)
            yield Made(self.cells.index(some[-1]) + 1, len(self.cells), some[-1].label)

    def _make_cells(self, cells: Sequence[Cell]) -> None:
        """Makes some cells and keeps them; one that cannot be is told and left out where it is alone."""
        try:
            pictures = self._make(cells)
        except ReverieError as error:
            if len(cells) > 1:
                raise
            log.warning("%s is left out: %s", cells[0].label, error)
            return
        make_folder(self.folder)
        for cell, picture in zip(cells, pictures, strict=True):
            save_image(picture.cpu().float(), self.cell_path(cell), recipe=cell.recipe.to_toml())

    def save(self) -> Path:
        """Writes the sheet and its page; raises `SettingsError` where no cell could be made."""
        done = self.there
        if not done:
            raise SettingsError("none of the layers could be shown: a larger size may do")
        labelled = [(self.cell_path(cell), cell.label) for cell in done]
        save_sheet(labelled, self.target, SheetLayout(columns=self.columns))
        entries = [Entry(cell.label, cell.command, self.cell_path(cell)) for cell in done]
        write_file(self.page, draw_page(self.target.stem, entries).encode())
        shutil.rmtree(self.folder)
        return self.target


@dataclass(frozen=True)
class SheetRequest:
    """What is asked for beside what is shown: where the sheet goes, the network, the settings that were said."""

    output: Path | None = None
    model: ModelSpec = field(default_factory=ModelSpec)
    settings: tuple[tuple[str, AnySize], ...] = ()
    """Of the settings "size", "steps" and "seed" those that were said."""
    columns: int | None = None


def show_layers(photo: Path | None, request: SheetRequest, models: Networks | None = None) -> Sheet:
    """The sheet of a photograph, or of the bundled one, dreamed by every layer of a network."""
    settings = Settings.of({**PHOTO, **dict(request.settings)})
    name = EXAMPLE if photo is None else str(photo)
    path = input_path(name)
    target = place_sheet(request.output, f"{path.stem}-layers", [path])
    header, opened = read_header(path), read_photo(path)
    model = (models or Networks()).load(request.model, settings.seed)
    spec = request.model

    def make(cells: Sequence[Cell]) -> list[Image]:
        recipes = [cell.recipe for cell in cells if isinstance(cell.recipe, Recipe)]
        runs = [MemoryRun(each, opened, model, None) for each in recipes]
        return [run.image() for run in runs for _ in [deque(run.steps(), maxlen=0)]]

    cells = []
    for layer in list_main_layers(model):
        words = f"{quote_name(layer)}^2"
        recipe = Recipe(
            name, model=spec.name, objective=words, engine=spec.engine, weights=spec.weights, settings=settings
        )
        cells.append(Cell(layer, dream_command(recipe, spec), complete_recipe(recipe, header, model)))
    return Sheet(target, cells, make, columns=request.columns)


def dream_command(recipe: Recipe, spec: ModelSpec) -> str:
    """The command line that dreams the same. What is as it is unless told is left out."""
    photo = [] if recipe.input == EXAMPLE else [shlex.quote(recipe.input)]
    usual = Settings().as_dict() | asdict(ModelSpec())
    said = {**asdict(spec), **recipe.settings.as_dict()}
    flags = [
        f"--{'model' if name == 'name' else name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in said.items()
        if value is not None and usual.get(name) != value
    ]
    return " ".join(["reverie dream", *photo, "--objective", shlex.quote(recipe.objective), *flags])


def show_channels(layer: str, channels: str | None, request: SheetRequest, models: Networks | None = None) -> Sheet:
    """The sheet of what the channels of a layer want; `channels`: "0:64", "3,17,61", or None for all of them."""
    settings = VisualSettings.of({**CHANNEL, **dict(request.settings)})
    target = place_sheet(request.output, f"{''.join(each if each.isalnum() else '-' for each in layer)}-channels", [])
    model = (models or Networks()).load(request.model, settings.seed)
    spec = replace(request.model, precision=model.precision)

    def cell(number: int) -> Cell:
        words = f"{quote_name(layer)}:{number}"
        how = spec.precision, spec.engine, spec.weights
        recipe = VisualRecipe(words, spec.name, model.digest, *how, settings)
        asked = replace(recipe, precision=request.model.precision)
        return Cell(f"{layer}:{number}" + name_channel(model, layer, number), asked.command, recipe)

    def make(cells: Sequence[Cell]) -> list[Image]:
        pictures = visualize(model, [each.recipe.wishes for each in cells], settings)  # type: ignore[misc]
        return list(torch.split(pictures, 1))

    numbers = parse_channels(channels, count_channels(model, layer, find_canvas_size(settings.size)))
    return Sheet(target, [cell(number) for number in numbers], make, AT_ONCE, request.columns)


def count_channels(model: Model, layer: str, size: tuple[int, int]) -> int:
    """How many channels a layer has; raises `UnknownName`, and `ImageTooSmall` for pictures that it cannot see."""
    layers = find_model_layers(model, whole_layer(layer))
    with torch.no_grad():
        return int(compute_activations(model, torch.zeros(1, 3, *size, device=model.device), layers)[layer].shape[1])


def name_channel(model: Model, layer: str, number: int) -> str:
    """What a channel that stands for a class is called, after a space."""
    if getattr(model, "classes", None) != layer or number >= len(find_class_names(model)):
        return ""
    return f" {find_class_names(model)[number].split(', ')[0]}"


def parse_channels(words: str | None, count: int) -> list[int]:
    """The channels that words name among so many: "0:64", "3,17,61", or both; None: all. Raises `SettingsError`."""
    if words is None:
        return list(range(count))
    found: dict[int, None] = {}
    for part in words.split(","):
        first, colon, end = (each.strip() for each in part.partition(":"))
        texts = [each for each in (first, end) if each] if colon else [first]
        if not all(text.isdecimal() and len(text) < 10 for text in texts):
            raise SettingsError(f'channels is {words!r}; expected something like "0:64" or "3,17,61"')
        start = int(first or 0)
        stop = (int(end) if end else count) if colon else start + 1
        if not start < stop or start >= count or (stop > count and not colon):
            raise SettingsError(f"channels is {words!r}; the layer has the channels 0 to {count - 1}")
        found |= dict.fromkeys(range(start, min(stop, count)))
    return list(found)


def place_sheet(output: Path | None, stem: str, read: list[Path]) -> Path:
    """Where the sheet goes; raises `ImageFileError` where it, or the page beside it, cannot."""
    target = output or free_path(Path(), stem, ".png")
    check_output(target, read)
    beside = page_beside(target)
    if beside.exists() and GENERATOR not in beside.read_text("utf-8", "replace"):
        raise ImageFileError(f"{beside} is there already and no page of a sheet: name another picture with -o")
    return target


def page_beside(target: Path) -> Path:
    """Where the page beside a sheet goes."""
    return target.with_suffix(".html")
