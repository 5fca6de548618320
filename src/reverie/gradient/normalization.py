"""Normalization of the grad: by one scale for the whole image, or for each band of a Laplacian pyramid."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native import kernels as native
from reverie.errors import SettingsError
from reverie.image.pyramid import merge_laplacian, split_laplacian
from reverie.types import Gradient, Image, Score

Measure: TypeAlias = Callable[[Image], torch.Tensor]
"""measure(grad) -> strength: one positive number for each image of the batch, as a divisor (b, 1, 1, 1)."""


def laplacian_normalized(
    gradient: Gradient, levels: int = 4, strength: float = 0.5, measure: Measure | None = None
) -> Gradient:
    """Laplacian normalization: divides each frequency band of the grad by its root mean square to the `strength`.

    `levels`: the number of bands; fewer than 2 change nothing. `strength`, 0..1: at 1 all bands are equally strong (the
    TensorFlow notebook of 2016), which paints heavy light and dark; at 0 nothing changes.
    `measure`: called for each band, finest first, in place of the root mean square.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.gradient_of(rv.load_model(), rv.layer("fire2"))
    >>> evened = rv.laplacian_normalized(gradient, levels=4, strength=1.0)
    >>> score, grad = evened(torch.rand(1, 3, 48, 48))
    """
    if levels < 2 or not strength:
        return gradient
    return partial(divide_bands, gradient, levels, strength, measure or root_mean_square)


def divide_bands(
    gradient: Gradient, levels: int, strength: float, measure: Measure, image: Image
) -> tuple[Score, Image]:
    """The gradient, each band of its grad divided by its own measure to the `strength`."""
    score, grad = gradient(image)
    bands = split_laplacian(grad, levels)
    # The inverse transform is linear, so that the bands' factors can be applied while it adds them up.
    return score, merge_laplacian(bands, [measure(band) ** -strength for band in bands])


def normalized(gradient: Gradient, by: str = "std", measure: Measure | None = None) -> Gradient:
    """Divides the grad by its standard deviation ("std", the paper) or mean absolute value ("mean-abs", Google 2015).

    Each image of the batch has a scale of its own, so that one step size suits every picture, layer and network.
    `by` "none" changes nothing; `measure` replaces the scale. Raises `SettingsError` for any other `by`.

    >>> import torch
    >>> import reverie as rv
    >>> gradient = rv.normalized(rv.gradient_of(rv.load_model(), rv.layer("fire2")))
    >>> score, grad = gradient(torch.rand(1, 3, 32, 32))
    >>> round(float(grad.std()), 3)
    1.0
    """
    if by not in SCALE_MEASURES:
        raise SettingsError(f"normalization by {by!r}; expected one of {', '.join(SCALE_MEASURES)}")
    return partial(divide_by_scale, gradient, measure or SCALE_MEASURES[by]) if by != "none" else gradient


def divide_by_scale(gradient: Gradient, scale: Measure, image: Image) -> tuple[Score, Image]:
    """The gradient, its grad divided by one number for each image."""
    score, grad = gradient(image)
    return score, grad / scale(grad)


MIN_SCALE = 1e-30
"""The smallest divisor, so that a zero grad stays zero.

Far below the 1e-8 of TensorFlow's tutorial, which the grad of a mean over a large picture can reach.
"""


def root_mean_square(grad: Image) -> Tensor:
    """The root mean square of each image's grad, (b, 1, 1, 1)."""
    if native.supports_planes(grad):
        _, squares, _ = native.measure_moments(grad)
        return make_divisor(squares.sqrt())
    norm: Tensor = torch.linalg.vector_norm(grad, dim=(1, 2, 3))
    return make_divisor(norm / math.sqrt(grad[0].numel()))


def standard_deviation(grad: Image) -> Tensor:
    """The standard deviation of each image's grad, (b, 1, 1, 1)."""
    if native.supports_planes(grad):
        mean, squares, _ = native.measure_moments(grad)
        # Rounding may leave a variance of nearly 0 slightly negative.
        return make_divisor((squares - mean * mean).clamp_min(0).sqrt())
    return make_divisor(grad.std((1, 2, 3), correction=0))


def mean_abs(grad: Image) -> Tensor:
    """The mean absolute value of each image's grad, (b, 1, 1, 1)."""
    return make_divisor(native.measure_moments(grad)[2] if native.supports_planes(grad) else grad.abs().mean((1, 2, 3)))


def make_divisor(strength: Float[Tensor, " b"]) -> Float[Tensor, "b 1 1 1"]:
    """The strengths as float32 divisors that broadcast over (b, 3, h, w), none of them 0."""
    return strength.float().clamp_min(MIN_SCALE)[:, None, None, None]


SCALE_MEASURES: dict[str, Measure] = {"std": standard_deviation, "mean-abs": mean_abs, "none": torch.ones_like}
"""How the scale of the whole grad is measured, by the names of `Settings.normalization`."""
