"""The flags of a dream, read from the fields of `Settings`, and what wins where they are said twice.

The command line wins over the file of `--config`, which wins over the preset, which wins over the defaults.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

from cyclopts import Group, Parameter

from reverie.errors import RecipeError, UnknownName
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
    kind = {"int": int, "float": float, "str": str}[str(each.type).split(" ")[0]]
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
    memory: str = "auto"


def wish_of(said: Mapping[str, Any], flags: Any, preset: str | None, config: Path | None) -> Wish:
    """Puts together the words said (`WORDS`), the flags, preset and file."""
    file = read_config(config) if config else {}
    words = {"preset": preset, **said}
    spoken = {"preset": "default", **file, **{name: value for name, value in words.items() if value is not None}}
    chosen = preset_of(spoken["preset"])
    flagged = {name: value for name, value in vars(flags).items() if value is not None} if flags else {}
    settings = Settings.of({**chosen.settings, **spoken.pop("settings", {}), **flagged})
    spec = spec_of(spoken.get("model", DEFAULT))
    objective = spoken["objective"] if "objective" in spoken else chosen.objective(spec.name) or spec.objective
    how = {name: spoken[name] for name in HOW if name in spoken}
    return Wish(spec.name, objective, settings, **how)


HOW = ("weights", "engine", "precision", "device", "memory")
WORDS = ("model", "objective", "preset", *HOW)
WRITTEN_BY_US = ("input", "input_sha256", "model_sha256", "version", "only_steps")


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file of words and settings, or a recipe, whose input and digests play no part."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"the configuration {path} cannot be read: {reason}") from None
    names = [each.name for each in dataclasses.fields(Settings)]
    settings = table.pop("settings", {})
    if not isinstance(settings, dict):
        raise RecipeError(f"the configuration {path} says settings = {settings!r}; expected a table, [settings]")
    for name, value in table.items():
        if name in names:
            settings[name] = value
        elif name not in WORDS and name not in WRITTEN_BY_US:
            raise UnknownName(f"setting in {path}", name, [*names, *WORDS])
        elif name in WORDS and not isinstance(value, str):
            raise RecipeError(f"the configuration {path} says {name} = {value!r}; expected a text in quotes")
    return {**{name: table[name] for name in WORDS if name in table}, "settings": settings}
