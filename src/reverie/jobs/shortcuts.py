"""The whole way in one call: thin covers of `prepare`, and of what lies below it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from reverie.errors import Interrupted, ReverieError, SettingsError
from reverie.gradient.compose import ObjectiveLike, parse_objective
from reverie.image.arrays import open_image
from reverie.image.picture import Picture
from reverie.image.reading import Photo
from reverie.image.resample import image_size
from reverie.jobs.bars import ProgressReader, follow
from reverie.jobs.door import choose_tile, prepare
from reverie.jobs.job import Job, Run
from reverie.jobs.memory_run import MemoryRun
from reverie.models.spec import require_model
from reverie.objectives.base import Objective
from reverie.objectives.default import default_objective
from reverie.objectives.masks import Regions
from reverie.recipe.defaults import choose_settings
from reverie.recipe.inputs import ARRAY, fill_digests, hash_pixels
from reverie.recipe.recipe import AnyRecipe, Recipe, as_text, describe_model
from reverie.settings import Settings
from reverie.types import Image, Model


def run(
    recipe: AnyRecipe, photo: Photo | None = None, *, progress: ProgressReader = False, allow_code: bool = False
) -> Picture:
    """The picture of a recipe, (1, 3, h, w), sRGB, 0..1: the same recipe gives the same pixels on the same machine.

    Of every kind: in memory, in tiles, in blocks on disk, from noise. `photo`: the input, if it is open already.
    `progress` is as for `dream`. `allow_code`: whether a network that the recipe names as code, such as
    "mine.py:factory", may be run. Raises `RecipeError` where the input or the weights are not those of the recipe, and
    for code that may not be run, and `Interrupted` at Ctrl-C.

    >>> import reverie as rv
    >>> recipe = rv.Recipe("example:astronaut", objective="fire2^2", settings=rv.Settings(size=48, steps=1))
    >>> rv.run(recipe).shape
    torch.Size([1, 3, 48, 48])
    """
    with torch.inference_mode(False):  # where that is on, nothing could be differentiated
        return finish(prepare(Job(recipe, allow_code=allow_code), photo=photo), progress)


def dream(
    image: Any,
    model: Model,
    objective: ObjectiveLike | None = None,
    settings: Settings | None = None,
    memory: str = "auto",
    *,
    progress: ProgressReader = False,
) -> Picture:
    """The picture (b, 3, h, w), sRGB, 0..1, dreamed: at its own size, or with `settings.size` as its longest side.

    Args:
        image: whatever `open_image` takes: a path, an image tensor (b, 3, h, w), a NumPy array, a PIL image, a `Photo`.
        objective: what to dream of, in words or as an objective; regions with one each are made by `masked`.
            None: what the network dreams of unless told, as at the command line.
        settings: those that are not given suit the wish: of classes the preset of that name, else the defaults.
        memory: what the dream may take, such as "2GB"; "auto" is half of what is free. A picture that needs more is
            computed in tiles.
        progress: True shows a bar; a function is called with a `Progress` after every step.

    The picture carries its recipe, which `save_image` embeds in the file, so that `reverie run` makes it again; a batch
    has none, nor have masks that are no files.

    Raises `ImageFileError` for what is no picture, `UnknownName` for a layer or class that the model does not have,
    `WordingError` for words that cannot be read, `SettingsError` where not even the smallest tile fits, `ImageTooSmall`
    where the picture is too small for the layers. At Ctrl-C `Interrupted` carries the picture as far as it came.

    After "Inceptionism" (Mordvintsev, Olah and Tyka, 2015).

    >>> import reverie as rv
    >>> dreamed = rv.dream("examples/astronaut.jpg", rv.load_model(), "fire2^2", rv.Settings(size=64, steps=2))
    >>> dreamed.shape
    torch.Size([1, 3, 64, 64])
    """
    with torch.inference_mode(False):
        require_model(model)
        wish = parse_objective(default_objective(model) if objective is None else objective)
        opened, settings = open_image(image), settings or choose_settings(wish)
        if not isinstance(settings, Settings):
            raise SettingsError(f"settings is of the type {type(settings).__name__}; expected rv.Settings(steps=20)")
        run = prepare_dream(opened, model, wish, settings, memory)
        return finish(run, progress, has_words(wish) and len(opened) == 1)


def prepare_dream(
    image: Image, model: Model, wish: Objective | Regions, settings: Settings, memory: str = "auto"
) -> MemoryRun:
    """The run of a dream of an image and a network that are at hand; the arguments are those of `dream`."""
    tile = choose_tile(memory, image_size(image), settings, wish.resolved(model).objective, model)
    recipe = describe_dream(image, model, wish, settings, tile)
    own = image.clone() if image.is_inference() else image  # autograd keeps nothing that is an inference tensor
    photo = Photo(own, None, 8, None, Path(recipe.input), recipe.input_sha256)
    return MemoryRun(recipe, photo, model, None, wish=wish)


def describe_dream(
    image: Image, model: Model, wish: Objective | Regions, settings: Settings, tile: int | None
) -> Recipe:
    """The recipe of a dream of an image: of the file that it was read from, or of an array that is no file."""
    origin = image.origin if isinstance(image, Picture) else None
    recipe = Recipe(
        input=as_text(origin.name) if origin else ARRAY,
        input_sha256=origin.digest if origin else hash_pixels(image),
        objective=str(wish) if has_words(wish) else "",
        # An image says nothing about a sphere: unless told it is dreamed as a flat one, whatever its file says.
        settings=replace(settings, panorama="off") if settings.panorama == "auto" else settings,
        tile=tile,
        **describe_model(model),
    )
    return fill_digests(recipe)


def has_words(wish: Objective | Regions) -> bool:
    """Whether words say all of a wish: not those of functions, nor of masks and pictures that are no files."""
    if not isinstance(wish, Objective) or not all(term.storable for _, term in wish.terms):
        return False
    try:
        return str(parse_objective(str(wish))) == str(wish)
    except ReverieError:  # a term of one's own that is not registered
        return False


def finish(run: Run, progress: ProgressReader, remembered: bool = True) -> Picture:
    """The picture at the end of a run, with its recipe if that is to be remembered. Raises `Interrupted` at Ctrl-C."""

    def picture() -> Picture:
        return Picture.of(run.image(), recipe=run.written_recipe.to_toml() if remembered else None)

    try:
        follow(run, run.title, progress)
    except KeyboardInterrupt:
        raise Interrupted(picture()) from None
    return picture()
