"""Keyframes as a TOML text: read from a file, checked for its parts, and joined with what the command line says.

    [curves]                      settings, and weights of the wish's terms, over time
    step_size = "0:(0.01), 30:(0.03)"
    [[wish]]                      wishes one after another
    at = "50%"
    objective = "class:volcano"
    [[mask]]                      regions, and what is wished for there
    file = "sky.png"
    objective = "fire8^2"

The text is what a film's recipe holds: nothing else of the file is needed to make the same film again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from reverie.errors import RecipeError, SettingsError, UnknownName
from reverie.objectives.parser import objective as parse_objective

PARTS = ("curves", "wish", "mask")
WISH_WORDS = ("at", "objective", "fade", "ease", "bezier", "weight")
MASK_WORDS = ("file", "objective", "from", "to", "fade", "ease", "bezier")


@dataclass(frozen=True)
class KeyframeTable:
    """The parts of keyframes, as their TOML has them."""

    curves: dict[str, Any]
    wishes: tuple[dict[str, Any], ...] = ()
    masks: tuple[dict[str, Any], ...] = ()

    def to_toml(self) -> str:
        """The keyframes as a text; empty where there are none."""
        said = {"curves": self.curves, "wish": list(self.wishes), "mask": list(self.masks)}
        return tomli_w.dumps({name: value for name, value in said.items() if value})


def read_keyframe_file(path: Path) -> str:
    """The text of a file of keyframes; raises `RecipeError` for one that cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise RecipeError(f"the keyframes {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        parse_table(text)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    return text


def parse_table(text: str) -> KeyframeTable:
    """The parts of a TOML text; raises `RecipeError` for one that is none, `SettingsError`, `UnknownName`."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"the keyframes cannot be read: {error}") from None
    for name in table:
        if name not in PARTS:
            raise SettingsError(
                f"{name!r} is no part of keyframes, which are [curves], [[wish]] and [[mask]]: what changes over time "
                "goes under [curves]"
            )
    curves = table.get("curves", {})
    if not isinstance(curves, dict):
        raise SettingsError(f"curves is {curves!r}; expected a table, [curves]")
    return KeyframeTable(curves, take_tables(table, "wish", WISH_WORDS), take_tables(table, "mask", MASK_WORDS))


def take_tables(table: Mapping[str, Any], name: str, known: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """The tables of one name, each with known words alone."""
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise SettingsError(f"{name} is {found!r}; expected tables, each under [[{name}]]")
    for each in found:
        for word in each:
            if word not in known:
                raise UnknownName(f"part of a {name} in keyframes", word, known)
    return tuple(found)


def merge_sets(text: str, sets: Sequence[str]) -> str:
    """The keyframes with the curves that were said as words, "step_size = 0:(0.01), 30:(0.03)", which win.

    The same keyframes give the same text, however they were written. Raises as `parse_table` does, and for words
    without "=", or two of one name.
    """
    table, said = parse_table(text), dict[str, str]()
    for words in sets:
        name, equals, value = (each.strip() for each in words.partition("="))
        if not (name and equals and value):
            raise SettingsError(f"cannot read {words!r}; expected a name and a value, as in step_size = 0.01 + 0.01*s")
        if name in said:
            raise SettingsError(f"{name} is set twice: {said[name]!r} and {value!r}; expected once")
        said[name] = value
    return KeyframeTable({**table.curves, **said}, table.wishes, table.masks).to_toml()


def hears_sound(text: str) -> bool:
    """Whether keyframes read the film's sound, so that it must be measured before they are read."""
    return "audio." in str(list(parse_table(text).curves.values()))


def list_unweighted(text: str) -> list[str]:
    """The wishes that fade into each other, in words, where the weight of any is still to be found; else none."""
    wishes = parse_table(text).wishes
    unsaid = len(wishes) > 1 and not all("weight" in each for each in wishes)
    return [str(each.get("objective", "")) for each in wishes] if unsaid else []


def weigh_wishes(text: str, weights: Sequence[float]) -> str:
    """The keyframes with a weight for each wish, in their order, that has none yet."""
    table = parse_table(text)
    weighed = ({"weight": weight, **each} for weight, each in zip(weights, table.wishes, strict=True))
    return KeyframeTable(table.curves, tuple(weighed), table.masks).to_toml()


def relocate_keyframes(text: str, places: Mapping[str, str]) -> str:
    """The keyframes with the files of masks and wishes elsewhere: `places` maps the paths to those to read."""
    table = parse_table(text)

    def relocate(said: Mapping[str, Any]) -> dict[str, Any]:
        moved = {"file": places.get(said["file"], said["file"])} if "file" in said else {}
        return {**said, **moved, "objective": str(parse_objective(said["objective"]).relocated(places))}

    return KeyframeTable(table.curves, tuple(map(relocate, table.wishes)), tuple(map(relocate, table.masks))).to_toml()
