"""How strong a grad is, in all or band by band, and wrappers that divide by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native import kernels as native
from reverie.errors import SettingsError
from reverie.image.pyramid import laplacian_merge, laplacian_split
from reverie.types import Gradient, Image, Score

Measure: TypeAlias = Callable[[Image], torch.Tensor]
"""How strong a grad, or a band of it, is: one positive number for each image of the batch, (b, 1, 1, 1)."""


def laplacian_normalized(
    gradient: Gradient, levels: int = 4, strength: float = 0.5, measure: Measure | None = None
) -> Gradient:
    """Every frequency band of the grad divided by its root mean square to the power `strength`.

    1 makes all bands equally strong (the TensorFlow notebook of 2016), which paints heavy light and dark; 0 changes
    nothing. `measure` says how strong a band is, finest first, where that is not its own root mean square.
    """
    measure = measure or rms

    def evened(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        bands = laplacian_split(grad, levels)
        return score, laplacian_merge(bands, [measure(band) ** -strength for band in bands])

    return evened if levels > 1 and strength else gradient


def normalized(gradient: Gradient, by: str = "std", measure: Measure | None = None) -> Gradient:
    """The grad divided by its standard deviation ("std", the paper) or mean absolute value ("mean-abs", Google 2015).

    One scale for each image of the batch, so that one step size suits every picture, layer and network. `measure` says
    the scale where it is not the grad's own.
    """
    if by not in SCALES:
        raise SettingsError(f"normalization by {by!r}; expected one of {', '.join(SCALES)}")
    scale = measure or SCALES[by]

    def scaled(image: Image) -> tuple[Score, Image]:
        score, grad = gradient(image)
        return score, grad / scale(grad)

    return scaled if by != "none" else gradient


# A gradient of nothing stays nothing. Far below the tutorial's 1e-8, which the mean over a large picture reaches.
TINY = 1e-30


def rms(grad: Image) -> Tensor:
    if native.takes_planes(grad):
        _, squares, _ = native.moments(grad)
        return scale_of(squares.sqrt())
    norm: Tensor = torch.linalg.vector_norm(grad, dim=(1, 2, 3))
    return scale_of(norm / math.sqrt(grad[0].numel()))


def std(grad: Image) -> Tensor:
    if native.takes_planes(grad):
        mean, squares, _ = native.moments(grad)
        return scale_of((squares - mean * mean).clamp_min(0).sqrt())
    return scale_of(grad.std((1, 2, 3), correction=0))


def mean_abs(grad: Image) -> Tensor:
    return scale_of(native.moments(grad)[2] if native.takes_planes(grad) else grad.abs().mean((1, 2, 3)))


def scale_of(strength: Float[Tensor, " b"]) -> Float[Tensor, "b 1 1 1"]:
    return strength.float().clamp_min(TINY)[:, None, None, None]


SCALES: dict[str, Measure] = {"std": std, "mean-abs": mean_abs, "none": torch.ones_like}
