"""The work behind `reverie caption`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reverie.errors import RecipeError, SettingsError
from reverie.image.reading import read_photo
from reverie.image.resample import at_own_size, within
from reverie.models.catalog import DEFAULT
from reverie.models.class_names import names_of, probabilities
from reverie.models.load import load_model
from reverie.recipe.inputs import model_of, photo_of
from reverie.recipe.recipe import Recipe
from reverie.types import Image, Model

log = logging.getLogger("reverie")

SEEN_SIDE = 384
"""The longest side that a picture is looked at with, in pixels: classifiers are trained on about 224."""


def captions(picture: Path, network: Mapping[str, Any] | None, top: int) -> dict[str, Any]:
    """The likeliest classes of a picture ("after"), and of the photo that its recipe names ("before").

    `network` is what `load_model` takes; None: that of the recipe, or the bundled one.
    """
    if top < 1:
        raise SettingsError(f"top is {top}; expected at least 1")
    photo = read_photo(picture)
    recipe = recipe_in(picture)
    seer = load_model(**network) if network else model_of(recipe) if recipe else load_model(DEFAULT)
    said: dict[str, Any] = {"model": seer.name}
    if recipe is not None:
        try:
            before = photo_of(recipe, beside=picture)
            said["before"] = {"picture": recipe.input, "classes": likeliest(seer, before.image, top)}
        except RecipeError as error:
            log.warning("nothing to compare with: %s", error)
    return {**said, "after": {"picture": str(picture), "classes": likeliest(seer, photo.image, top)}}


def recipe_in(picture: Path) -> Recipe | None:
    try:
        return Recipe.from_file(picture)
    except RecipeError:  # a picture of someone else's
        return None


def likeliest(model: Model, image: Image, top: int) -> list[dict[str, Any]]:
    """The `top` classes with their probabilities, the likeliest first."""
    small = within(image, SEEN_SIDE).to(model.device)
    found = at_own_size(lambda picture: probabilities(model, picture), small)[0]
    names = names_of(model)
    if len(names) != len(found):  # not ImageNet's
        names = [str(number) for number in range(len(found))]
    best = found.topk(min(top, len(found)))
    return [
        {"class": names[number].split(", ")[0], "number": number, "probability": round(probability, 6)}
        for probability, number in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
