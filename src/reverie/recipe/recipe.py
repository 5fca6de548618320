"""A whole run as a value: what is needed to make the same picture again, pixel for pixel.

It is written into every picture as a TOML text and read back by `reverie run`.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
import tomli_w

from reverie.errors import RecipeError, ReverieError, suggest_names
from reverie.image.embedding import read_recipe_text
from reverie.image.film_text import is_film, read_film_text
from reverie.image.reading import Photo, PhotoFile
from reverie.models.catalog import DEFAULT_MODEL
from reverie.models.spec import ModelSpec
from reverie.objectives.base import Objective
from reverie.objectives.wishes import require_words
from reverie.recipe.versions import drop_implied_settings, implied_settings, installed_version
from reverie.settings import Settings, VisualSettings
from reverie.types import Model

UNREADABLE = "the recipe cannot be read"


@dataclass(frozen=True)
class RegionWish:
    """What to dream of where a mask is: a picture whose opaque, or light, places are the region.

    An empty `sha256` is filled in when the mask is read.
    """

    file: str
    sha256: str
    objective: str


@dataclass(frozen=True)
class Recipe:
    """Everything a dream is made of. The digests are SHA-256 in hexadecimal.

    What is left empty (digests, the objective, the precision) is decided when a run is prepared, and written down in
    that run's own recipe. A recipe that is read from a file says all of it.

    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2^2", settings=rv.Settings(steps=1))
    >>> rv.run(recipe).shape
    torch.Size([1, 3, 96, 96])
    """

    input: str
    """The photograph's file, or "example:astronaut" for the one within the package."""
    input_sha256: str = ""
    model: str = DEFAULT_MODEL
    model_sha256: str = ""
    objective: str = ""
    """In words, such as "fire8^2 - 0.1*tv". Empty where masks have each their own; else the network's default."""
    precision: str = ModelSpec.precision
    engine: str = ModelSpec.engine
    weights: str | None = None
    """The file of the weights, or "random"; None for the network's own."""
    settings: Settings = field(default_factory=Settings)
    version: str = field(default_factory=installed_version)
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

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it reads beside the photograph: guides and masks."""
        return (*self.guides, *(each.file for each in self.masks))

    @property
    def wishes(self) -> str | dict[str, str]:
        """What it dreams of, in words: of the whole picture, or mask by mask."""
        return self.objective or {each.file: each.objective for each in self.masks}

    def model_spec(self, device: str = ModelSpec.device) -> ModelSpec:
        """Its network, to be run on a device: where a dream is computed is no part of what it is."""
        return ModelSpec(self.model, self.weights, self.engine, device, self.precision)

    @classmethod
    def of(cls, photo: Photo | PhotoFile, name: str, model: Model, wish: Objective, settings: Settings) -> Recipe:
        """The recipe of what is about to be dreamed of an open photograph, which was called `name`.

        The digests of guides, and whether it is a panorama, are filled in when a run is prepared.
        """
        return cls(
            as_text(name),
            photo.digest,
            objective=require_words(wish),
            settings=settings,
            guides=dict.fromkeys(wish.files, ""),
            **describe_model(model),
        )

    def to_toml(self) -> str:
        """The recipe as text."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        settings = drop_implied_settings(self.settings, self.version)
        values |= {"masks": [asdict(each) for each in self.masks], "settings": settings}
        return tomli_w.dumps({name: value for name, value in values.items() if value not in (None, {}, [])})

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The recipe that a text says; raises `RecipeError` where it says none, or a visualization's."""
        return require_kind(Recipe, parse_recipe(text))

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """The recipe within a picture, or in a TOML file."""
        return cls.from_toml(read_text(path))


@dataclass(frozen=True)
class VisualRecipe:
    """Everything that a picture from noise is made of: `visualize` is what it shows, an objective in words.

    Several, between semicolons, are shown on one sheet. `grid`: rows x columns, such as "1x5", between two or four of
    them. `start`: the photo that it begins as, in the place of noise.

    >>> import reverie as rv
    >>> recipe = rv.VisualRecipe("fire2:5", settings=rv.VisualSettings(size=32, steps=2))
    >>> rv.run(recipe).shape
    torch.Size([1, 3, 32, 32])
    """

    visualize: str
    model: str = DEFAULT_MODEL
    model_sha256: str = ""
    precision: str = ModelSpec.precision
    engine: str = ModelSpec.engine
    weights: str | None = None
    settings: VisualSettings = field(default_factory=VisualSettings)
    version: str = field(default_factory=installed_version)
    start: str | None = None
    start_sha256: str | None = None
    """Filled in when a run is prepared."""
    grid: str | None = None
    guides: dict[str, str] = field(default_factory=dict)
    """The guide pictures, and files of directions, that the objectives name, each with its digest."""

    @property
    def files(self) -> tuple[str, ...]:
        """The photo it begins as, if any, and what its objectives name."""
        return (*self.guides, *([] if self.start is None else [self.start]))

    @property
    def wishes(self) -> str:
        """What it shows, in words."""
        return self.visualize

    def model_spec(self, device: str = ModelSpec.device) -> ModelSpec:
        """Its network, to be run on a device."""
        return ModelSpec(self.model, self.weights, self.engine, device, self.precision)

    @property
    def command(self) -> str:
        """The command line that shows the same. Settings that are as they are unless told are left out."""
        usual = VisualSettings().as_dict() | {"model": DEFAULT_MODEL, **asdict(ModelSpec())}
        said = {"model": self.model, "weights": self.weights, "engine": self.engine, "precision": self.precision}
        said |= {"start": self.start, "grid": self.grid}
        flags = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f" {shlex.quote(str(value))}")
            for name, value in {**said, **self.settings.as_dict()}.items()
            if value is not None and usual.get(name) != value
        ]
        return " ".join(["reverie visualize", shlex.quote(self.visualize), *flags])

    def to_toml(self) -> str:
        """The recipe as text; `command` is written for people, and not read back."""
        table: dict[str, Any] = {"visualize": self.visualize, "command": self.command}
        table |= {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        table["settings"] = self.settings.as_dict()
        return tomli_w.dumps({name: value for name, value in table.items() if value not in (None, {})})

    @classmethod
    def from_toml(cls, text: str) -> VisualRecipe:
        """The recipe that a text says; raises `RecipeError` where it says none, or a dream's."""
        return require_kind(VisualRecipe, parse_recipe(text))


def describe_model(model: Model) -> dict[str, Any]:
    """What a recipe says of a network that is at hand; one that was not loaded by a name is called by its own."""
    spec = getattr(model, "spec", ModelSpec(model.name))
    said = {"model": model.name, "model_sha256": model.digest, "precision": model.precision}
    return said | {"engine": spec.engine, "weights": spec.weights}


AnyRecipe: TypeAlias = Recipe | VisualRecipe
Made = TypeVar("Made", Recipe, VisualRecipe)

REQUIRED: dict[type, tuple[str, ...]] = {
    Recipe: ("input", "input_sha256", "model", "model_sha256", "objective", "precision"),
    VisualRecipe: ("visualize", "model", "model_sha256"),
}
"""What a written recipe must say: without it the pixels would not be certain."""


def read_recipe(path: str | Path) -> AnyRecipe:
    """The recipe within a picture, or in a TOML file. Raises `RecipeError`.

    >>> import reverie as rv
    >>> dreamed = rv.dream("examples/astronaut.jpg", rv.load_model(), "fire2^2", rv.Settings(steps=1))
    >>> rv.save_image(dreamed, "dream.png")
    >>> rv.read_recipe("dream.png").objective
    'fire2^2'
    """
    return parse_recipe(read_text(path))


def read_text(path: str | Path) -> str:
    """The text of a recipe within a picture, or in a TOML file."""
    path = Path(path)
    if is_film(path):
        return read_film_text(path)
    if path.suffix != ".toml" or not path.is_file():
        return read_recipe_text(path)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error}") from None


def parse_recipe(text: str) -> AnyRecipe:
    """The recipe that a TOML text says; raises `RecipeError` for a part that is missing, unknown or of another type."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{UNREADABLE}: {error}") from None
    if any(name in table for name in ("film", "zoom", "morph")):
        raise RecipeError("it is the recipe of a film, not of a picture: make it again with `reverie run`")
    if "visualize" not in table:
        return check_counts(build_recipe(Recipe, table))
    return build_recipe(VisualRecipe, table)


def build_recipe(kind: type[Made], table: Mapping[str, Any]) -> Made:
    """A recipe of some kind from a TOML table."""
    known = [each.name for each in fields(kind)] + (["command"] if kind is VisualRecipe else [])
    for name in REQUIRED[kind]:
        if name not in table:
            raise RecipeError(f"{UNREADABLE}: it does not say {name}")
    for name in table:
        if name not in known:
            raise RecipeError(f"{UNREADABLE}: no part of one is called {name!r}{suggest_names(name, known)}")
    settings = table.get("settings", {})
    if not isinstance(settings, dict):
        raise RecipeError(f"{UNREADABLE}: settings is {settings!r}")
    own = {name: value for name, value in table.items() if name not in ("settings", "command")}
    try:
        made = msgspec.convert(own, kind)
        if isinstance(made, Recipe):
            return replace(made, settings=Settings.of({**implied_settings(table.get("version", "")), **settings}))
        return replace(made, settings=VisualSettings.of(settings))
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].partition("[")[0].partition(".")[0].strip("`")
        raise RecipeError(f"{UNREADABLE}: {name} is {table.get(name)!r}") from None
    except ReverieError as error:
        raise RecipeError(f"{UNREADABLE}: {error}") from None


def check_counts(recipe: Recipe) -> Recipe:
    """The recipe; raises `RecipeError` for a negative number of pixels or steps."""
    for name in ("tile", "block", "only_steps"):
        if (getattr(recipe, name) or 0) < 0:
            raise RecipeError(f"{UNREADABLE}: {name} is {getattr(recipe, name)!r}")
    return recipe


def require_kind(kind: type[Made], recipe: AnyRecipe) -> Made:
    """The recipe; raises `RecipeError` where it is of the other kind."""
    if isinstance(recipe, kind):
        return recipe
    if kind is Recipe:
        raise RecipeError("it began as noise, not as a photo; make it again with `reverie run`")
    raise RecipeError("it is a dream of a photo, not a picture from noise; make it again with `reverie run`")


def as_text(name: str) -> str:
    """A file's name as text: it may hold bytes that are none."""
    return name.encode("utf-8", "backslashreplace").decode()
