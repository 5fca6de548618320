"""A film's whole run as a value: the recipe of its frames, and how they follow one another."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import tomli_w

from reverie.errors import RecipeError
from reverie.recipe.recipe import AnyRecipe, Recipe, build_recipe, check_counts, parse_recipe, read_text
from reverie.settings.film import Encoding, FilmSettings, MorphSettings, ZoomSettings

Motion: TypeAlias = FilmSettings | ZoomSettings | MorphSettings
"""How frames follow one another: as in a film, in a zoom, in a morph."""

KINDS: dict[str, type[FilmSettings] | type[ZoomSettings] | type[MorphSettings]] = {
    "film": FilmSettings,
    "zoom": ZoomSettings,
    "morph": MorphSettings,
}


@dataclass(frozen=True)
class FilmRecipe:
    """Everything a film is made of.

    `dream`: what is dreamed of each frame; its input is the film, or the photo of a zoom or a morph. `motion`: how the
    frames follow one another. `keyframes`: settings and wishes over time, as TOML text (see docs/keyframes.md).

    >>> import reverie as rv
    >>> recipe = rv.FilmRecipe(rv.Recipe("cat.mp4", objective="fire8^2"), rv.FilmSettings(carry=0.8))
    >>> rv.FilmRecipe.from_toml(recipe.to_toml()).motion.carry
    0.8
    """

    dream: Recipe
    motion: Motion = field(default_factory=FilmSettings)
    encoding: Encoding = field(default_factory=Encoding)
    keyframes: str = ""

    def __post_init__(self) -> None:
        if self.keyframes:  # in one spelling, so that equal recipes are equal texts
            object.__setattr__(self, "keyframes", tomli_w.dumps(read_toml(self.keyframes)))

    @property
    def kind(self) -> str:
        """Which of "film", "zoom" and "morph" it is."""
        return next(name for name, kind in KINDS.items() if isinstance(self.motion, kind))

    def to_toml(self) -> str:
        """The recipe as text: that of a dream, and tables of its own."""
        tables = {self.kind: self.motion.as_dict(), "encoding": self.encoding.as_dict()}
        text = self.dream.to_toml() + "\n" + tomli_w.dumps(tables)
        return text + (tomli_w.dumps({"keyframes": tomllib.loads(self.keyframes)}) if self.keyframes else "")

    @classmethod
    def from_toml(cls, text: str) -> FilmRecipe:
        """The recipe that a text says; raises `RecipeError` where it says none."""
        table = read_toml(text)
        kind = next((name for name in KINDS if name in table), None)
        if kind is None:
            raise RecipeError("it is the recipe of a picture, not of a film: make it again with `reverie run`")
        return cls.of_table(table, kind)

    @classmethod
    def of_table(cls, table: Mapping[str, Any], kind: str) -> FilmRecipe:
        """The recipe of a TOML table that is of some kind."""
        own = {name: table[name] for name in (kind, "encoding", "keyframes") if name in table}
        if not all(isinstance(each, dict) for each in own.values()):
            raise RecipeError(f"the recipe cannot be read: {kind}, encoding and keyframes are tables")
        dream = build_recipe(Recipe, {name: value for name, value in table.items() if name not in own})
        keyframes = tomli_w.dumps(own["keyframes"]) if own.get("keyframes") else ""
        motion, encoding = KINDS[kind].of(own[kind]), Encoding.of(own.get("encoding", {}))
        return cls(check_counts(dream), motion, encoding, keyframes)

    def with_input(self, name: str) -> FilmRecipe:
        """The same of a film, or photo, that is called otherwise now."""
        return replace(self, dream=replace(self.dream, input=name))


def read_film_recipe(path: str | Path) -> FilmRecipe:
    """The recipe within a film, or in a TOML file; raises `RecipeError` where there is none, or a picture's.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> recipe = rv.FilmRecipe(rv.Recipe("cat.mp4", "0" * 64, "squeezenet", "0" * 64, "fire8^2"))
    >>> _ = Path("night.toml").write_text(recipe.to_toml())
    >>> rv.read_film_recipe("night.toml").dream.objective
    'fire8^2'
    """
    return FilmRecipe.from_toml(read_text(path))


def read_any_recipe(path: str | Path) -> AnyRecipe | FilmRecipe:
    """The recipe within a picture, a film or a TOML file, whatever it is of. Raises `RecipeError`."""
    text = read_text(path)
    table = read_toml(text)
    return FilmRecipe.from_toml(text) if any(name in table for name in KINDS) else parse_recipe(text)


def read_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text; raises `RecipeError` where it is none."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"the recipe cannot be read: {error}") from None
