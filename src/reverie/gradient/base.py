"""The gradient of an objective with respect to the pixels, and the simplest wrappers around it.

A gradient is a function `gradient(image) -> (score, grad)`. A wrapper takes one and returns another, so that the whole
treatment of a dream's gradient is written by nesting them. All of them can be pickled, for a pool of processes.

    gradient = gradient_of(model, objective)
    gradient = normalized(laplacian_normalized(color_correlated(jittered(gradient, 32, rng)), levels=4))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float

from reverie.errors import ImageTooSmall, SettingsError, SizeRefused, UnknownLayer
from reverie.gradient.references import fit_references, list_references
from reverie.image.color import mix_color_covariance
from reverie.image.filters import gaussian_blur
from reverie.image.resample import resize
from reverie.models.any_size import accept_any_size
from reverie.models.layer_names import list_aliases
from reverie.models.receptive_field import find_smallest_side
from reverie.objectives.scorer import Scorer
from reverie.objectives.wishes import WishLike, parse_wish
from reverie.types import CHANGE_LAYER, IMAGE_LAYER, Gradient, Image, Model, Score


def gradient_of(
    model: Model, objective: WishLike, photo: Image | None = None, *, accompanied: bool = False
) -> Gradient:
    """The function that computes an objective's score (b,) and its gradient (b, 3, h, w) for an image (b, 3, h, w).

    `objective`: an `Objective`, its words, or a function of activations, as for `function`.
    `photo`: the photograph (1 or b, 3, h, w), of any size, that the term `keep` compares the image with.
    `accompanied`: the last images of the batch are the pictures that the objective compares the image with, and have a
    score and a gradient of zero; otherwise these are brought to the image's size here.
    Raises `UnknownName` for a layer or class that the model does not have, and `SettingsError` where `keep` has no
    photo. The returned function raises `ImageTooSmall` for an image too small for the layers.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.gradient_of(rv.load_model(), rv.layer("fire2") + rv.layer("fire3"))
    >>> score, grad = gradient(torch.rand(2, 3, 32, 48))
    >>> score.shape, grad.shape
    (torch.Size([2]), torch.Size([2, 3, 32, 48]))
    """
    scorer = parse_wish(objective).resolved(model)
    count = len(list_references(scorer.references)) if accompanied else 0
    return partial(differentiate, make_score_function(model, scorer, photo), count=count)


def differentiate(score: ScoreFunction, image: Image, *, count: int = 0) -> tuple[Score, Image]:
    """The scores (b,) of images (b, 3, h, w), and the gradient of each with respect to its own image.

    The last `count` images are pictures to compare with: their scores and gradients are zero.
    """
    with torch.inference_mode(False), torch.enable_grad():
        given = image.clone() if image.is_inference() else image.detach()
        own = given[: len(image) - count].requires_grad_(True)
        scores = score(own, given[len(own) :] if count else None)  # (b,)
        # One backward pass serves the whole batch, whether or not an image's score depends on the others' pixels.
        (grad,) = torch.autograd.grad(scores.sum(), own)  # (b, 3, h, w)
    return append_zeros(scores.detach(), count), append_zeros(grad, count)


def append_zeros(values: torch.Tensor, count: int) -> torch.Tensor:
    """The values with `count` further images of zeros at the end of the batch."""
    return torch.cat([values, values.new_zeros(count, *values.shape[1:])]) if count else values


def make_score_function(model: Model, objective: WishLike, photo: Image | None = None) -> ScoreFunction:
    """The function that computes an objective's score (b,) for an image, differentiable by autograd.

    Arguments and errors are those of `gradient_of`. The function may be given the pictures (n, 3, h, w) that the
    objective compares the image with; otherwise it brings them to the image's size.
    """
    scorer = parse_wish(objective).resolved(model)
    layers = find_model_layers(model, scorer)
    if CHANGE_LAYER in scorer.layers and photo is None:
        raise SettingsError("keep needs the photograph to stay near to: give it as photo")
    return ScoreFunction(accept_any_size(model), scorer, tuple(layers), photo)


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """score(image) -> (b,): what an objective, its classes and guides looked up, makes of a network's activations."""

    model: Model
    objective: Scorer
    layers: tuple[str, ...]
    """The layers of the network that are read."""
    photo: Image | None = None

    def __call__(self, image: Image, pictures: Float[torch.Tensor, "_n 3 h w"] | None = None) -> Score:
        activations = compute_activations(self.model, image, self.layers) if self.layers else {}
        if self.photo is not None:
            activations[CHANGE_LAYER] = image - resize(self.photo, (image.shape[-2], image.shape[-1]))
        references = list_references(self.objective.references)
        if references:
            if pictures is None:
                pictures = fit_references(references, (image.shape[-2], image.shape[-1])).to(image.device)
            activations |= compare_with(self.model, self.objective, pictures)
        return self.objective({**activations, IMAGE_LAYER: image})


def compare_with(model: Model, scorer: Scorer, pictures: Image) -> dict[str, torch.Tensor]:
    """The activations of the pictures that an objective compares the image with, by pseudo-layer, without gradient."""
    order = list_references(scorer.references)
    names = list(dict.fromkeys(name for _, name in scorer.references.values() if not name.startswith(".")))
    with torch.no_grad():
        seen = {**compute_activations(model, pictures, names), IMAGE_LAYER: pictures}
    return {
        key: seen[name][order.index(reference) :][:1]
        for key, (reference, name) in scorer.references.items()
        if name in seen
    }


def find_model_layers(model: Model, objective: Scorer) -> list[str]:
    """The layers of the network that an objective reads, without the pseudo-layers.

    Raises `UnknownLayer`, an `UnknownName`, for one that the model does not have.
    """
    layers = [name for name in objective.layers if name not in (IMAGE_LAYER, CHANGE_LAYER)]
    for name in layers:
        if name not in model.layers and name not in list_aliases(model):
            raise UnknownLayer(model, name)
    return layers


def compute_activations(model: Model, image: Image, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """The activations {layer: (b, c, h, w)} of one forward pass.

    Raises `ImageTooSmall`, naming the smallest side that works, where the image is the reason for a network's error.
    """
    try:
        return dict(model(image, layers))
    except SizeRefused:
        raise
    except (RuntimeError, ValueError):  # torch's own, from a convolution or pooling without room for its kernel
        height, width = image.shape[-2:]
        least = find_smallest_side(model, list(layers))
        if least is None or min(height, width) >= least:
            raise
        raise ImageTooSmall(
            f"a picture of {width} x {height} pixels is too small for {', '.join(layers)} of {model.name}: "
            f"the smallest side that works is {least}; enlarge it (--size) or wish for a lower layer"
        ) from None


def jittered(gradient: Gradient, reach: int, generator: torch.Generator) -> Gradient:
    """Jitter: shifts the image cyclically by up to `reach` pixels in each direction, and the grad back.

    Strided layers and padding leave a pattern at fixed places of the image; moved at every step, it averages out.

    `reach`: in pixels, 0 or more. `generator` draws the shift of every call. After Google's notebook of 2015.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.gradient_of(rv.load_model(), rv.layer("fire2"))
    >>> shifted = rv.jittered(gradient, 8, torch.Generator().manual_seed(0))
    >>> score, grad = shifted(torch.rand(1, 3, 32, 32))
    """

    return partial(shift_and_restore, gradient, reach, generator) if reach else gradient


def shift_and_restore(gradient: Gradient, reach: int, generator: torch.Generator, image: Image) -> tuple[Score, Image]:
    """The gradient of an image that was shifted by chance, shifted back."""
    y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    score, grad = gradient(roll_image(image, y, x))
    return score, roll_image(grad, -y, -x)


def roll_image(image: Image, down: int, right: int) -> Image:
    """The image shifted cyclically, as `torch.roll` does, in one pass over the memory instead of one per direction."""
    down, right = down % image.shape[2], right % image.shape[3]
    out = torch.empty_like(image, memory_format=torch.contiguous_format)
    # Four rectangles change places: what leaves at the bottom or the right comes in at the top or the left.
    for to_row, from_row in ((slice(down, None), slice(None, -down or None)), (slice(down), slice(-down, None))):
        for to, at in ((slice(right, None), slice(None, -right or None)), (slice(right), slice(-right, None))):
            if to != slice(0) and to_row != slice(0):  # empty where the shift in that direction is 0
                out[..., to_row, to] = image[..., from_row, at]
    return out


def color_kept(gradient: Gradient) -> Gradient:
    """Averages the grad over the color channels: only brightness changes, the photograph keeps its colors.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.color_kept(rv.gradient_of(rv.load_model(), rv.layer("fire2")))
    >>> score, grad = gradient(torch.rand(1, 3, 32, 32))
    >>> torch.equal(grad[:, 0], grad[:, 2])
    True
    """
    return partial(average_channels, gradient)


def average_channels(gradient: Gradient, image: Image) -> tuple[Score, Image]:
    """The gradient, its grad the same in all channels."""
    score, grad = gradient(image)
    return score, grad.mean(1, keepdim=True).expand_as(grad)


def color_correlated(gradient: Gradient, share: float = 0.6) -> Gradient:
    """Mixes the grad's color channels as they are correlated in natural images.

    `share`, 0..1: 0 leaves the raw grad, whose colors are neon; 1 uses the full covariance, which is almost gray.
    Lucid parametrizes the image by decorrelated colors instead; under plain gradient ascent that is the same as
    multiplying the grad by the covariance.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.gradient_of(rv.load_model(), rv.layer("fire2"))
    >>> score, grad = rv.color_correlated(gradient, 0.6)(torch.rand(1, 3, 32, 32))
    """
    return partial(mix_colors, gradient, mix_color_covariance(share)) if share else gradient


def mix_colors(gradient: Gradient, mix: torch.Tensor, image: Image) -> tuple[Score, Image]:
    """The gradient, its grad's channels mixed by a matrix (3, 3)."""
    score, grad = gradient(image)
    return score, torch.einsum("dc,bchw->bdhw", mix.to(grad.device), grad)


def smoothed(gradient: Gradient, sigma: float) -> Gradient:
    """Blurs the grad by a Gaussian, `sigma` in pixels, which gives softer and larger shapes.

    As in pytorch-deepdream and Hvass-Labs' tutorial 14; 0 changes nothing.

    >>> import torch
    >>> import reverie as rv
    >>> gradient, image = rv.gradient_of(rv.load_model(), rv.layer("fire2")), torch.rand(1, 3, 32, 32)
    >>> bool(rv.smoothed(gradient, 2.0)(image)[1].std() < gradient(image)[1].std())
    True
    """
    return partial(blur_grad, gradient, sigma) if sigma else gradient


def blur_grad(gradient: Gradient, sigma: float, image: Image) -> tuple[Score, Image]:
    """The gradient, its grad blurred."""
    score, grad = gradient(image)
    return score, gaussian_blur(grad, sigma)
