"""What a user asks for, put together: words and flags win over a configuration, over a preset, over the defaults."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ImageFileError, WordingError
from reverie.models.catalog import DEFAULT_MODEL, find_entry
from reverie.models.spec import ModelSpec
from reverie.recipe.config import NETWORK, check_config_code, read_config
from reverie.recipe.presets import find_preset
from reverie.settings import Settings

if TYPE_CHECKING:
    from reverie.objectives.base import Objective
    from reverie.recipe.recipe import Recipe
    from reverie.types import Model


@dataclass(frozen=True)
class Request:
    """What to dream of, with which network, and how: everything but the photograph."""

    model: ModelSpec = field(default_factory=ModelSpec)
    objective: str | None = None
    """None: what the network dreams of unless told."""
    settings: Settings = field(default_factory=Settings)
    memory: str = "auto"
    guides: Sequence[tuple[float, str]] = ()
    """The weight and the file of each guide picture, whose features the objective's layers shall look for."""
    guide_mean: bool = False
    masks: Sequence[tuple[str, str]] = ()
    """The file of each mask, and the objective there; without words, the objective of the whole."""
    chosen: Collection[str] = ()
    """The words and settings that the user chose, by flag, preset or file: chance leaves them alone."""

    @property
    def files(self) -> list[Path]:
        """The files that it reads: guides and masks."""
        return [Path(file) for _, file in self.guides] + [Path(file) for file, _ in self.masks]


def read_request(
    words: Mapping[str, Any], flags: Mapping[str, Any], preset: str | None = None, config: Path | None = None
) -> Request:
    """Puts together the words and the settings that were said, the preset and the file. What is None was not said.

    `words`: model, weights, engine, device, precision, objective, guide, guide_mean, mask, memory. `flags`: settings.
    Raises `WordingError`, `UnknownName`, `SettingsError`, `RecipeError`, `ImageFileError`.
    """
    file = read_config(config) if config else {}
    words = {"preset": preset, **words}
    said = {**file, **{name: value for name, value in words.items() if value is not None}}
    check_config_code(file, words, config)
    entry = find_entry(said.get("model", DEFAULT_MODEL))  # first: own code may register a preset
    named = find_preset(said.get("preset", "default"))
    guides = [parse_guide(each) for each in said.get("guide", [])]
    if said.get("guide_mean") and not guides:
        raise WordingError("--guide-mean says how to look at a guide picture: name one with --guide")
    usual = (entry.guided if guides else "") or entry.objective or None
    objective = said["objective"] if "objective" in said else named.objective(entry.name) or usual
    masks = [each if isinstance(each, tuple) else parse_mask(each) for each in said.get("mask", [])]
    if words.get("objective") and masks and all(own for _, own in masks):
        raise WordingError("every mask has a wish of its own: leave out --objective, or the wish of one mask")
    suiting = named
    if "preset" not in said:
        suiting = find_preset(suiting_preset([own or objective for _, own in masks] or [objective], bool(guides)))
    chosen = {*said, *named.settings, *said.get("settings", {}), *flags, *(["objective"] if named.objectives else [])}
    return Request(
        model=ModelSpec(entry.name, **{name: said[name] for name in NETWORK[1:] if name in said}),
        objective=objective,
        settings=Settings.of({**suiting.settings, **said.get("settings", {}), **flags}),
        memory=said.get("memory", Request.memory),
        guides=guides,
        guide_mean=bool(said.get("guide_mean")),
        masks=masks,
        chosen=chosen,
    )


def suiting_preset(objectives: Sequence[str | None], guided: bool) -> str:
    """The name of the preset that suits these wishes, or guides."""
    from reverie.recipe.defaults import choose_preset

    return "class" if guided or "class" in map(choose_preset, filter(None, objectives)) else "default"


def parse_guide(words: str) -> tuple[float, str]:
    """A guide's weight and file: `0.5*flowers.jpg`, or the file alone."""
    match = WEIGHTED.fullmatch(words)
    return (1.0, words) if match is None or Path(words).is_file() else (float(match[1]), match[2])


WEIGHTED = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*\*\s*(.+)")


def parse_mask(words: str) -> tuple[str, str]:
    """A mask's file and wish: `sky.png:WISH`, or the file alone. A file's own name may hold colons (C:\\sky.png)."""
    colons = [match.start() for match in re.finditer(":", words)]
    for end in [*colons, len(words)]:
        if Path(words[:end]).is_file():
            return words[:end], words[end + 1 :]
    file = next((words[:end] for end in colons if Path(words[:end]).suffix), words)
    raise ImageFileError(f"no mask is called {file}: expected a picture and a wish, as in sky.png:fire8^2")


def check_words(request: Request) -> None:
    """Reads every objective, before any network is loaded; raises `WordingError`."""
    from reverie.objectives.parser import objective

    for words in [request.objective, *(own or request.objective for _, own in request.masks)]:
        if words is not None:
            objective(words)


def make_recipe(request: Request, name: str, model: Model) -> Recipe:
    """The recipe of a request for the photograph of that name; its digests are filled in when a run is prepared.

    Where there are guides, the layers of the wish look for their features. A mask with words of its own says its own.
    """
    from reverie.objectives.default import default_objective
    from reverie.objectives.guides import replace_layers_by_guides
    from reverie.objectives.parser import objective
    from reverie.recipe.recipe import Recipe, RegionWish

    whole = objective(request.objective or default_objective(model))
    if request.guides and not (request.masks and all(own for _, own in request.masks)):
        whole = replace_layers_by_guides(whole, request.guides, request.guide_mean)
    masks: list[tuple[str, Objective]] = [(file, objective(own) if own else whole) for file, own in request.masks]
    wishes = [wish for _, wish in masks] or [whole]
    spec = request.model
    return Recipe(
        input=name,
        model=spec.name,
        objective="" if masks else str(whole),
        precision=spec.precision,
        engine=spec.engine,
        weights=spec.weights,
        settings=request.settings,
        guides={file: "" for wish in wishes for file in wish.files},
        masks=tuple(RegionWish(file, "", str(wish)) for file, wish in masks),
    )
