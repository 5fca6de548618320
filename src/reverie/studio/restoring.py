"""A recipe as the state of a page: every control as it was when a picture was made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.models.catalog import RANDOM_WEIGHTS
from reverie.objectives.parser import objective
from reverie.recipe.film import FilmRecipe, read_any_recipe
from reverie.recipe.inputs import EXAMPLE
from reverie.recipe.recipe import Recipe, VisualRecipe
from reverie.settings import Settings, VisualSettings
from reverie.studio.gallery import DIGITS, INPUTS

if TYPE_CHECKING:
    from reverie.studio.uploads import Upload
    from reverie.studio.workshop import Workshop


def restore_file(path: Path, workshop: Workshop) -> dict[str, Any] | None:
    """The state of a page that a picture, or a film, was made in; None for one without a recipe."""
    try:
        recipe = read_any_recipe(path)
    except ReverieError:
        return None
    return restore_recipe(recipe, workshop)


def restore_recipe(recipe: Recipe | VisualRecipe | FilmRecipe, workshop: Workshop) -> dict[str, Any]:
    """The state of a page that makes what a recipe makes. What it was made of is looked for by its digest.

    `missing` names what is not here any more.
    """
    if isinstance(recipe, FilmRecipe):
        motion, encoding = recipe.motion.as_dict(), recipe.encoding.as_dict()
        tables = {"kind": recipe.kind, "motion": motion, "encoding": encoding, "keyframes": recipe.keyframes}
        return {**restore_dream(recipe.dream, workshop), **tables}
    if isinstance(recipe, VisualRecipe):
        changed = differing(recipe.settings.as_dict(), VisualSettings().as_dict())
        return {"kind": "visualize", "objective": recipe.visualize, "model": recipe.model, "settings": changed}
    return {"kind": "dream", **restore_dream(recipe, workshop)}


def restore_dream(recipe: Recipe, workshop: Workshop) -> dict[str, Any]:
    """The controls of a dream. A name is only looked for by its digest: a stranger's recipe may say any path."""
    missing: list[str] = []

    def find(name: str, digest: str) -> Upload | None:
        found = find_upload(digest, workshop)
        if found is None:
            missing.append(name_file(name))
        return found

    example = {"example": True, "name": "astronaut.jpg"}
    photo = None if recipe.input == EXAMPLE else find(recipe.input, recipe.input_sha256)
    weights = recipe.weights
    if weights not in (None, RANDOM_WEIGHTS):
        file = find(str(weights), recipe.model_sha256)
        weights = None if file is None else file.key
    guides = {name: find(name, digest) for name, digest in recipe.guides.items()}
    places = {name: str(workshop.gallery.keep_input(each)) for name, each in guides.items() if each is not None}
    masks = [(find(each.file, each.sha256), relocate(each.objective, places)) for each in recipe.masks]
    return {
        "input": example if recipe.input == EXAMPLE else photo.describe() if photo else None,
        "objective": relocate(recipe.objective, places),
        "preset": "default",
        "model": recipe.model,
        "weights": weights,
        "engine": recipe.engine,
        "settings": differing(recipe.settings.as_dict(), Settings().as_dict()),
        "guides": [],  # they stand in the objective, in words
        "masks": [{**upload.describe(), "objective": words} for upload, words in masks if upload is not None],
        "missing": missing,
    }


def relocate(words: str, places: dict[str, str]) -> str:
    """An objective whose files are read from where they lie now."""
    with suppress(ReverieError):  # words of somebody's own, which are told when they are dreamed of
        return str(objective(words).relocated(places)) if words and places else words
    return words


def name_file(name: str) -> str:
    """What a visitor called a file; in the gallery its name begins with a part of its digest."""
    path = Path(name)
    digest, dash, rest = path.name.partition("-")
    return rest if dash and len(digest) == DIGITS and path.parent.name == INPUTS else path.name


def find_upload(digest: str, workshop: Workshop) -> Upload | None:
    """What has that SHA-256, of what was dropped or is kept in the gallery."""
    known = workshop.uploads.find_digest(digest)
    if known is not None:
        return known
    kept = workshop.gallery.find_input(digest)
    return None if kept is None else workshop.uploads.adopt(kept, kept.name.partition("-")[2])


def differing(values: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The values that are other than usual."""
    return {name: value for name, value in values.items() if usual.get(name) != value}
