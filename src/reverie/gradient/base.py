"""`gradient(image) -> (score, grad)` and what can be wrapped around it.

Each wrapper takes such a function and returns such a function; a dream is told by how they are nested:

    gradient = gradient_of(model, objective)
    gradient = normalized(laplacian_normalized(color_correlated(jittered(gradient, 32, rng)), levels=4))
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from reverie.errors import ImageTooSmall, SettingsError, SizeRefused, UnknownLayer
from reverie.image.color import color_mix
from reverie.image.filters import blur
from reverie.image.resample import resize
from reverie.models.receptive_field import smallest_side
from reverie.objectives.base import Wish
from reverie.types import CHANGE, IMAGE, Gradient, Image, Model, Score


def gradient_of(model: Model, objective: Wish, photo: Image | None = None) -> Gradient:
    """The score of an image (b,) and how every pixel changes it (b, 3, h, w).

    `photo`: what `keep` keeps near to, of any size.
    Raises `UnknownName` for a layer the model does not have; the gradient raises `ImageTooSmall` for an image that the
    model cannot see.
    """
    score = score_of(model, objective, photo)

    def gradient(image: Image) -> tuple[Score, Image]:
        image = image.detach().requires_grad_(True)
        with torch.enable_grad():
            scored = score(image)
            (grad,) = torch.autograd.grad(scored.sum(), image)
        return scored.detach(), grad

    return gradient


def score_of(model: Model, objective: Wish, photo: Image | None = None) -> Callable[[Image], Score]:
    """The score of an image (b,), attached to its graph if it asks for a gradient. Raises as `gradient_of` does."""
    objective = objective.resolved(model)
    layers = layers_of(model, objective)
    if CHANGE in objective.layers and photo is None:
        raise SettingsError("keep needs the photograph to stay near to: give it as photo")

    def score(image: Image) -> Score:
        activations = seen(model, image, layers) if layers else {}
        if photo is not None:
            activations[CHANGE] = image - resize(photo, (image.shape[-2], image.shape[-1]))
        return objective({**activations, IMAGE: image})

    return score


def layers_of(model: Model, objective: Wish) -> list[str]:
    """The layers of the model that an objective reads; raises `UnknownName` for one that the model does not have."""
    layers = [name for name in objective.layers if name not in (IMAGE, CHANGE)]
    for name in layers:
        if name not in model.layers:
            raise UnknownLayer(model, name)
    return layers


def seen(model: Model, image: Image, layers: list[str]) -> dict[str, torch.Tensor]:
    """The model's answer, or `ImageTooSmall` with the smallest side that would do."""
    try:
        return dict(model(image, layers))
    except SizeRefused:
        raise
    except (RuntimeError, ValueError):
        height, width = image.shape[-2:]
        least = smallest_side(model, layers)
        if least is None or min(height, width) >= least:
            raise
        raise ImageTooSmall(
            f"a picture of {width} x {height} pixels is too small for {', '.join(layers)} of {model.name}: "
            f"the smallest side that works is {least}; enlarge it (--size) or wish for a lower layer"
        ) from None


def jittered(gradient: Gradient, reach: int, generator: torch.Generator) -> Gradient:
    """The image shifted at random around its edges by up to `reach` pixels before, and back after.

    Hides where the network's grid, and the border of a picture, lie.
    """

    def shifted(image: Image) -> tuple[Score, Image]:
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        score, grad = gradient(rolled(image, y, x))
        return score, rolled(grad, -y, -x)

    return shifted if reach else gradient


def rolled(image: Image, down: int, right: int) -> Image:
    """The image shifted around its edges. torch's own roll goes over it once for each direction."""
    down, right = down % image.shape[2], right % image.shape[3]
    out = torch.empty_like(image, memory_format=torch.contiguous_format)
    for to_row, from_row in ((slice(down, None), slice(None, -down or None)), (slice(down), slice(-down, None))):
        for to, at in ((slice(right, None), slice(None, -right or None)), (slice(right), slice(-right, None))):
            if to != slice(0) and to_row != slice(0):
                out[..., to_row, to] = image[..., from_row, at]
    return out


def color_kept(gradient: Gradient) -> Gradient:
    """The grad along gray alone: light and dark may dream, the differences between the colors stay the photo's."""

    def gray(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        return score, grad.mean(1, keepdim=True).expand_as(grad)

    return gray


def color_correlated(gradient: Gradient, share: float = 0.6) -> Gradient:
    """The colors of the grad drawn toward those that go together in nature: 0 leaves it neon, 1 almost gray.

    Lucid decorrelates the image instead, which for gradient ascent comes to multiplying by the covariance.
    """
    mix = color_mix(share)

    def correlated(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        return score, torch.einsum("dc,bchw->bdhw", mix.to(grad.device), grad)

    return correlated if share else gradient


def smoothed(gradient: Gradient, sigma: float) -> Gradient:
    """The grad blurred by a Gaussian, `sigma` in pixels: softer, larger shapes."""

    def blurred(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        return score, blur(grad, sigma)

    return blurred if sigma else gradient
