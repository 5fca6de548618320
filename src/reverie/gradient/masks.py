"""Masks in a gradient: each region of the image has a gradient of its own, and the masks weigh their sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.gradient.normalization import Measure
from reverie.image.filters import blur_sphere, gaussian_blur
from reverie.image.resample import resize, resize_sphere_mask
from reverie.objectives.masks import Mask
from reverie.types import Gradient, Image, Score

RegionWeights: TypeAlias = Callable[[tuple[int, int]], Float[Tensor, "_n 1 _h _w"]]
"""weights((height, width)) -> the mask of a region at that size of the image, (1 or b, 1, height, width), 0..1."""


def soft(mask: Mask, feather: float = 0, around: bool = False) -> RegionWeights:
    """A mask as a function of the image's size (height, width), its edges blurred.

    `mask`: (1, 1, h, w), 0..1. `feather`: the sigma of the blur as a share of the longest side. `around`: the image is
    an equirectangular panorama. The mask of the last size is cached, because an octave has many steps of one size.

    Returns a function of (height, width) that gives the mask there, (1, 1, height, width), 0..1.

    >>> import torch
    >>> import reverie as rv
    >>> weights = rv.soft(torch.ones(1, 1, 4, 4), feather=0.02)
    >>> weights((24, 32)).shape
    torch.Size([1, 1, 24, 32])
    """
    return SoftMask(mask, feather, around)


@dataclass(eq=False)
class SoftMask:
    """weights((height, width)) -> the mask at that size, its edges blurred; the last one is kept."""

    mask: Mask
    feather: float = 0
    around: bool = False
    _last: tuple[tuple[int, int], Mask] | None = field(default=None, repr=False)

    def __call__(self, size: tuple[int, int]) -> Float[Tensor, "1 1 _h _w"]:
        if self._last is None or self._last[0] != size:
            self._last = size, fit_mask(self.mask, size, self.feather, self.around)
        return self._last[1]


def fit_mask(mask: Mask, size: tuple[int, int], feather: float = 0, around: bool = False) -> Float[Tensor, "1 1 _h _w"]:
    """The mask resized to (height, width) and blurred, (1, 1, height, width); the arguments are those of `soft`.

    On a panorama the blur crosses the left and right edge, and covers the same angle near the poles as elsewhere.
    """
    sigma = feather * max(size)
    if not around:
        weights = resize(mask, size).clamp(0, 1)
        return gaussian_blur(weights, sigma) if sigma else weights
    weights = resize_sphere_mask(mask, size).clamp(0, 1)
    return blur_sphere(weights, sigma).clamp(0, 1) if sigma else weights


def restrict_measure(weights: RegionWeights, measure: Measure) -> Measure:
    """A measure of the grad inside a region alone: where the mask is at least half of its maximum.

    A small or calm region would else be normalized by the strength of the whole image, and dream more weakly.
    """
    return partial(measure_inside, weights, measure)


def measure_inside(weights: RegionWeights, measure: Measure, grad: Image) -> Tensor:
    """What a measure says of a grad where the mask is at least half of its maximum."""
    inside = weights((grad.shape[-2], grad.shape[-1])).to(grad.device)[0, 0]
    # The pixels inside have no rectangular shape: (b, 3, n), given as an image of one row, (b, 3, 1, n).
    return measure(grad[:, :, inside >= inside.max() / 2][:, :, None])


def regional(gradients: Sequence[Gradient], regions: Sequence[RegionWeights]) -> Gradient:
    """One gradient from several: each grad is multiplied by the mask of its region, and all are added up.

    `gradients` and `regions` belong together in order; `soft` makes the latter from masks. The score is the sum of the
    regions' scores. Where masks add up to more than 1, the sum is divided by that, so that a step is no larger there.

    >>> import torch
    >>> import reverie as rv
    >>> left = torch.zeros(1, 1, 32, 32)
    >>> left[..., :16] = 1
    >>> gradient = rv.gradient_of(rv.load_model(), rv.layer("fire2"))
    >>> score, grad = rv.regional([gradient], [rv.soft(left)])(torch.rand(1, 3, 32, 32))
    >>> bool(grad[..., 16:].any())
    False
    """
    return partial(sum_regions, tuple(gradients), tuple(regions))


def sum_regions(gradients: Sequence[Gradient], regions: Sequence[RegionWeights], image: Image) -> tuple[Score, Image]:
    """The sum of the regions' scores, and of their grads, each multiplied by its mask."""
    weights = [region((image.shape[-2], image.shape[-1])).to(image.device) for region in regions]  # (1, 1, h, w)
    covered = torch.stack(weights).sum(0).clamp_min(1)
    total, grads = torch.zeros(len(image), device=image.device), torch.zeros_like(image)
    for gradient, weight in zip(gradients, weights, strict=True):
        score, grad = gradient(image)
        total, grads = total + score, grads + weight / covered * grad
    return total, grads


def confine_to_regions(
    dreamed: Image, photo: Image, weights: Sequence[Float[Tensor, "_n 1 _h _w"]], least: float = 0
) -> Image:
    """The dream where the mask of any region is above `least`, and the photograph elsewhere, (b, 3, h, w).

    The gradient is zero outside of the masks, but resizing the detail from a smaller octave spreads it beyond their
    edges, by the width of the resampling kernel.
    """
    covered = torch.stack([weight.to(dreamed.device) > least for weight in weights]).any(0)
    return torch.where(covered, dreamed, photo)
