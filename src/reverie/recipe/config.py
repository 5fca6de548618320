"""A configuration: a TOML file of words and settings, a recipe, or a picture that holds one."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from reverie.errors import RecipeError, UnknownName
from reverie.models.catalog import names_code
from reverie.settings import Settings, VisualSettings

PICTURE = re.compile(r"\.(png|jpe?g|tiff?|webp|avif)", re.IGNORECASE)
"""The endings of pictures that may hold a recipe."""

NETWORK = ("model", "weights", "engine", "precision", "device")
WORDS = ("objective", "preset", "memory", "start", "grid", *NETWORK)
"""What a configuration says as a text, beside the settings. What may be said more than once is read apart."""


FILM_TABLES = ("film", "zoom", "morph", "encoding", "keyframes")
"""The tables of a film's recipe, which the dream of a picture has no use for."""


def recipe_parts() -> set[str]:
    """What recipes say. That which is no word of a configuration plays no part in one: the input, digests, blocks."""
    from reverie.recipe.recipe import Recipe, VisualRecipe  # not before a file is read: it brings torch along

    return {each.name for kind in (Recipe, VisualRecipe) for each in dataclasses.fields(kind)} | {"command"}


def read_config(path: Path, visual: bool = False) -> dict[str, Any]:
    """What a configuration says, by name; "settings" are `Settings`, or with `visual` those of a visualization.

    The recipe of a dream is a configuration of a visualization, and the other way round: what is wished for and the
    network are the same, and the settings of the one play no part in the other.
    Raises `RecipeError`, `UnknownName`.
    """
    table = {name: value for name, value in read_table(path).items() if name not in FILM_TABLES}
    several = pop_lists(table, path)
    from_noise = "visualize" in table
    if from_noise:
        table.setdefault("objective", table.pop("visualize"))
    if several["mask"] and not table.get("objective"):  # empty in a recipe of regions
        table.pop("objective", None)
    if from_noise != visual and (from_noise or "input_sha256" in table):
        table.pop("settings", None)
    settings = pop_settings(table, path, VisualSettings if visual else Settings)
    for name, value in table.items():
        if name in WORDS and not isinstance(value, str):
            raise RecipeError(f"the configuration {path} says {name} = {value!r}; expected a text in quotes")
    return {**{name: table[name] for name in WORDS if name in table}, **several, "settings": settings}


def read_film_tables(path: Path) -> dict[str, Any]:
    """What a configuration says of a film beside its dream, by the table's name; its keyframes as TOML text."""
    table = read_table(path)
    for name in FILM_TABLES:
        if not isinstance(table.get(name, {}), dict):
            raise RecipeError(f"the configuration {path} says {name} = {table[name]!r}; expected a table, [{name}]")
    found = {name: table[name] for name in FILM_TABLES if name in table}
    return found | ({"keyframes": tomli_w.dumps(found["keyframes"])} if "keyframes" in found else {})


def check_config_code(config: Mapping[str, Any], words: Mapping[str, Any], path: Path | None) -> None:
    """Raises `RecipeError` where a configuration names code as its network, and the user's own words do not.

    A configuration may be a stranger's picture, and may name any code that lies on this machine.
    """
    model = config.get("model", "")
    if names_code(model) and words.get("model") is None:
        raise RecipeError(
            f"the configuration {path} names the network {model}, which is code that would be run: look at it, and if "
            f"you trust it, say --model {model} yourself"
        )


def read_table(path: Path) -> dict[str, Any]:
    """The TOML table of a file, or of the recipe within a picture."""
    try:
        return tomllib.loads(read_config_text(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"the configuration {path} cannot be read: {reason}") from None


def read_config_text(path: Path) -> str:
    """The text of a file, or the recipe within a picture."""
    from reverie.image.film_text import is_film, read_film_text  # not before a file is read: it brings libvips along

    if is_film(path):
        return read_film_text(path)
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        if not PICTURE.fullmatch(path.suffix):
            raise error
        from reverie.image.embedding import read_recipe_text

        return read_recipe_text(path)


def pop_lists(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a file may say more than once, taken out of it: guides, and masks in our words or as a recipe has them."""
    guides, masks, mean = table.pop("guide", []), table.pop("mask", []), table.pop("guide_mean", False)
    regions = table.pop("masks", [])
    for name, value, kind in [("guide", guides, str), ("mask", masks, str), ("masks", regions, dict)]:
        if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
            raise RecipeError(f"the configuration {path} says {name} = {value!r}; expected a list")
    if not isinstance(mean, bool):
        raise RecipeError(f"the configuration {path} says guide_mean = {mean!r}; expected true or false")
    recalled = [(str(each.get("file", "")), str(each.get("objective", ""))) for each in regions]
    return {"guide": guides, "mask": [*masks, *recalled], "guide_mean": mean}


def pop_settings(table: dict[str, Any], path: Path, kind: type[Settings | VisualSettings]) -> dict[str, Any]:
    """The settings of a file: those in its table of that name, and those that stand outside of it."""
    settings = table.pop("settings", {})
    if not isinstance(settings, dict):
        raise RecipeError(f"the configuration {path} says settings = {settings!r}; expected a table, [settings]")
    names, ignored = [each.name for each in kind.fields()], recipe_parts()
    for name in list(table):
        if name in names:
            settings[name] = table.pop(name)
        elif name not in WORDS and name not in ignored:
            raise UnknownName(f"setting in {path}", name, [*names, *WORDS])
    return settings
