"""A run of a picture that is no file, with a network that has no name."""

from __future__ import annotations

from pathlib import Path

from reverie.image.reading import Photo
from reverie.jobs.memory_run import MemoryRun
from reverie.objectives.base import Objective
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings
from reverie.types import Image, Model


def make_run(image: Image, model: Model, wish: Objective, settings: Settings) -> MemoryRun:
    """What `prepare` gives for a photograph in a file."""
    photo = Photo(image, None, 8, None, Path("sky.png"), "0" * 64)
    recipe = Recipe("sky.png", objective=str(wish), precision=model.precision, settings=settings)
    return MemoryRun(recipe, photo, model, None)
