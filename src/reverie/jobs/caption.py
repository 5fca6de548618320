"""What a network sees in a picture, and, where Reverie dreamed it, what it saw before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from reverie.errors import RecipeError, SettingsError
from reverie.image.reading import read_photo
from reverie.image.resample import call_at_accepted_size, limit_longest_side
from reverie.jobs.networks import Networks
from reverie.models.class_names import class_probabilities, find_class_names
from reverie.models.spec import ModelSpec
from reverie.recipe.inputs import open_input
from reverie.recipe.recipe import Recipe
from reverie.types import Image, Model

log = logging.getLogger("reverie")

SEEN_SIDE = 384
"""The longest side that a picture is looked at with, in pixels: classifiers are trained on about 224."""


@dataclass(frozen=True)
class Likelihood:
    """One class: what it is called, its number, and how likely the network finds it, 0..1."""

    name: str
    number: int
    probability: float


@dataclass(frozen=True)
class Caption:
    """What a network sees in a picture: its likeliest classes, the likeliest first."""

    picture: str
    classes: tuple[Likelihood, ...]


@dataclass(frozen=True)
class Captions:
    """The captions of a picture and, where its recipe names one that is still there, of its photograph."""

    model: str
    after: Caption
    before: Caption | None = None


def caption_picture(picture: Path, spec: ModelSpec | None = None, top: int = 5) -> Captions:
    """The `top` likeliest classes of a picture, and of the photograph that its recipe names.

    `spec`: the network; None: that of the recipe, or the bundled one. Raises `SettingsError`, `WordingError` where the
    network is no classifier, and what reading a picture raises.
    """
    if top < 1:
        raise SettingsError(f"top is {top}; expected at least 1")
    photo, recipe, models = read_photo(picture), find_recipe(picture), Networks()
    seer = models.load(spec or ModelSpec()) if spec is not None or recipe is None else models.load_of(recipe)
    before = None
    if recipe is not None:
        try:
            seen = open_input(recipe, read_photo, beside=picture)
            before = Caption(recipe.input, find_likeliest(seer, seen.image, top))
        except RecipeError as error:
            log.warning("nothing to compare with: %s", error)
    return Captions(seer.name, Caption(str(picture), find_likeliest(seer, photo.image, top)), before)


def find_recipe(picture: Path) -> Recipe | None:
    """The recipe of a dream; None in a picture of someone else's."""
    try:
        return Recipe.from_file(picture)
    except RecipeError:
        return None


def find_likeliest(model: Model, image: Image, top: int) -> tuple[Likelihood, ...]:
    """The `top` likeliest classes of an image, the likeliest first."""
    small = limit_longest_side(image, SEEN_SIDE).to(model.device)
    found = call_at_accepted_size(lambda picture: class_probabilities(model, picture), small)[0]
    names = find_class_names(model)
    if len(names) != len(found):  # not ImageNet's
        names = [str(number) for number in range(len(found))]
    best = found.topk(min(top, len(found)))
    return tuple(
        Likelihood(names[number].split(", ")[0], number, round(probability, 6))
        for probability, number in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    )
