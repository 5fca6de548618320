"""A gradient for each region of the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.gradient.normalization import Measure
from reverie.image.filters import blur, blur_around
from reverie.image.resample import resize, resize_mask_around
from reverie.objectives.masks import Mask
from reverie.types import Gradient, Image, Score

Weights: TypeAlias = Callable[[tuple[int, int]], Float[Tensor, "_n 1 _h _w"]]
"""The same for a picture of some size (height, width)."""


def soft(mask: Mask, feather: float = 0, around: bool = False) -> Weights:
    """The mask for every size of a picture; what was made for the last one is kept, since an octave has many steps."""
    return lru_cache(1)(lambda size: fitted(mask, size, feather, around))


def fitted(mask: Mask, size: tuple[int, int], feather: float = 0, around: bool = False) -> Float[Tensor, "1 1 _h _w"]:
    """The mask at the size of a picture, its edges blurred by a share of the longest side.

    `around`: the picture is a sphere's. Its left and right edge are neighbors, and the blur is as wide at a pole.
    """
    sigma = feather * max(size)
    if not around:
        weights = resize(mask, size).clamp(0, 1)
        return blur(weights, sigma) if sigma else weights
    weights = resize_mask_around(mask, size).clamp(0, 1)
    return blur_around(weights, sigma).clamp(0, 1) if sigma else weights


def within(weights: Weights, measure: Measure) -> Measure:
    """How strong a grad is in a region: where the region weighs at least half of what it weighs at most."""

    def measured(grad: Image) -> Tensor:
        inside = weights((grad.shape[-2], grad.shape[-1])).to(grad.device)[0, 0]
        return measure(grad[:, :, inside >= inside.max() / 2][:, :, None])

    return measured


def regional(gradients: Sequence[Gradient], regions: Sequence[Weights]) -> Gradient:
    """The gradients of regions as one, each times what its region weighs (`soft` makes that of a mask).

    Where regions overlap, their gradients share the step that one of them would take.
    """

    def together(image: Image) -> tuple[Score, Image]:
        weights = [region((image.shape[-2], image.shape[-1])).to(image.device) for region in regions]
        covered = torch.stack(weights).sum(0).clamp_min(1)
        total, grads = torch.zeros(len(image), device=image.device), torch.zeros_like(image)
        for gradient, weight in zip(gradients, weights, strict=True):
            score, grad = gradient(image)
            total, grads = total + score, grads + weight / covered * grad
        return total, grads

    return together


def confine(dreamed: Image, photo: Image, weights: Sequence[Float[Tensor, "_n 1 _h _w"]], least: float = 0) -> Image:
    """The dream where any region weighs more than `least`; elsewhere the photograph itself.

    Enlarged from a smaller octave, what was dreamed at the edge of a region reaches beyond it, as far as the kernel.
    """
    covered = torch.stack([weight.to(dreamed.device) > least for weight in weights]).any(0)
    return torch.where(covered, dreamed, photo)
