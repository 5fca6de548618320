"""Jobs from what a user asked for: photographs to dream, a picture to make again, a wish to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reverie.errors import SettingsError
from reverie.gradient.base import find_model_layers
from reverie.gradient.memory import parse_memory
from reverie.jobs.job import Job
from reverie.jobs.networks import Networks
from reverie.jobs.places import Place, free_path, name_wish, place_again, place_outputs
from reverie.models.catalog import find_entry
from reverie.models.spec import ModelSpec
from reverie.objectives.blending import read_wishes
from reverie.recipe.inputs import whole_objective
from reverie.recipe.recipe import VisualRecipe, read_recipe
from reverie.recipe.request import Request, check_words, make_recipe
from reverie.settings import VisualSettings


def plan_dreams(request: Request, photos: Sequence[Path], output: Path | None, models: Networks) -> list[Job]:
    """A job for each photograph, or for the bundled one. What is wrong with all of them is refused once, here.

    Raises `WordingError`, `SettingsError`, `ImageFileError`, `UnknownName`, `WeightsError`.
    """
    check_words(request)
    parse_memory(request.memory)
    places: list[Place] = place_outputs(photos, output, request.files)
    model = models.load(request.model, request.settings.seed)
    recipes = [make_recipe(request, place.name, model) for place in places]
    find_model_layers(model, whole_objective(recipes[0]).resolved(model))
    return [
        Job(recipe, place.target, request.memory, request.model.device, allow_code=True)
        for recipe, place in zip(recipes, places, strict=True)
    ]


def plan_again(picture: Path, output: Path | None = None, moved: Path | None = None, allow_code: bool = False) -> Job:
    """The job that makes a picture again, by its recipe; `moved` is where its photograph is now.

    `allow_code`: whether code that the recipe names may be run, see `Job`.

    Give `prepare` the picture as `beside`. Raises `RecipeError`, and `SettingsError` for the photograph of none.
    """
    recipe = read_recipe(picture)
    target = output or place_again(picture)
    if moved is None:
        return Job(recipe, target, allow_code=allow_code)
    if isinstance(recipe, VisualRecipe):
        if recipe.start is None:
            raise SettingsError(f"{picture} began as noise, not as a photo: leave out --input")
        return Job(replace(recipe, start=str(moved)), target, allow_code=allow_code)
    return Job(replace(recipe, input=str(moved)), target, allow_code=allow_code)


def plan_visualization(
    words: str,
    spec: ModelSpec,
    settings: VisualSettings,
    output: Path | None = None,
    start: str | None = None,
    grid: str | None = None,
) -> Job:
    """The job that shows a wish, or several, from noise or from a photo.

    Raises `UnknownName`, `WordingError`.
    """
    find_entry(spec.name)  # its code may register what the words say
    recipe = VisualRecipe(
        visualize="; ".join(map(str, read_wishes(words))),
        start=start,
        grid=grid,
        model=spec.name,
        precision=spec.precision,
        engine=spec.engine,
        weights=spec.weights,
        settings=settings,
    )
    return Job(recipe, output or free_path(Path(), name_wish(words), ".png"), device=spec.device, allow_code=True)
