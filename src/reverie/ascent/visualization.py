"""From noise to what a neuron wants: a channel, a neuron, a class, a direction, or any other wish.

The same ascent as a dream's, on a canvas instead of a photograph. The gradient is pulled back from what the network
sees, through what a feature must survive (`transforms`), to what the picture is made of (`param`); Adam says how far
each number goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import torch

from reverie.ascent.param import FourierImage, Param, PixelImage, start, step_of
from reverie.ascent.steps import ascend
from reverie.ascent.transforms import Transform, jitter, one_after_another, turn
from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.gradient.normalization import TINY
from reverie.objectives.base import Objective
from reverie.objectives.batch import per_image
from reverie.objectives.parser import objective as objective_in_words
from reverie.settings import VisualSettings
from reverie.types import Gradient, Image, Model, Score, Step

ObjectiveOrWords: TypeAlias = Objective | str
Differentiable: TypeAlias = Callable[[Image], torch.Tensor]


def visualize(
    model: Model,
    wish: ObjectiveOrWords | Sequence[ObjectiveOrWords],
    settings: VisualSettings | None = None,
    **changed: Any,
) -> Image:
    """What the model wants to see for a wish, such as "fire8:61": an image (1, 3, size, size), 0..1.

    Several wishes are climbed at once, and give one picture each (b, 3, size, size), the same as it would be alone.
    `changed` are settings by name: `visualize(model, "class:espresso", size=256, steps=512)`. Raises `WordingError`,
    `UnknownName`, `SettingsError`, `ImageTooSmall`.
    """
    settings = VisualSettings.of({**asdict(settings or VisualSettings()), **changed})
    wishes = [wish] if isinstance(wish, (str, Objective)) else list(wish)
    *_, last = visualize_steps(model, wishes, settings)
    return last.image


def visualize_steps(model: Model, wishes: Sequence[ObjectiveOrWords], settings: VisualSettings) -> Iterator[Step]:
    """Every step, its image the pictures (b, 3, size, size) so far, one for each wish."""
    if not wishes:
        raise SettingsError("nothing to visualize: expected at least one wish")
    read = [objective_in_words(wish) if isinstance(wish, str) else wish for wish in wishes]
    param = param_of(settings)
    generator = torch.Generator().manual_seed(settings.seed)
    canvas = start(param, generator).to(model.device).expand(len(read), -1, -1, -1)
    gradient = pulled_back(gradient_of(model, per_image(read)), survived(settings, generator))
    gradient = adam(stirred(pulled_back(gradient, param), generator))
    with torch.no_grad():
        picture = param(canvas)
    for step in ascend(canvas, gradient, settings.steps, step_of(settings.step_size)):
        before = picture
        with torch.no_grad():
            picture = param(step.image)
        yield replace(step, image=picture, before=before)


def param_of(settings: VisualSettings) -> Param:
    """What the picture is made of."""
    size = (settings.size, settings.size)
    return PixelImage(size) if settings.param == "pixel" else FourierImage(size, settings.decay)


def survived(settings: VisualSettings, generator: torch.Generator) -> Transform:
    """What the picture goes through before each look: the turn between two shifts, as lucid has it."""
    shift, shift_again = jitter(settings.jitter, generator), jitter(settings.jitter // 2, generator)
    if not settings.rotation and not settings.scaling:
        return shift
    return one_after_another([shift, turn(settings.rotation, settings.scaling, generator), shift_again])


def pulled_back(gradient: Gradient, function: Differentiable) -> Gradient:
    """The gradient of what a function makes of an image, for the image itself: the chain rule, one link of it."""

    def pulled(image: Image) -> tuple[Score, Image]:
        image = image.detach().requires_grad_(True)
        with torch.enable_grad():
            made = function(image)
        score, grad = gradient(made.detach())
        (own,) = torch.autograd.grad(made, image, grad)
        return score, own

    return pulled


def stirred(gradient: Gradient, generator: torch.Generator) -> Gradient:
    """Where nothing moves a picture at all, chance does: a ReLU that no place excites answers with no slope."""

    def moved(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        chance = torch.randn(image.shape[1:], generator=generator).to(image.device)
        still = (grad == 0).all(3).all(2).all(1)
        return score, torch.where(still[:, None, None, None], chance, grad)

    return moved


def adam(gradient: Gradient, first: float = 0.9, second: float = 0.999) -> Gradient:
    """The grad's running mean over the root of its running mean square: each number's own step (Kingma and Ba, 2015).

    `first` and `second` are what is left of the old means after a step. Good for one ascent: it remembers.
    """
    mean, square, taken = torch.zeros(()), torch.zeros(()), 0

    def paced(image: Image) -> tuple[Score, Image]:
        nonlocal mean, square, taken
        score, grad = gradient(image)
        taken += 1
        mean = first * mean.to(grad.device) + (1 - first) * grad
        square = second * square.to(grad.device) + (1 - second) * grad.square()
        length = (square / (1 - second**taken)).sqrt().clamp_min(TINY)
        return score, mean / (1 - first**taken) / length

    return paced
