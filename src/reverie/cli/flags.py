"""The flags of a dream, read from the fields of `Settings`, and what wins where they are said twice.

The command line wins over the file of `--config`, which wins over the preset, which wins over the defaults.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

from cyclopts import Group, Parameter

from reverie.errors import ImageFileError, RecipeError, UnknownName, WordingError
from reverie.models.catalog import DEFAULT, spec_of
from reverie.presets import preset_of
from reverie.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS_GROUP = Group("Settings of the dream", sort_key=10)


def flag_of(each: dataclasses.Field[Any]) -> tuple[str, Any, None]:
    """One flag: None unless said, so that a preset can tell what the user said from what is default."""
    kind = {"int": int, "float": float, "str": str, "bool": bool}[str(each.type).split(" ")[0]]
    about = each.metadata["about"] + ("" if each.default is None else f" [default: {each.default}]")
    return each.name, Annotated[Optional[kind], Parameter(help=about, group=SETTINGS_GROUP)], None  # noqa: UP045


SettingsFlags = dataclasses.make_dataclass(
    "SettingsFlags", [flag_of(each) for each in dataclasses.fields(Settings)], namespace={"__module__": __name__}
)


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the words came to: the network, what it shall dream of, and how."""

    model: str
    objective: str
    settings: Settings
    weights: str | None = None
    engine: str = "torch"
    precision: str = "auto"
    device: str = "auto"
    guides: Sequence[tuple[float, str]] = ()
    """The weight and the file of each guide picture, whose features the objective's layers shall look for."""
    guide_mean: bool = False
    masks: Sequence[tuple[str, str]] = ()
    """The file of each mask, and the objective there."""


def wish_of(said: Mapping[str, Any], flags: Any, preset: str | None, config: Path | None) -> Wish:
    """Puts together the words said (`WORDS`), the flags, preset and file."""
    file = read_config(config) if config else {}
    preset = preset or file.pop("preset", None)
    chosen = preset_of(preset or "default")
    spoken = {**file, **{name: value for name, value in said.items() if value is not None}}
    spec = spec_of(spoken.get("model", DEFAULT))
    objective = spoken.get("objective") or chosen.objective(spec.name) or spec.objective
    masks = masks_of(spoken.get("mask", []), objective, said.get("objective") is not None)
    if preset is None:
        chosen = preset_of(suiting([own for _, own in masks] or [objective]))
    flagged = {name: value for name, value in vars(flags).items() if value is not None} if flags else {}
    settings = Settings.of({**chosen.settings, **spoken.get("settings", {}), **flagged})
    how = {name: spoken[name] for name in HOW if name in spoken}
    guides = [weighted(each) for each in spoken.get("guide", [])]
    return Wish(spec.name, objective, settings, guides=guides, masks=masks, **how)


HOW = ("weights", "engine", "precision", "device", "guide_mean")
WORDS = ("model", "objective", "preset", "guide", "mask", *HOW)
WRITTEN_BY_US = ("input", "input_sha256", "model_sha256", "version", "guides")


def suiting(objectives: Sequence[str]) -> str:
    """The preset that suits these wishes."""
    from reverie.dream import preset_for

    names = {preset_for(objective) for objective in objectives} - {"default"}
    return next(iter(names), "default")


def weighted(words: str) -> tuple[float, str]:
    """A guide and its weight: `0.5*flowers.jpg`, or the file alone."""
    match = WEIGHTED.fullmatch(words)
    return (1.0, words) if match is None or Path(words).is_file() else (float(match[1]), match[2])


WEIGHTED = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*\*\s*(.+)")


def masks_of(said: Sequence[Any], objective: str, objective_said: bool) -> list[tuple[str, str]]:
    """Each mask's file and wish: `sky.png:WISH`, or the file alone, for the objective of the whole."""
    masks = [each if isinstance(each, tuple) else mask_and_wish(each) for each in said]
    if objective_said and masks and all(own for _, own in masks):
        raise WordingError("every mask has a wish of its own: leave out --objective, or the wish of one mask")
    return [(file, own or objective) for file, own in masks]


def mask_and_wish(words: str) -> tuple[str, str]:
    """Splits at the first colon after which comes no more of the file's name (C:\\sky.png:fire8)."""
    colons = [match.start() for match in re.finditer(":", words)]
    for end in [*colons, len(words)]:
        if Path(words[:end]).is_file():
            return words[:end], words[end + 1 :]
    file = next((words[:end] for end in colons if Path(words[:end]).suffix), words)
    raise ImageFileError(f"no mask is called {file}: expected a picture and a wish, as in sky.png:fire8^2")


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file of words and settings, or a recipe, whose input and digests play no part."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            f"the configuration {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    table["mask"] = [*table.get("mask", []), *((each["file"], each["objective"]) for each in table.pop("masks", []))]
    names = {each.name for each in dataclasses.fields(Settings)}
    settings = dict(table.pop("settings", {}))
    for name, value in table.items():
        if name in names:
            settings[name] = value
        elif name not in WORDS and name not in WRITTEN_BY_US:
            raise UnknownName(f"setting in {path}", name, [*names, *WORDS])
    return {**{name: table[name] for name in WORDS if name in table}, "settings": settings}
