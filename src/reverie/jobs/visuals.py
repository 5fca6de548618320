"""Feature visualization in one call: a thin cover of the run that the command line does."""

from __future__ import annotations

import logging
from typing import Unpack

import torch

from reverie.ascent.pieces import Pieces, VisualOptions, collect_pieces
from reverie.ascent.visualization import Wishes, parse_wishes
from reverie.image.picture import Picture
from reverie.jobs.bars import ProgressReader
from reverie.jobs.noise_run import NoiseRun
from reverie.jobs.shortcuts import finish, has_words
from reverie.models.spec import require_model
from reverie.objectives.base import Objective
from reverie.objectives.batch_terms import refuse_batch_terms
from reverie.recipe.inputs import ARRAY, digest_named, hash_pixels
from reverie.recipe.recipe import VisualRecipe, as_text, describe_model
from reverie.settings import VisualSettings
from reverie.types import Model

log = logging.getLogger("reverie")


def visualize(
    model: Model,
    wish: Wishes,
    settings: VisualSettings | None = None,
    *,
    progress: ProgressReader = False,
    **options: Unpack[VisualOptions],
) -> Picture:
    """The picture that excites an objective most: gradient ascent from noise, or from a photo.

    Args:
        wish: an objective, its words such as "fire8:61", or a function of activations (see `function`). Several are
            climbed as one batch, each in a picture of its own, the same as it would be alone, up to rounding; but terms
            over a batch (`diversity`) see the pictures of all wishes that have them, and these begin each from a noise
            of its own.
        settings: what is not in them is as in `VisualSettings()`.
        progress: True shows a bar; a function is called with a `Progress` after every step.
        options: settings by name: `visualize(model, "class:espresso", size=256, steps=512)`. Of these, `param` takes a
            `Param`, `transforms` a list of transforms or of your own functions of images, and `optimizer` a class of
            `torch.optim` or a function that makes one of a list of parameters. `start`: a photo to begin from, whatever
            `open_image` takes, one for all or a batch with one for each wish; its longest side becomes `size`. A wish
            such as "fire8:61 + 0.3*keep" stays near to it.

    Returns:
        images (b, 3, h, w), sRGB, 0..1, one for each objective; (b, 4, h, w) where their alpha is climbed, too.

    The picture of a single wish carries its recipe, which `save_image` embeds in the file, so that `reverie run` makes
    it again. It has none where an object was given that no words say, such as a function of your own.

    Raises `WordingError` for words that cannot be read, `UnknownName` for an unknown layer or setting, `SettingsError`
    for a value out of range, `ImageTooSmall` where the network needs a larger `size`, `ImageFileError` for a start that
    is no picture. At Ctrl-C `Interrupted` carries the picture as far as it came.

    After Olah et al., "Feature Visualization" (2017), and lucid's `render_vis`; with `start` after Hamblin et al.,
    "Feature Accentuation" (2024).

    >>> import reverie as rv
    >>> rv.visualize(rv.load_model(), "fire2:5", size=32, steps=2).shape
    torch.Size([1, 3, 32, 32])
    """
    with torch.inference_mode(False):  # where that is on, nothing could be differentiated
        require_model(model)
        pieces, wishes = collect_pieces(settings, options), parse_wishes(wish)
        if len(wishes) == 1:
            refuse_batch_terms(wishes[0])
        recipe = describe_visualization(model, wishes, pieces)
        run = NoiseRun(recipe, model, wishes, pieces, columns=0)  # a batch, not a sheet
        return finish(run, progress, len(wishes) == 1 and has_words(wishes[0]) and has_recipe(pieces))


def describe_visualization(model: Model, wishes: list[Objective], pieces: Pieces) -> VisualRecipe:
    """The recipe of a visualization whose pieces are at hand."""
    origin, start = getattr(pieces.given, "origin", None), pieces.given
    said = wishes if all(map(has_words, wishes)) else []
    return VisualRecipe(
        visualize="; ".join(map(str, said)),
        settings=pieces.settings,
        start=as_text(origin.name) if origin else None if start is None else ARRAY,
        start_sha256=origin.digest if origin else None if start is None else hash_pixels(start),
        guides=digest_named(said, {}),
        **describe_model(model),
    )


def has_recipe(pieces: Pieces) -> bool:
    """Whether a recipe says all of a visualization; where it does not, a line to the log says why."""
    if pieces.unnamed:
        log.warning("the picture keeps no recipe: no words say its %s", " and ".join(pieces.unnamed))
    return not pieces.unnamed
