"""The flags of a dream, read from the fields of `Settings`, and what wins where they are said twice.

The command line wins over the file of `--config`, which wins over the preset, which wins over the defaults.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

from cyclopts import Group, Parameter, Token

from reverie.errors import ImageFileError, RecipeError, UnknownName, WordingError
from reverie.models.catalog import DEFAULT, spec_of
from reverie.recipe.presets import preset_of
from reverie.settings import Setting, Settings

SETTINGS_GROUP = Group("Settings of the dream", sort_key=10)


def whole_number(_: Any, tokens: Sequence[Token]) -> int:
    """What a flag says as a whole number: 3.5 is refused rather than rounded."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


Whole = Annotated[int, Parameter(converter=whole_number)]


def flag_of(each: Setting) -> tuple[str, Any, None]:
    """One flag: None unless said, so that a preset can tell what the user said from what is default."""
    kind = Whole if each.kind is int else each.kind
    choices = f": {', '.join(each.choices)}" if each.choices else ""
    about = each.about + choices + ("" if each.default is None else f" [default: {each.default}]")
    return each.name, Annotated[Optional[kind], Parameter(help=about, group=SETTINGS_GROUP)], None  # noqa: UP045


SettingsFlags = dataclasses.make_dataclass(
    "SettingsFlags", [flag_of(each) for each in Settings.fields()], namespace={"__module__": __name__}
)


@dataclasses.dataclass(frozen=True)
class NetworkFlags:
    """Which network, and how it runs; None is what nobody said.

    Parameters
    ----------
    model
        The network: see `reverie models`.
    weights
        A file of weights (safetensors, Keras's .h5, a torch state dict), or random for an untrained network.
    engine
        What runs the network: torch or tensorflow. [default: torch]
    device
        auto, cpu, cuda or mps. [default: auto]
    precision
        auto, float32 or bfloat16. [default: auto]
    """

    model: str | None = None
    weights: str | None = None
    engine: str | None = None
    device: str | None = None
    precision: str | None = None


Network = Annotated[Optional[NetworkFlags], Parameter(name="*")]  # noqa: UP045


def said(flags: Any) -> dict[str, Any]:
    """The flags of a group that were said, by name."""
    return {name: value for name, value in vars(flags).items() if value is not None} if flags else {}


def network_of(flags: NetworkFlags | None) -> dict[str, Any]:
    """What `load_model` takes: the network by name, and how it shall run."""
    how = said(flags)
    return {"name": how.pop("model", DEFAULT), **how}


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the words came to: the network, what it shall dream of, and how."""

    model: str
    objective: str | None
    """None: what the network is loaded with."""
    settings: Settings
    weights: str | None = None
    engine: str = "torch"
    precision: str = "auto"
    device: str = "auto"
    memory: str = "auto"
    guides: Sequence[tuple[float, str]] = ()
    """The weight and the file of each guide picture, whose features the objective's layers shall look for."""
    guide_mean: bool = False
    masks: Sequence[tuple[str, str]] = ()
    """The file of each mask, and the objective there; without words, the objective of the whole."""
    said: Collection[str] = ()
    """The words and settings that the user chose, by flag, preset or file: chance leaves them alone."""


def wish_of(words: Mapping[str, Any], flags: Any, preset: str | None, config: Path | None) -> Wish:
    """Puts together the words said (`WORDS`), the flags, preset and file."""
    file = read_config(config) if config else {}
    words = {"preset": preset, **words}
    spoken = {**file, **{name: value for name, value in words.items() if value is not None}}
    chosen = preset_of(spoken.get("preset", "default"))
    spec = spec_of(spoken.get("model", DEFAULT))
    guides = [weighted(each) for each in spoken.get("guide", [])]
    if spoken.get("guide_mean") and not guides:
        raise WordingError("--guide-mean says how to look at a guide picture: name one with --guide")
    usual = (spec.guided if guides else "") or spec.objective or None
    objective = spoken["objective"] if "objective" in spoken else chosen.objective(spec.name) or usual
    masks = [each if isinstance(each, tuple) else mask_and_wish(each) for each in spoken.get("mask", [])]
    if words.get("objective") and masks and all(own for _, own in masks):
        raise WordingError("every mask has a wish of its own: leave out --objective, or the wish of one mask")
    if "preset" not in spoken:
        chosen = preset_of(suiting([own or objective for _, own in masks] or [objective], bool(guides)))
    flagged = said(flags)
    settings = Settings.of({**chosen.settings, **spoken.get("settings", {}), **flagged})
    how = {name: spoken[name] for name in HOW if name in spoken}
    own = preset_of(spoken.get("preset", "default"))
    how["said"] = {
        *spoken,
        *own.settings,
        *spoken.get("settings", {}),
        *flagged,
        *(["objective"] if own.objectives else []),
    }
    return Wish(spec.name, objective, settings, guides=guides, masks=masks, **how)


HOW = ("weights", "engine", "precision", "device", "memory", "guide_mean")
WORDS = ("model", "objective", "preset", "guide", "mask", *HOW)
WRITTEN_BY_US = ("input", "input_sha256", "model_sha256", "version", "tile", "only_steps", "guides")


def suiting(objectives: Sequence[str | None], guided: bool) -> str:
    """The preset that suits these wishes, or guides."""
    from reverie.recipe.defaults import preset_for

    return "class" if guided or "class" in map(preset_for, filter(None, objectives)) else "default"


def weighted(words: str) -> tuple[float, str]:
    """A guide and its weight: `0.5*flowers.jpg`, or the file alone."""
    match = WEIGHTED.fullmatch(words)
    return (1.0, words) if match is None or Path(words).is_file() else (float(match[1]), match[2])


WEIGHTED = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*\*\s*(.+)")


def mask_and_wish(words: str) -> tuple[str, str]:
    """A mask's file and wish: `sky.png:WISH`, or the file alone. A file's own name may hold colons (C:\\sky.png)."""
    colons = [match.start() for match in re.finditer(":", words)]
    for end in [*colons, len(words)]:
        if Path(words[:end]).is_file():
            return words[:end], words[end + 1 :]
    file = next((words[:end] for end in colons if Path(words[:end]).suffix), words)
    raise ImageFileError(f"no mask is called {file}: expected a picture and a wish, as in sky.png:fire8^2")


def several_in(table: dict[str, Any], path: Path) -> dict[str, Any]:
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


def text_of(path: Path) -> str:
    """The text of a file, or the recipe within a picture."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        if not PICTURE.fullmatch(path.suffix):
            raise error
        from reverie.image.embedding import read_recipe

        return read_recipe(path)


PICTURE = re.compile(r"\.(png|jpe?g|tiff?|webp|avif)", re.IGNORECASE)


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file of words and settings, a recipe or a picture with one, whose input and digests play no part."""
    try:
        table = tomllib.loads(text_of(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"the configuration {path} cannot be read: {reason}") from None
    several = several_in(table, path)
    if several["mask"] and not table.get("objective"):  # empty in a recipe of regions
        table.pop("objective", None)
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
    return {**{name: table[name] for name in WORDS if name in table}, **several, "settings": settings}
