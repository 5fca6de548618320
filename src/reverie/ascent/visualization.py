"""Feature visualization: from noise to the picture that an objective (a channel, neuron, class, direction...) prefers.

The same gradient ascent as a dream's, on a canvas instead of a photograph:

    canvas --param--> picture --random transform--> what the network sees --objective--> score

The gradient goes back along these arrows by the chain rule (`pull_back_gradient`), and Adam sets the length of the
step. After Olah, Mordvintsev and Schubert, "Feature Visualization" (2017), and lucid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import torch

from reverie.ascent.param import FourierImage, Param, PixelImage, make_noise_canvas, scale_step_size
from reverie.ascent.steps import ascend
from reverie.ascent.transforms import Transform, compose_transforms, make_jitter, make_rotation
from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.gradient.normalization import MIN_SCALE
from reverie.objectives.base import Objective
from reverie.objectives.batch import number_noises, per_image
from reverie.objectives.parser import objective as objective_in_words
from reverie.settings import VisualSettings
from reverie.settings.size import find_canvas_size
from reverie.types import Gradient, Image, Model, Score, Step

ObjectiveOrWords: TypeAlias = Objective | str
Differentiable: TypeAlias = Callable[[Image], torch.Tensor]


def visualize(
    model: Model,
    wish: ObjectiveOrWords | Sequence[ObjectiveOrWords],
    settings: VisualSettings | None = None,
    **changed: Any,
) -> Image:
    """The picture that excites an objective most: gradient ascent from noise.

    Args:
        wish: an objective, or its words such as "fire8:61". Several are climbed as one batch, each in a picture of its
            own, the same as it would be alone, up to rounding; but terms over a batch (`diversity`) see the pictures of
            all wishes that have them, and these begin each from a noise of its own.
        changed: settings by name: `visualize(model, "class:espresso", size=256, steps=512)`.

    Returns:
        images (b, 3, h, w), sRGB, 0..1, one for each objective: squares of `size` pixels a side, or of the height and
        the width that it says, as in size="225x375" or size=(225, 375).

    Raises `WordingError` for words that cannot be read, `UnknownName` for an unknown layer or setting, `SettingsError`
    for a value out of range, `ImageTooSmall` where the network needs a larger `size`.

    >>> import reverie as rv
    >>> rv.visualize(rv.load_model(), ["fire5:12", "fire5:13"], size=32, steps=2).shape
    torch.Size([2, 3, 32, 32])
    """
    settings = VisualSettings.of({**asdict(settings or VisualSettings()), **changed})
    objectives = [wish] if isinstance(wish, (str, Objective)) else list(wish)
    *_, last = visualize_steps(model, objectives, settings)
    return last.image


def visualize_steps(model: Model, wishes: Sequence[ObjectiveOrWords], settings: VisualSettings) -> Iterator[Step]:
    """The steps of `visualize`, as they are made: each step's image is the pictures (b, 3, h, w) so far.

    Raises as `visualize` does, and `SettingsError` where there is no objective.
    """
    if not wishes:
        raise SettingsError("nothing to visualize: expected at least one wish")
    objectives = [objective_in_words(wish) if isinstance(wish, str) else wish for wish in wishes]
    param = make_param(settings)
    generator = torch.Generator().manual_seed(settings.seed)
    make_noise_canvas(param, generator)  # so that what is drawn later does not depend on how many begin
    canvas = make_start(param, objectives, settings.seed).to(model.device)  # (b, 3, *canvas_size)
    gradient = gradient_of(model, per_image(objectives))  # of what the network sees
    gradient = pull_back_gradient(gradient, make_transform(settings, generator))  # of the picture, before the transform
    gradient = pull_back_gradient(gradient, param)  # of the canvas
    gradient = adam(add_noise_if_zero(gradient, generator))
    with torch.no_grad():
        picture = param(canvas)
    for step in ascend(canvas, gradient, settings.steps, scale_step_size(settings.step_size)):
        before = picture
        with torch.no_grad():
            picture = param(step.image)
        yield replace(step, image=picture, before=before)


def make_start(param: Param, objectives: Sequence[Objective], seed: int) -> Image:
    """The canvases (b, 3, *canvas_size) from which the pictures of some objectives begin.

    The same noise for all: alone or in a batch, a picture comes out the same. Those that are to differ from each other
    begin each from its own.
    """
    numbers, generator = number_noises(objectives), torch.Generator().manual_seed(seed)
    noises = [make_noise_canvas(param, generator) for _ in range(max(numbers) + 1)]
    return torch.cat([noises[number] for number in numbers])


def make_param(settings: VisualSettings) -> Param:
    """The parameterization that the settings name."""
    size = find_canvas_size(settings.size)
    return PixelImage(size) if settings.param == "pixel" else FourierImage(size, settings.decay)


def make_transform(settings: VisualSettings, generator: torch.Generator) -> Transform:
    """The random transform before each forward pass: rotation and scaling between two shifts, as in lucid."""
    shift, shift_again = make_jitter(settings.jitter, generator), make_jitter(settings.jitter // 2, generator)
    if not settings.rotation and not settings.scaling:
        return shift
    return compose_transforms([shift, make_rotation(settings.rotation, settings.scaling, generator), shift_again])


def pull_back_gradient(gradient: Gradient, function: Differentiable) -> Gradient:
    """The gradient of score(function(image)) from the gradient of the score: one link of the chain rule."""

    def pulled(image: Image) -> tuple[Score, Image]:
        image = image.detach().requires_grad_(True)
        with torch.enable_grad():
            made = function(image)
        score, grad = gradient(made.detach())
        (own,) = torch.autograd.grad(made, image, grad)  # grad times the function's Jacobian
        return score, own

    return pulled


def add_noise_if_zero(gradient: Gradient, generator: torch.Generator) -> Gradient:
    """Replaces an all-zero gradient by Gaussian noise, for each image of the batch: otherwise it would never move.

    The gradient is zero where a ReLU is dead, i.e. where no place of the picture excites it.
    """

    def noised(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        # Drawn at every step, and once for the batch, so that an image does not depend on its neighbors.
        noise = torch.randn(image.shape[1:], generator=generator).to(image.device)  # (3, h, w)
        zero = (grad == 0).all(3).all(2).all(1)  # (b,)
        return score, torch.where(zero[:, None, None, None], noise, grad)

    return noised


def adam(gradient: Gradient, first: float = 0.9, second: float = 0.999) -> Gradient:
    """Adam's update instead of the gradient (Kingma and Ba, 2015): its running mean over its running root mean square.

    `first` and `second` are the decay rates of the two moments (the article's beta1 and beta2). The result keeps state:
    it serves one ascent.
    """
    mean, square, taken = torch.zeros(()), torch.zeros(()), 0

    def update(image: Image) -> tuple[Score, Image]:
        nonlocal mean, square, taken
        score, grad = gradient(image)
        taken += 1
        mean = first * mean.to(grad.device) + (1 - first) * grad
        square = second * square.to(grad.device) + (1 - second) * grad.square()
        # The article adds 1e-8 to the root; gradients of a mean over many neurons may be smaller than that.
        root = (square / (1 - second**taken)).sqrt().clamp_min(MIN_SCALE)
        return score, mean / (1 - first**taken) / root

    return update
