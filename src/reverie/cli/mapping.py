"""The work behind `reverie atlas`: cells are made one after another, kept until all are there, and put on a sheet."""

from __future__ import annotations

import hashlib
import logging
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reverie.ascent.visualization import visualize
from reverie.cli.manner import Manner, speak
from reverie.cli.targets import free
from reverie.cli.visualizing import command_of, recipe_of
from reverie.errors import ImageFileError, ReverieError, SettingsError
from reverie.gradient.base import layers_of, seen
from reverie.image.contact_sheet import Layout, save_sheet
from reverie.image.formats import check_output
from reverie.image.reading import read_photo
from reverie.image.resample import sized
from reverie.image.writing import drafted, save_image
from reverie.jobs.atlas_page import MADE_HERE, Entry, page
from reverie.jobs.channel_numbers import numbers_of
from reverie.jobs.shortcuts import dream_recipe
from reverie.models.catalog import DEFAULT
from reverie.models.class_names import names_of
from reverie.models.load import load_model
from reverie.objectives.base import layer as whole_layer
from reverie.objectives.base import quoted
from reverie.objectives.parser import objective
from reverie.recipe.inputs import EXAMPLE, path_of
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings, VisualSettings
from reverie.types import Image, Model

log = logging.getLogger("reverie")

PHOTO = {"size": 384}
"""How a layer dreams the photo, unless told."""

CHANNEL = {"size": 160, "steps": 96, "step_size": 0.03}
"""How a channel is shown, unless told."""

AT_ONCE = 8
"""How many channels are climbed together."""


@dataclass(frozen=True)
class Sheet:
    """What is asked for beside the pictures: where they go, the network, the settings that were said."""

    output: Path | None
    network: Mapping[str, Any]
    values: Mapping[str, Any]
    columns: int | None
    quiet: bool

    def __post_init__(self) -> None:
        if self.columns is not None and self.columns < 1:
            raise SettingsError(f"columns is {self.columns}; expected at least 1")


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet: its name, its wish in words, how to make it again, and where it is kept until then."""

    label: str
    words: str
    command: str
    recipe: str
    folder: Path

    @property
    def path(self) -> Path:
        """Named by its recipe: what was made with other settings is made anew."""
        return self.folder / f"{hashlib.sha256(self.recipe.encode()).hexdigest()[:24]}.png"


Make = Callable[[Sequence[Cell]], Sequence[Image]]
"""The pictures (1, 3, h, w) of some cells."""


def map_layers(photo: Path | None, channels: str | None, asked: Sheet) -> int:
    """A photo dreamed by every layer. Returns the exit code."""
    if channels is not None:
        raise SettingsError(f"channels is {channels!r}, but of which layer? Say it with --layer")
    speak(Manner(quiet=asked.quiet))
    settings = Settings.of({**PHOTO, **asked.values})
    name = EXAMPLE if photo is None else str(photo)
    target = place_for(asked, f"{path_of(name).stem}-atlas", [path_of(name)])
    opened = read_photo(path_of(name))
    model = load_model(**asked.network, seed=settings.seed)
    image = sized(opened.image.to(model.device), settings.size)

    def recipe(words: str) -> Recipe:
        made = Recipe.of(opened, name, model, objective(words), settings)
        return replace(made, **{name: asked.network[name] for name in ("engine", "weights") if name in asked.network})

    def make(cells: Sequence[Cell]) -> list[Image]:
        return [dream_recipe(Recipe.from_toml(cell.recipe), image, model) for cell in cells]

    cells = [
        Cell(layer, words, dream_command(name, words, asked, settings), recipe(words).to_toml(), work_folder(target))
        for layer in model.layers
        for words in [f"{quoted(layer)}^2"]
    ]
    return drawn(cells, make, 1, target, asked)


def dream_command(name: str, words: str, asked: Sheet, settings: Settings) -> str:
    photo = [] if name == EXAMPLE else [shlex.quote(name)]
    usual = Settings().as_dict()
    flags = [
        f"--{key.replace('_', '-')} {value}" for key, value in settings.as_dict().items() if usual.get(key) != value
    ]
    flags = [*network_flags(asked.network), *flags]
    return " ".join(["reverie dream", *photo, "--objective", shlex.quote(words), *flags])


def network_flags(network: Mapping[str, Any]) -> list[str]:
    usual = {"name": DEFAULT, "engine": "torch", "device": "auto", "precision": "auto"}
    said = [(name, value) for name, value in network.items() if value != usual.get(name)]
    return [f"--{'model' if name == 'name' else name} {shlex.quote(str(value))}" for name, value in said]


def map_channels(layer: str, channels: str | None, photo: Path | None, asked: Sheet) -> int:
    """What every channel of a layer wants. Returns the exit code."""
    if photo is not None:
        raise SettingsError(f"channels begin as noise: leave out {photo}, or --layer")
    speak(Manner(quiet=asked.quiet))
    settings = VisualSettings.of({**CHANNEL, **asked.values})
    target = place_for(asked, f"{''.join(each if each.isalnum() else '-' for each in layer)}-atlas", [])
    model = load_model(**asked.network, seed=settings.seed)
    numbers = numbers_of(channels, channels_of(model, layer, settings.size))

    def cell(number: int) -> Cell:
        words, values = f"{quoted(layer)}:{number}", settings.as_dict()
        how = {name: value for name, value in asked.network.items() if value is not None}
        recipe = recipe_of(words, model, asked.network, values)
        label = f"{layer}:{number}" + called(model, layer, number)
        return Cell(label, words, command_of(words, how, values), recipe, work_folder(target))

    def make(cells: Sequence[Cell]) -> Sequence[Image]:
        pictures = visualize(model, [each.words for each in cells], settings)
        return [pictures[number : number + 1] for number in range(len(cells))]

    return drawn([cell(number) for number in numbers], make, AT_ONCE, target, asked)


def channels_of(model: Model, layer: str, size: int) -> int:
    """How many channels a layer has; raises `UnknownName`, and `ImageTooSmall` for pictures that it cannot see."""
    import torch

    layers = layers_of(model, whole_layer(layer))
    with torch.no_grad():
        return int(seen(model, torch.zeros(1, 3, size, size, device=model.device), layers)[layer].shape[1])


def called(model: Model, layer: str, number: int) -> str:
    """What a channel that stands for a class is called."""
    if getattr(model, "classes", None) != layer or number >= len(names_of(model)):
        return ""
    return f" {names_of(model)[number].split(', ')[0]}"


def place_for(asked: Sheet, stem: str, read: list[Path]) -> Path:
    """Where the sheet goes; raises `ImageFileError` where it cannot."""
    target = asked.output or free(Path(), stem, ".png")
    check_output(target, read)
    beside = page_of(target)
    if beside.exists() and MADE_HERE not in beside.read_text("utf-8", "replace"):
        raise ImageFileError(f"{beside} is there already and no page of an atlas: name another picture with -o")
    return target


def page_of(target: Path) -> Path:
    """Where the page beside a sheet goes."""
    return target.with_suffix(".html")


def work_folder(target: Path) -> Path:
    """Where the cells of a sheet are kept until all of them are there."""
    return target.with_name(f".{target.name}-cells")


def drawn(cells: Sequence[Cell], make: Make, at_once: int, target: Path, asked: Sheet) -> int:
    """Makes what is not there yet, and writes the sheet and its page. Returns the exit code."""
    left = [cell for cell in cells if not cell.path.exists()]
    if len(left) < len(cells):
        tell(asked, f"{len(cells) - len(left)} of {len(cells)} pictures are there already")
    try:
        for some in batches(left, at_once):
            made(some, make)
            tell(asked, f"{cells.index(some[-1]) + 1} of {len(cells)}: {some[-1].label}")
    except KeyboardInterrupt:
        tell(asked, f"interrupted; the same command with -o {target} goes on from here")
        raise
    done = [cell for cell in cells if cell.path.exists()]
    if not done:
        raise SettingsError("none of the layers could be shown: a larger size may do")
    save_sheet([(cell.path, cell.label) for cell in done], target, Layout(columns=asked.columns))
    entries = [Entry(cell.label, cell.command, cell.path) for cell in done]
    beside = page_of(target)
    with drafted(beside) as draft:
        draft.write_text(page(target.stem, entries), "utf-8")
    shutil.rmtree(work_folder(target))
    tell(asked, f"{target} and {beside}")
    return 0


def made(cells: Sequence[Cell], make: Make) -> None:
    """Makes some cells and keeps them; one that cannot be is told and left out where it is alone."""
    try:
        pictures = make(cells)
    except ReverieError as error:
        if len(cells) > 1:
            raise
        log.warning("%s is left out: %s", cells[0].label, error)
        return
    folder = cells[0].folder
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    for cell, picture in zip(cells, pictures, strict=True):
        save_image(picture.cpu().float(), cell.path, recipe=cell.recipe)


def batches(cells: Sequence[Cell], at_once: int) -> Iterator[Sequence[Cell]]:
    for first in range(0, len(cells), at_once):
        yield cells[first : first + at_once]


def tell(asked: Sheet, words: str) -> None:
    if not asked.quiet:
        print(words, file=sys.stderr, flush=True)
