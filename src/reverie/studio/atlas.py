"""Pictures of what a network holds: what every layer makes of a photo, and what every channel wants to see.

They are made while nobody dreams, a step at a time, those that somebody looks at first. Pictures of channels are kept
for good, beside the downloaded weights; those of a visitor's photo are as temporary as the photo.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie._native.files import write_file
from reverie.ascent.pieces import collect_pieces
from reverie.errors import ReverieError, UnknownName
from reverie.image.reading import read_header, read_photo
from reverie.image.resample import limit_longest_side
from reverie.jobs.door import complete_recipe
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.noise_run import NoiseRun
from reverie.models.class_names import find_class_names
from reverie.models.layer_names import list_main_layers
from reverie.models.receptive_field import measure_geometry
from reverie.models.spec import ModelSpec
from reverie.models.weights import cache_folder
from reverie.objectives.parser import objective as parse_objective
from reverie.objectives.wording import quote_name
from reverie.recipe.recipe import Recipe, VisualRecipe, describe_model
from reverie.settings import Settings, VisualSettings
from reverie.studio.pictures import encode_jpeg
from reverie.types import Model

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

log = logging.getLogger("reverie")

CHANNEL = VisualSettings(size=112, steps=64, step_size=0.05)
"""How a channel is shown: small, and still what it is."""

PHOTO = Settings(size=224, steps=12, step_size=0.02)
"""How a layer dreams a visitor's photo, to be looked at small."""

AT_ONCE = 4
"""How many channels are climbed together: a step of more would let a visitor wait."""

MOST_WANTED = 600


@dataclass(frozen=True)
class Tile:
    """One picture: of a channel, or, where `photo` is given, of what a layer makes of that."""

    spec: ModelSpec
    layer: str
    channel: int | None = None
    photo: Path | None = None
    digest: str = ""
    """That of the photo."""


class Atlas:
    """The pictures of all networks that somebody looked at."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._guard = threading.Lock()
        self._wanted: list[Tile] = []
        self._failed: set[Tile] = set()
        self._working = False

    def load(self, spec: ModelSpec) -> Model:
        """The network of a spec."""
        return self.workshop.models.load(replace(spec, device=self.workshop.options.device))

    def list_layers(self, spec: ModelSpec) -> list[dict[str, Any]]:
        """Every main layer: its name, how many channels it has, and how many pixels one of its neurons sees."""
        model = self.load(spec)
        fields = measure_geometry(model, list_main_layers(model))
        return [
            {"layer": name, "words": quote_name(name), "channels": own.channels, "sees": own.receptive_field}
            for name, own in fields.items()
        ]

    def list_classes(self, spec: ModelSpec) -> list[str]:
        """The names of the network's classes, with their synonyms; none for one that is no classifier."""
        model = self.load(spec)
        return list(find_class_names(model)) if getattr(model, "classes", None) is not None else []

    def want(self, tiles: list[Tile]) -> list[Tile]:
        """Those that are there; the others are made next, in this order, before all that was wanted until now."""
        there = [tile for tile in tiles if self.path(tile).exists()]
        with self._guard:
            left = [tile for tile in tiles if tile not in there and tile not in self._failed]
            self._wanted = (left + [tile for tile in self._wanted if tile not in left])[:MOST_WANTED]
            begin = bool(self._wanted) and not self._working
            self._working = self._working or begin
        if begin:
            self.workshop.queue.fill(self.work())
        return there

    def path(self, tile: Tile) -> Path:
        """Where a picture is kept."""
        name = "".join(each if each.isalnum() else "-" for each in tile.layer)
        if tile.photo is not None:
            return self.workshop.folder / "layers" / f"{tile.spec.name}-{tile.digest[:16]}-{name}.jpg".replace(":", "-")
        model = self.load(tile.spec)
        return cache_folder() / "studio" / model.digest[:16] / name / f"{tile.channel}-{CHANNEL.size}.jpg"

    def find(self, tile: Tile) -> bytes:
        """A picture that is there; raises `UnknownName` for one that is not."""
        path = self.path(tile)
        if not path.exists():
            raise UnknownName("picture", tile.layer, [])
        return path.read_bytes()

    def work(self) -> Iterator[None]:
        """Makes what is wanted, a step at a time."""
        while True:
            with self._guard:
                if not self._wanted:
                    self._working = False
                    return
                batch = self._take_batch()
            try:
                yield from self._try(batch)
            except BaseException:
                with self._guard:
                    self._working = False
                raise

    def _try(self, batch: list[Tile]) -> Iterator[None]:
        """Makes some pictures; where they cannot be made together, each alone, and one that cannot is given up."""
        try:
            yield from self._make(batch)
        except ReverieError as error:
            if len(batch) > 1:
                for tile in batch:
                    yield from self._try([tile])
                return
            log.info("no picture of %s: %s", batch[0].layer, error)
            with self._guard:
                self._failed.update(batch)

    def _take_batch(self) -> list[Tile]:
        """The next ones: a photo's alone, or some channels of one layer."""
        first = self._wanted[0]
        alike = [
            tile for tile in self._wanted if tile.photo is None and (tile.layer, tile.spec) == (first.layer, first.spec)
        ]
        batch = [first] if first.photo is not None else alike[:AT_ONCE]
        self._wanted = [tile for tile in self._wanted if tile not in batch]
        return batch

    def _make(self, batch: list[Tile]) -> Iterator[None]:
        batch = [tile for tile in batch if not self.path(tile).exists()]
        if not batch:
            return
        model, first = self.load(batch[0].spec), batch[0]
        if first.photo is not None:
            yield from self._dream_photo(model, first)
            return
        wishes = [parse_objective(f"{quote_name(tile.layer)}:{tile.channel}") for tile in batch]
        recipe = VisualRecipe("; ".join(map(str, wishes)), settings=CHANNEL, **describe_model(model))
        run = NoiseRun(recipe, model, wishes, collect_pieces(CHANNEL, {}), columns=0)
        for _ in run:
            yield
        for tile, picture in zip(batch, run.pictures(), strict=True):
            self._keep(tile, encode_jpeg(picture[None, :3]))

    def _dream_photo(self, model: Model, tile: Tile) -> Iterator[None]:
        assert tile.photo is not None
        words = f"{quote_name(tile.layer)}^2"
        recipe = Recipe(str(tile.photo), objective=words, settings=PHOTO, **describe_model(model))
        recipe = complete_recipe(recipe, read_header(tile.photo), model)
        run = MemoryRun(recipe, read_photo(tile.photo), model, None)
        for _ in run:
            yield
        self._keep(tile, encode_jpeg(limit_longest_side(run.image(), 224)))

    def _keep(self, tile: Tile, jpeg: bytes) -> None:
        path = self.path(tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, jpeg)
