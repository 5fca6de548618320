"""The penalty `keep`, applied to a normalized gradient: it pulls the image back to the photograph."""

from __future__ import annotations

from functools import partial

from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.image.resample import Resize, resize
from reverie.objectives.penalties import KeepTerm
from reverie.types import Gradient, Image, Score


def kept(gradient: Gradient, photo: Image | None, weight: float, resize: Resize = resize) -> Gradient:
    """Adds the gradient of `keep`, the distance to the photograph, to a normalized gradient.

    `photo` (1 or b, 3, h, w) may be of any size; `resize` brings it to the image's. A `weight` of 0 changes nothing.
    Raises `SettingsError` for any other weight where `photo` is None.

    Adding the two scores instead would need another weight for every layer and network: the mean square of fire8 is a
    thousand times the distance, the mean of fire8 a thousandth of it. The normalized grad has a known scale, so the
    pull is measured against that: at the weight 1 it is as strong as the grad where the image is `TYPICAL_CHANGE` away.

    >>> import torch
    >>> import reverie as rv
    >>> photo = torch.rand(1, 3, 32, 32)
    >>> gradient = rv.normalized(rv.gradient_of(rv.load_model(), rv.layer("fire2")))
    >>> score, grad = rv.kept(gradient, photo, 0.5)(photo)
    """
    if not weight:
        return gradient
    if photo is None:
        raise SettingsError("keep needs the photograph to stay near to: give it as photo")
    return partial(pull_back, gradient, photo, weight, resize)


def pull_back(
    gradient: Gradient, photo: Float[Tensor, "_n 3 _h _w"], weight: float, resize: Resize, image: Image
) -> tuple[Score, Image]:
    """The gradient, averaged with the way back to the photograph."""
    change = image - resize(photo, (image.shape[-2], image.shape[-1]))
    score, grad = gradient(image)
    score = score + weight * KeepTerm()(change)  # (b,)
    # The two are averaged, not added, so that no weight is so large that a step overshoots the photograph.
    return score, (grad - weight / TYPICAL_CHANGE * change) / (1 + abs(weight))


TYPICAL_CHANGE = 0.08
"""The change of a pixel in a dream at the default settings, 0..1: about 20 of 255."""
