"""A recipe as the state of a page: every control as it was when a picture was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.recipe.film import FilmRecipe, read_any_recipe
from reverie.recipe.inputs import EXAMPLE
from reverie.recipe.recipe import Recipe, VisualRecipe
from reverie.settings import Settings, VisualSettings

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
    """The controls of a dream."""
    missing: list[str] = []

    def find(name: str, digest: str) -> dict[str, object] | None:
        found = find_upload(digest, workshop)
        if found is None:
            missing.append(Path(name).name)
        return None if found is None else found.describe()

    masks = [(find(each.file, each.sha256), each.objective) for each in recipe.masks]
    return {
        "input": None if recipe.input == EXAMPLE else find(recipe.input, recipe.input_sha256),
        "objective": recipe.objective,
        "preset": "default",
        "model": recipe.model,
        "weights": recipe.weights,
        "engine": recipe.engine,
        "settings": differing(recipe.settings.as_dict(), Settings().as_dict()),
        "guides": [],  # they stand in the objective, in words
        "masks": [{**upload, "objective": words} for upload, words in masks if upload is not None],
        "missing": missing,
    }


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
