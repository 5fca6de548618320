"""A whole run as a value: what is needed to dream the same picture again, pixel for pixel.

It is written into every picture as a TOML text and read back by `reverie run`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from importlib import metadata, resources
from itertools import islice
from pathlib import Path
from typing import Any

import tomli_w

from reverie.dream import dream_gradient, dream_steps, finished, sized
from reverie.errors import RecipeError, ReverieError, nearest
from reverie.image import Photo, read_photo, read_recipe
from reverie.models import load_model
from reverie.objectives import Objective
from reverie.settings import Settings
from reverie.types import Image, Model, Step

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = metadata.version("reverie")
EXAMPLE = "example:astronaut"
"""The input's name where it is the photograph that comes with the package."""

UNREADABLE = "the recipe cannot be read"


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
    version: str = VERSION
    tile: int | None = None
    """The side of the windows it was computed in, in pixels; unset: all at once."""
    only_steps: int | None = None
    """Set where the dream was stopped after so many of its steps, all octaves counted."""

    @classmethod
    def of(cls, photo: Photo, name: str, model: Model, wish: Objective, settings: Settings) -> Recipe:
        """The recipe of what is about to be dreamed; `name` is what the photo was called."""
        name = name.encode("utf-8", "backslashreplace").decode()  # a file's name may hold bytes that are no text
        return cls(name, photo.digest, model.name, model.digest, str(wish), model.precision, settings=settings)

    def to_toml(self) -> str:
        """The recipe as text."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return tomli_w.dumps(
            {name: value for name, value in values.items() if value is not None} | {"settings": self.settings.as_dict()}
        )

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The recipe that a text says; raises `RecipeError` where it says none."""
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{UNREADABLE}: {error}") from None
        return cls(**checked(table))

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """The recipe within a picture, or in a TOML file."""
        path = Path(path)
        if path.suffix == ".toml" and path.is_file():
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise RecipeError(f"the recipe {path} cannot be read: {error}") from None
            return cls.from_toml(text)
        return cls.from_toml(read_recipe(path))


def checked(table: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe; raises `RecipeError` for one that is missing, unknown or of another type."""
    known = {each.name: each for each in fields(Recipe)}
    for name, value in table.items():
        if name not in known:
            raise RecipeError(f"{UNREADABLE}: no part of one is called {name!r}{nearest(name, known)}")
        wanted = {"settings": "dict"}.get(name, str(known[name].type).split(" ")[0])
        if type(value).__name__ != wanted or (isinstance(value, int) and value < 0):
            raise RecipeError(f"{UNREADABLE}: {name} is {value!r}")
    for name, each in known.items():
        if name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise RecipeError(f"{UNREADABLE}: it does not say {name}")
    try:
        return {**table, "settings": Settings.of(table.get("settings", {}))}
    except ReverieError as error:
        raise RecipeError(f"{UNREADABLE}: {error}") from None


def steps_of(recipe: Recipe, image: Image, model: Model) -> Iterator[Step]:
    """The steps of a recipe, the input already at its size."""
    gradient = dream_gradient(model, recipe.objective, recipe.settings, recipe.tile)
    return islice(dream_steps(image, gradient, recipe.settings), recipe.only_steps)


def run(recipe: Recipe, photo: Photo | None = None) -> Image:
    """Dreams a recipe: the same recipe gives the same pixels on the same machine.

    `photo`: the input, if it is open already.
    Raises `RecipeError` where the input or the weights are not those of the recipe.
    """
    photo = photo or photo_of(recipe)
    model = model_of(recipe)
    image = sized(photo.image.to(model.device), recipe.settings.size)
    return finished(steps_of(recipe, image, model), image)


def photo_of(recipe: Recipe, beside: Path | None = None) -> Photo:
    """The recipe's input: where it was, or beside the picture that holds the recipe. Its digest is checked."""
    places = [path_of(recipe.input)]
    if beside is not None:
        places += [beside.parent / recipe.input, beside.parent / Path(recipe.input).name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise RecipeError(f"the input {recipe.input} is gone: put it back, or say where it is with --input")
    photo = read_photo(path)
    if photo.digest != recipe.input_sha256:
        raise RecipeError(
            f"the input {path} changed since (sha256 {photo.digest[:12]}..., expected {recipe.input_sha256[:12]}...): "
            "put the old file back, or say where it is with --input"
        )
    return photo


def model_of(recipe: Recipe) -> Model:
    """The recipe's network, its weights those of the recipe."""
    model = load_model(
        recipe.model,
        weights=recipe.weights,
        seed=recipe.settings.seed,
        engine=recipe.engine,
        precision=recipe.precision,
    )
    if model.digest != recipe.model_sha256:
        raise RecipeError(
            f"the weights of {recipe.model} are not those of the recipe (sha256 {recipe.model_sha256[:12]}...)"
        )
    return model


def path_of(name: str) -> Path:
    """Where an input is; the name of the bundled example stands for the file within the package."""
    if name == EXAMPLE:
        return Path(str(resources.files("reverie").joinpath("data", "astronaut.jpg")))
    return Path(name)
