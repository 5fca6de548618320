"""Links of the chain from a canvas to a score: each makes of a gradient the gradient of what comes before.

    canvas --param--> picture --random transforms--> what the network sees --objective--> score

Where the picture has an alpha, it is laid on a random background first, and its score falls with what it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.maco import MACO
from reverie.ascent.transforms import ImageFunction, Transform, apply_transforms
from reverie.gradient.keeping import TYPICAL_CHANGE
from reverie.gradient.normalization import normalized
from reverie.objectives.penalties import KeepTerm
from reverie.types import Canvas, Gradient, Image, Score


def pull_back_gradient(gradient: Gradient, function: ImageFunction) -> Gradient:
    """The gradient of score(function(image)) from the gradient of the score: one link of the chain rule.

    `function` is any differentiable function from images (b, ...) to images, such as a param, a transform, or your own.
    Where it is random, each call of the gradient is one draw.

    >>> import reverie as rv, torch
    >>> gradient = rv.gradient_of(rv.load_model(), rv.channel("fire2", 5))
    >>> darker = rv.pull_back_gradient(gradient, lambda image: image / 2)
    >>> score, grad = darker(torch.rand(1, 3, 48, 48))
    >>> grad.shape
    torch.Size([1, 3, 48, 48])
    """
    return partial(apply_chain_rule, gradient, function)


def apply_chain_rule(gradient: Gradient, function: ImageFunction, image: Canvas) -> tuple[Score, Canvas]:
    """The score of function(image), and its grad with respect to the image."""
    image = image.detach().requires_grad_(True)
    with torch.enable_grad():
        made = function(image)
    score, grad = gradient(made.detach())
    (own,) = torch.autograd.grad(made, image, grad)  # grad times the function's Jacobian
    return score, own


def transform_randomly(gradient: Gradient, transforms: Sequence[Transform], generator: torch.Generator) -> Gradient:
    """The gradient of a picture before random transforms; every call is one draw of all of them."""
    return pull_back_gradient(gradient, partial(apply_transforms, transforms, generator=generator))


def average_draws(gradient: Gradient, draws: int) -> Gradient:
    """The mean of several calls of a random gradient, such as one under random transforms: less noise, as many passes.

    `draws`: 1 or more. So MACO looks at several crops in each step, and SmoothGrad at several noises.

    >>> import reverie as rv, torch
    >>> random = rv.jittered(rv.gradient_of(rv.load_model(), rv.channel("fire2", 5)), 4, torch.Generator())
    >>> rv.average_draws(random, 3)(torch.rand(1, 3, 48, 48))[1].shape
    torch.Size([1, 3, 48, 48])
    """
    return gradient if draws == 1 else partial(average_calls, gradient, draws)


def average_calls(gradient: Gradient, count: int, image: Canvas) -> tuple[Score, Canvas]:
    """The mean score and grad of so many calls."""
    score, grad = gradient(image)
    for _ in range(count - 1):
        more, further = gradient(image)
        score, grad = score + more, grad + further
    return score / count, grad / count


def add_noise_if_zero(gradient: Gradient, generator: torch.Generator) -> Gradient:
    """Replaces an all-zero gradient by Gaussian noise, for each image of the batch: otherwise it would never move.

    The gradient is zero where a ReLU is dead, i.e. where no place of the picture excites it.
    """
    return partial(compute_or_draw, gradient, generator)


def compute_or_draw(gradient: Gradient, generator: torch.Generator, canvas: Canvas) -> tuple[Score, Canvas]:
    """The score and the grad, or noise where the grad is zero."""
    score, grad = gradient(canvas)
    # Drawn at every step, and once for the batch, so that an image does not depend on its neighbors.
    noise = torch.randn(canvas.shape[1:], generator=generator).to(canvas.device)
    zero = (grad == 0).flatten(1).all(1)  # (b,)
    return score, torch.where(zero.view(-1, *[1] * (grad.ndim - 1)), noise, grad)


def lay_on_background(generator: torch.Generator, picture: Float[Tensor, "b 4 h w"]) -> Image:
    """A picture with alpha on a random background, anew at every call: colored noise as soft as natural pictures."""
    param = MACO((picture.shape[-2], picture.shape[-1]))
    background = param(param.start(generator)).to(picture.device)  # (1, 3, h, w)
    colors, alpha = picture[:, :3], picture[:, 3:]
    return colors * alpha + background * (1 - alpha)


def discount_alpha(gradient: Gradient) -> Gradient:
    """The gradient of score * (1 - mean alpha), for pictures with alpha: what does not excite becomes transparent.

    As in lucid's notebook on transparency. A departure: of a score below 0, alpha is not rewarded but costs as much.
    """
    return partial(compute_discounted, gradient)


def compute_discounted(gradient: Gradient, picture: Float[Tensor, "b 4 h w"]) -> tuple[Score, Canvas]:
    """The discounted score, and its grad by the four channels."""
    score, grad = gradient(picture)
    alpha = picture[:, 3].mean((1, 2))  # (b,)
    share = 1 - alpha * score.sign()
    grad = grad * share[:, None, None, None]
    grad[:, 3] -= (score.abs() / picture[0, 3].numel())[:, None, None]
    return score * share, grad


def stay_near(gradient: Gradient, photo: Image, weights: Float[Tensor, " b"]) -> Gradient:
    """Adds the gradient of `keep`, as in a dream: at the weight 1 it is as strong where a pixel changed by 0.08.

    `photo` (1 or b, 3, h, w) has the pictures' size; `weights` are those of `keep` for each picture. As in a dream it
    is added to the normalized grad, whose scale is known.
    """
    return partial(compute_with_photo, normalized(gradient), photo, weights)


def compute_with_photo(
    gradient: Gradient, photo: Image, weights: Float[Tensor, " b"], picture: Canvas
) -> tuple[Score, Canvas]:
    """The score and the grad, both with the distance of the colors to a photograph."""
    score, grad = gradient(picture)
    change = picture[:, :3] - photo
    score = score + weights * KeepTerm()(change)
    weight = weights[:, None, None, None]
    pull = torch.zeros_like(grad)
    pull[:, :3] = weight / TYPICAL_CHANGE * change
    return score, (grad - pull) / (1 + weight.abs())
