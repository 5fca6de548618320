"""A whole run as a value: what is needed to dream the same picture again, pixel for pixel.

It is written into every picture as a TOML text and read back by `reverie run`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from reverie.composition import Finish, dream_gradient, finish_of, resize_of, weights_of
from reverie.dream import dream_steps, finished, sized
from reverie.errors import ImageFileError, RecipeError, ReverieError, SettingsError, nearest
from reverie.guides import moved
from reverie.image import Photo, PhotoFile, read_header, read_photo, read_recipe
from reverie.models import load_model
from reverie.objectives import Objective
from reverie.panorama import settled
from reverie.regions import Regions, mask_of, masked
from reverie.settings import Settings
from reverie.types import Image, Model, Step
from reverie.versions import implied_settings, own_version, settings_to_write
from reverie.wording import objective as objective_in_words

EXAMPLE = "example:astronaut"
"""The input's name where it is the photograph that comes with the package."""

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


def steps_of(recipe: Recipe, image: Image, model: Model) -> Iterator[Step]:
    """The steps of a recipe, the input already at its size."""
    gradient = dream_gradient(model, wish_of(recipe), recipe.settings, recipe.tile, image)
    return islice(dream_steps(image, gradient, recipe.settings), recipe.only_steps)


def run(recipe: Recipe, photo: Photo | None = None) -> Image:
    """Dreams a recipe: the same recipe gives the same pixels on the same machine. `photo`: the input, if it is open.

    Raises `RecipeError` where the input or the weights are not those of the recipe.
    """
    photo = photo or photo_of(recipe)
    model = model_of(recipe)
    image = sized(photo.image.to(model.device), recipe.settings.size, resize_of(recipe.settings))
    return dream_recipe(recipe, image, model)


def dream_recipe(recipe: Recipe, image: Image, model: Model) -> Image:
    """The finished picture of a recipe, the input already at its size."""
    return finish_for(recipe)(finished(steps_of(recipe, image, model), image, recipe.settings), image)


def finish_for(recipe: Recipe) -> Finish:
    """What is done to a finished dream of a recipe beside its photograph. Its masks are read again."""
    return finish_of(weights_of(regions_of(recipe), recipe.settings), recipe.settings)


def wish_of(recipe: Recipe) -> Objective | Regions:
    """What a recipe dreams of, its guides and masks found unchanged; raises `RecipeError` where they are not."""
    check_guides(recipe)
    return regions_of(recipe) if recipe.masks else objective_in_words(recipe.objective)


def regions_of(recipe: Recipe) -> Regions:
    """The regions of a recipe, their masks read; none where it has no masks."""
    return Regions(tuple(region for each in recipe.masks for region in region_of(each).regions))


def check_guides(recipe: Recipe) -> None:
    """Raises `RecipeError` where a guide of a recipe is gone or another."""
    for name, digest in recipe.guides.items():
        unchanged("guide", name, Path(name), digest, "", read_photo)


def region_of(wish: RegionWish) -> Regions:
    """A mask, read, and the objective there."""
    try:
        photo = unchanged("mask", wish.file, Path(wish.file), wish.sha256, "", read_photo)
        return masked(wish.objective, mask_of(photo))
    except SettingsError as error:
        raise ImageFileError(f"{wish.file}: {error}") from None


def located(recipe: Recipe, beside: Path) -> Recipe:
    """The recipe with its guides and masks where they are now: where they were, or beside the picture that holds it."""
    places = {
        name: str(found(name, beside) or name) for name in [*recipe.guides, *(each.file for each in recipe.masks)]
    }

    def in_place(words: str) -> str:
        return str(moved(objective_in_words(words), places)) if words and recipe.guides else words

    return replace(
        recipe,
        objective=in_place(recipe.objective),
        guides={places[name]: digest for name, digest in recipe.guides.items()},
        masks=tuple(replace(each, file=places[each.file], objective=in_place(each.objective)) for each in recipe.masks),
    )


def photo_of(recipe: Recipe, beside: Path | None = None) -> Photo:
    """The recipe's input: where it was, or beside the picture that holds the recipe. Its digest is checked."""
    return unchanged("input", recipe.input, found(recipe.input, beside), recipe.input_sha256, ELSEWHERE, read_photo)


def header_of(recipe: Recipe, beside: Path | None = None) -> PhotoFile:
    """The same of an input that does not fit into memory: what its file says, no pixels."""
    return unchanged("input", recipe.input, found(recipe.input, beside), recipe.input_sha256, ELSEWHERE, read_header)


def found(name: str, beside: Path | None = None) -> Path | None:
    """Where a file of a recipe is now, None if it is gone."""
    places = [path_of(name)]
    if beside is not None:
        places += [beside.parent / name, beside.parent / Path(name).name]
    return next((place for place in places if place.is_file()), None)


ELSEWHERE = ", or say where it is with --input"

Read = TypeVar("Read", Photo, PhotoFile)


def unchanged(what: str, name: str, path: Path | None, digest: str, or_else: str, read: Callable[[Path], Read]) -> Read:
    """The picture at a path, of that digest; raises `RecipeError` where it is gone or another."""
    if path is None or not path.is_file():
        raise RecipeError(f"the {what} {name} is gone: put it back{or_else}")
    photo = read(path)
    if photo.digest != digest:
        raise RecipeError(
            f"the {what} {path} changed since (sha256 {photo.digest[:12]}..., expected {digest[:12]}...): "
            f"put the old file back{or_else}"
        )
    return photo


def model_of(recipe: Recipe) -> Model:
    """The recipe's network, its weights those of the recipe."""
    how: dict[str, Any] = {"weights": recipe.weights, "engine": recipe.engine, "precision": recipe.precision}
    return same_weights(load_model(recipe.model, seed=recipe.settings.seed, **how), recipe.model_sha256)


def same_weights(model: Model, digest: str) -> Model:
    """The model; raises `RecipeError` where its weights are not those of a recipe."""
    if model.digest != digest:
        raise RecipeError(f"the weights of {model.name} are not those of the recipe (sha256 {digest[:12]}...)")
    return model


def path_of(name: str) -> Path:
    """Where an input is; the name of the bundled example stands for the file within the package."""
    if name == EXAMPLE:
        return Path(str(resources.files("reverie").joinpath("data", "astronaut.jpg")))
    return Path(name)
