"""A whole run as a value: what is needed to dream the same picture again, pixel for pixel.

It is written into every picture as a TOML text and read back by `reverie run`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from reverie.errors import RecipeError, ReverieError, nearest
from reverie.image.embedding import read_recipe
from reverie.image.panorama import settled
from reverie.image.reading import Photo, PhotoFile, read_header, read_photo
from reverie.objectives.base import Objective
from reverie.recipe.versions import implied_settings, own_version, settings_to_write
from reverie.settings import Settings
from reverie.types import Model

UNREADABLE = "the recipe cannot be read"


@dataclass(frozen=True)
class RegionWish:
    """What to dream of where a mask is: a picture whose opaque, or light, places are the region."""

    file: str
    sha256: str
    objective: str


@dataclass(frozen=True)
class Recipe:
    """Everything a dream is made of. The digests are SHA-256 in hexadecimal."""

    input: str
    input_sha256: str
    model: str
    model_sha256: str
    objective: str
    precision: str
    engine: str = "torch"
    weights: str | None = None
    """The file of the weights, or "random"; None for the network's own."""
    settings: Settings = field(default_factory=Settings)
    version: str = field(default_factory=own_version)
    tile: int | None = None
    """The side of the windows it was computed in, in pixels; unset: all at once."""
    block: int | None = None
    """The side of the blocks that a picture larger than memory was dreamed in, in pixels; unset: it was not."""
    only_steps: int | None = None
    """Set where the dream was stopped after so many of its steps, all octaves counted."""
    guides: dict[str, str] = field(default_factory=dict)
    """The guide pictures that the objectives name, each with its digest."""
    masks: tuple[RegionWish, ...] = ()
    """A wish for each region; `objective` is empty then."""

    @classmethod
    def of(
        cls,
        photo: Photo | PhotoFile,
        name: str,
        model: Model,
        wish: Objective | Sequence[tuple[str, Objective]],
        settings: Settings,
    ) -> Recipe:
        """The recipe of what is about to be dreamed; `name` is what the photo was called.

        `wish`: an objective, or for each mask its file and the objective there.
        """
        regions = [] if isinstance(wish, Objective) else wish
        objectives = [wish] if isinstance(wish, Objective) else [objective for _, objective in regions]
        words = "" if regions else str(wish)
        recipe = cls(plain(name), photo.digest, model.name, model.digest, words, model.precision)
        masks = [RegionWish(plain(file), read_header(file).digest, str(objective)) for file, objective in regions]
        guides = {file: read_photo(file).digest for objective in objectives for file in objective.files}
        return replace(recipe, guides=guides, masks=tuple(masks), settings=settled(settings, photo))

    def to_toml(self) -> str:
        """The recipe as text."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        settings = settings_to_write(self.settings, self.version)
        values |= {"masks": [asdict(each) for each in self.masks], "settings": settings}
        return tomli_w.dumps({name: value for name, value in values.items() if value not in (None, {}, [])})

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The recipe that a text says; raises `RecipeError` where it says none."""
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{UNREADABLE}: {error}") from None
        if "visualize" in table:
            raise RecipeError("it began as noise, not as a photo; make it again with `reverie run`")
        return cls(**checked(table))

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """The recipe within a picture, or in a TOML file."""
        return cls.from_toml(text_of(path))


def text_of(path: str | Path) -> str:
    """The text of a recipe within a picture, or in a TOML file."""
    path = Path(path)
    if path.suffix != ".toml" or not path.is_file():
        return read_recipe(path)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error}") from None


def checked(table: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe; raises `RecipeError` for one that is missing, unknown or of another type."""
    known = {each.name: each for each in fields(Recipe)}
    for name, value in table.items():
        if name not in known:
            raise RecipeError(f"{UNREADABLE}: no part of one is called {name!r}{nearest(name, known)}")
        wanted = {"settings": "dict", "guides": "dict", "masks": "list"}.get(name, str(known[name].type).split(" ")[0])
        if type(value).__name__ != wanted or (isinstance(value, int) and value < 0):
            raise RecipeError(f"{UNREADABLE}: {name} is {value!r}")
    for name, each in known.items():
        if name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise RecipeError(f"{UNREADABLE}: it does not say {name}")
    try:
        masks = tuple(RegionWish(**each) for each in table.get("masks", []))
        texts = [text for each in masks for text in asdict(each).values()] + list(table.get("guides", {}).values())
        if not all(isinstance(text, str) for text in texts):
            raise RecipeError("guides and masks are texts")
        settings = Settings.of({**implied_settings(table.get("version", "")), **table.get("settings", {})})
        return {**table, "masks": masks, "settings": settings}
    except (TypeError, ReverieError) as error:
        raise RecipeError(f"{UNREADABLE}: {error}") from None


def shown(path: str | Path) -> str:
    """What made a picture, as it is written in it: the recipe of a dream, or of a wish that was visualized."""
    text = text_of(path)
    return text if visualized(text) else Recipe.from_toml(text).to_toml()


def visualized(text: str) -> dict[str, Any] | None:
    """The recipe of a picture that began as noise, as a table; None in that of a dream."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    return table if "visualize" in table else None


def plain(name: str) -> str:
    """A file's name as text: it may hold bytes that are none."""
    return name.encode("utf-8", "backslashreplace").decode()
