"""The whole way in one call."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from reverie.ascent.octaves import dream_steps, finished
from reverie.gradient.compose import (
    Dream,
    Finish,
    dream_gradient,
    finish_of,
    resize_of,
    seen_size,
    understood,
    weights_of,
)
from reverie.gradient.memory import parse_memory, tile_for
from reverie.image.reading import Photo
from reverie.image.resample import image_size, sized
from reverie.recipe.defaults import settings_for
from reverie.recipe.inputs import model_of, photo_of, regions_of, wish_of
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings
from reverie.types import Image, Model, Resized, Step


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


def dream(
    image: Image,
    model: Model,
    objective: Dream,
    settings: Settings | None = None,
    memory: str = "auto",
) -> Resized:
    """The image (b, 3, h, w), 0..1, dreamed: at its own size, or with `settings.size` as its longest side.

    Settings that are not given are those that suit the wish: of classes the preset of that name, else the defaults.
    `memory`: what the dream may take, such as "2GB"; "auto" is half of what is free. A picture that needs more is
    computed in tiles. Raises `SettingsError` where not even the smallest tile fits.
    """
    settings = settings or settings_for(objective)
    wish = understood(objective).resolved(model)
    image = sized(image.to(model.device), settings.size, resize_of(settings))
    tile = tile_for(model, wish.objective, parse_memory(memory), seen_size(image_size(image), settings))
    gradient = dream_gradient(model, wish, settings, tile, image)
    dreamed = finished(dream_steps(image, gradient, settings), image, settings)
    return finish_of(weights_of(wish, settings), settings)(dreamed, image)


def dream_recipe(recipe: Recipe, image: Image, model: Model) -> Image:
    """The finished picture of a recipe, the input already at its size."""
    return finish_for(recipe)(finished(steps_of(recipe, image, model), image, recipe.settings), image)


def finish_for(recipe: Recipe) -> Finish:
    """What is done to a finished dream of a recipe beside its photograph. Its masks are read again."""
    return finish_of(weights_of(regions_of(recipe), recipe.settings), recipe.settings)
