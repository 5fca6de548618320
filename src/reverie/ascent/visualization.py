"""Feature visualization: from noise to the picture that an objective (a channel, neuron, class, direction...) prefers.

The same gradient ascent as a dream's, on a canvas instead of a photograph:

    canvas --param--> picture --random transforms--> what the network sees --objective--> score

The gradient goes back along these arrows by the chain rule (`pull_back_gradient`), and an optimizer sets the length of
the step. After Olah, Mordvintsev and Schubert, "Feature Visualization" (2017), and lucid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, Unpack

import torch

from reverie.ascent.chain import (
    add_noise_if_zero,
    average_draws,
    discount_alpha,
    lay_on_background,
    pull_back_gradient,
    stay_near,
    transform_randomly,
)
from reverie.ascent.deriving import SharedImage, begin_from
from reverie.ascent.optimizers import choose_steps
from reverie.ascent.param import Param, scale_step_size
from reverie.ascent.pieces import Pieces, VisualOptions, collect_pieces
from reverie.ascent.steps import ascend
from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.gradient.references import accompanied, list_references
from reverie.objectives.base import Objective
from reverie.objectives.batch import number_noises, per_image
from reverie.objectives.penalties import sum_keep_weights
from reverie.objectives.wishes import parse_wish
from reverie.settings import VisualSettings
from reverie.types import CHANGE_LAYER, Canvas, Gradient, Model, Step

ObjectiveOrWords: TypeAlias = Objective | str | Callable[..., Any]
Wishes: TypeAlias = ObjectiveOrWords | Sequence[ObjectiveOrWords]


def visualize_steps(
    model: Model, wish: Wishes, settings: VisualSettings | None = None, **options: Unpack[VisualOptions]
) -> Iterator[Step]:
    """The steps of `visualize`, as they are made: each step's image is the pictures (b, 3, h, w) so far.

    Arguments and errors are those of `visualize`; what can be refused is refused at once, before the first step. To
    stop, do not ask for the next one.

    >>> import reverie as rv
    >>> for step in rv.visualize_steps(rv.load_model(), "fire2:5", size=32, steps=2):
    ...     print(step.number, tuple(step.image.shape))
    0 (1, 3, 32, 32)
    1 (1, 3, 32, 32)
    """
    return climb_pieces(model, parse_wishes(wish), collect_pieces(settings, options))


def climb_pieces(model: Model, objectives: Sequence[Objective], pieces: Pieces) -> Iterator[Step]:
    """The steps of a visualization whose pieces are at hand. Raises as `visualize` does, before the first step."""
    check_start(objectives, pieces)
    generator = torch.Generator().manual_seed(pieces.settings.seed)
    param = pieces.param if pieces.start is None else begin_from(pieces.param, pieces.start, generator)
    param = SharedImage(param, pieces.settings.shared) if pieces.settings.shared else param
    param.start(generator)  # so that what is drawn later does not depend on how many begin
    canvas = make_start(param, objectives, pieces.settings.seed).to(model.device)  # (b, *canvas_shape)
    with torch.no_grad():
        picture = param(canvas)  # (b, 3 or 4, h, w)
    gradient = build_picture_gradient(model, objectives, pieces, picture.shape[1] == 4, generator)
    gradient = add_noise_if_zero(pull_back_gradient(gradient, param), generator)  # of the canvas
    gradient, step_size = choose_steps(gradient, pieces.optimizer, pieces.settings.step_size)
    steps = ascend(canvas, gradient, pieces.settings.steps, scale_step_size(step_size))
    return show_pictures(steps, param, picture)


def make_start(param: Param, objectives: Sequence[Objective], seed: int) -> Canvas:
    """The canvases (b, *canvas_shape) from which the pictures of some objectives begin.

    The same noise for all: alone or in a batch, a picture comes out the same. Those that are to differ from each other
    begin each from its own.
    """
    numbers, generator = number_noises(objectives), torch.Generator().manual_seed(seed)
    noises = [param.start(generator) for _ in range(max(numbers) + 1)]
    return torch.cat([noises[number] for number in numbers])


def show_pictures(steps: Iterator[Step], param: Param, picture: Canvas) -> Iterator[Step]:
    """The same steps, with the pictures of their canvases; `picture` is the one before the first."""
    for step in steps:
        before = picture
        with torch.no_grad():
            picture = param(step.image)
        yield replace(step, image=picture, before=before)


def build_picture_gradient(
    model: Model, objectives: Sequence[Objective], pieces: Pieces, alpha: bool, generator: torch.Generator
) -> Gradient:
    """The gradient of the objectives with respect to the pictures, under random transforms."""
    seen = per_image([each.without(CHANGE_LAYER) for each in objectives]).resolved(model)
    gradient = transform_randomly(gradient_of(model, seen, accompanied=True), pieces.transforms, generator)
    gradient = accompanied(gradient, list_references(seen.references))  # transformed as the pictures are
    if alpha:
        gradient = pull_back_gradient(gradient, partial(lay_on_background, generator))
    gradient = average_draws(gradient, pieces.settings.draws)
    gradient = discount_alpha(gradient) if alpha else gradient
    weights = torch.tensor([float(sum_keep_weights(each)) for each in objectives], device=model.device)
    if pieces.start is None or not weights.any():
        return gradient
    return stay_near(gradient, pieces.start.to(model.device), weights)


def parse_wishes(wish: Wishes) -> list[Objective]:
    """The objectives of one wish or of several; raises `WordingError`, and `SettingsError` where there is none."""
    wishes = [wish] if isinstance(wish, str) or callable(wish) else list(wish)
    if not wishes:
        raise SettingsError("nothing to visualize: expected at least one wish")
    return [parse_wish(each) for each in wishes]


def check_start(objectives: Sequence[Objective], pieces: Pieces) -> None:
    """Raises `SettingsError` for a start of another number of pictures, and for `keep` without a start, or alone."""
    start, count = pieces.start, len(objectives)
    if start is not None and len(start) not in (1, count):
        raise SettingsError(f"a start of {len(start)} pictures for {count} wishes; expected one, or one for each")
    for each in objectives:
        if CHANGE_LAYER in each.layers and start is None:
            raise SettingsError(
                "keep stays near to a photograph, and what is visualized begins as noise: "
                "leave keep out, say what to begin from (start), or dream a photo"
            )
        if not each.without(CHANGE_LAYER).terms:
            raise SettingsError(f"{each} excites nothing: expected a wish beside it, as in fire8:61 + 0.3*keep")
