"""What a recipe names, found again: its photograph, guides, masks and network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from reverie.errors import ImageFileError, RecipeError, SettingsError
from reverie.image.reading import Photo, PhotoFile, read_header, read_photo
from reverie.models.load import load_model
from reverie.objectives.base import Objective
from reverie.objectives.guides import moved
from reverie.objectives.masks import Regions, mask_of, masked
from reverie.objectives.parser import objective as objective_in_words
from reverie.recipe.recipe import Recipe, RegionWish
from reverie.types import Model

EXAMPLE = "example:astronaut"
"""The input's name where it is the photograph that comes with the package."""


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
