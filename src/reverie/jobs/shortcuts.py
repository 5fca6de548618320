"""The whole way in one call: thin covers of `prepare`, and of what lies below it."""

from __future__ import annotations

from reverie.ascent.octaves import dream_steps, finish_dream
from reverie.gradient.compose import (
    ObjectiveLike,
    choose_resize,
    dream_gradient,
    make_finish,
    make_region_weights,
    model_input_size,
    parse_objective,
)
from reverie.gradient.memory import find_tile, parse_memory
from reverie.image.reading import Photo
from reverie.image.resample import image_size, resize_longest_side
from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.recipe.defaults import choose_settings
from reverie.recipe.recipe import AnyRecipe
from reverie.settings import Settings
from reverie.types import Image, Model, ResizedImage


def run(recipe: AnyRecipe, photo: Photo | None = None) -> Image:
    """The picture of a recipe, (1, 3, h, w): the same recipe gives the same pixels on the same machine.

    Of every kind: in memory, in tiles, in blocks on disk, from noise. `photo`: the input, if it is open already.
    Raises `RecipeError` where the input or the weights are not those of the recipe.
    """
    made = prepare(Job(recipe), photo=photo)
    for _ in made:
        pass
    return made.image()


def dream(
    image: Image,
    model: Model,
    objective: ObjectiveLike,
    settings: Settings | None = None,
    memory: str = "auto",
) -> ResizedImage:
    """The image (b, 3, h, w), 0..1, dreamed: at its own size, or with `settings.size` as its longest side.

    Settings that are not given are those that suit the wish: of classes the preset of that name, else the defaults.
    `memory`: what the dream may take, such as "2GB"; "auto" is half of what is free. A picture that needs more is
    computed in tiles. Raises `SettingsError` where not even the smallest tile fits.
    """
    settings = settings or choose_settings(objective)
    wish = parse_objective(objective).resolved(model)
    image = resize_longest_side(image.to(model.device), settings.size, choose_resize(settings))
    tile = find_tile(model, wish.objective, parse_memory(memory), model_input_size(image_size(image), settings))
    gradient = dream_gradient(model, wish, settings, tile, image)
    dreamed = finish_dream(dream_steps(image, gradient, settings), image, settings)
    return make_finish(make_region_weights(wish, settings), settings)(dreamed, image)
