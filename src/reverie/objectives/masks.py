"""An objective for each region of the image, given by masks.

    regions = masked("fire8^2", sky) + masked("class:jellyfish", sea)

Every region has a gradient of its own, with its own jitter and Laplacian normalization. The masks are applied outside
of those, where the image does not move under them. Each grad is normalized by its strength inside the mask, so that
small and calm regions dream as strongly as others, and is zero outside. What no mask covers stays as it is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.image.reading import Photo
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective as objective_in_words
from reverie.types import Image, Model

log = logging.getLogger("reverie")

Mask: TypeAlias = Float[Tensor, "1 1 h w"]
"""How much each pixel belongs to a region, 0..1; of any size, it is resized to the image."""

LUMA_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""The weights of red, green and blue in the luma of sRGB (Rec. 709)."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Objectives, each with the mask of its region; `+` joins the regions of two.

    >>> import torch
    >>> import reverie as rv
    >>> left = torch.zeros(4, 4)
    >>> left[:, :2] = 1
    >>> regions = rv.masked("fire2^2", left) + rv.masked("fire3^2", 1 - left)
    >>> rv.dream(torch.rand(1, 3, 48, 48), rv.load_model(), regions, rv.Settings(steps=1)).shape
    torch.Size([1, 3, 48, 48])
    """

    regions: tuple[tuple[Objective, Mask], ...]

    @property
    def objective(self) -> Objective:
        """The sum of all objectives, without masks: the score reported for the whole image."""
        return Objective(tuple(term for objective, _ in self.regions for term in objective.terms))

    def resolved(self, model: Model) -> Regions:
        """The same for one network, classes and guides looked up; raises what `Objective.resolved` raises."""
        return Regions(tuple((objective.resolved(model), mask) for objective, mask in self.regions))

    def __add__(self, other: Regions) -> Regions:
        return Regions(self.regions + other.regions)


def masked(objective: Objective | str, mask: Tensor) -> Regions:
    """An objective for one region of the image; `+` joins it with those for other regions.

    `mask`: (h, w) or (1, 1, h, w), of any size, 0 outside of the region to 1 inside. Raises `SettingsError` for a mask
    of another shape, with other values, or without a region, and `WordingError` for words that cannot be parsed.

    >>> import torch
    >>> import reverie as rv
    >>> middle = torch.zeros(48, 48)
    >>> middle[16:32, 16:32] = 1
    >>> image = torch.rand(1, 3, 48, 48)
    >>> dreamed = rv.dream(image, rv.load_model(), rv.masked("fire2^2", middle), rv.Settings(steps=1, feather=0))
    >>> torch.equal(dreamed[..., :8], image[..., :8])
    True
    """
    parsed = objective_in_words(objective) if isinstance(objective, str) else objective
    if mask.ndim < 2 or mask.numel() != mask.shape[-1] * mask.shape[-2] or not mask.numel():
        raise SettingsError(f"a mask of the shape {tuple(mask.shape)}; expected (height, width)")
    weights = mask.detach().float().reshape(1, 1, *mask.shape[-2:])
    if not bool(weights.isfinite().all()) or float(weights.min()) < 0 or float(weights.max()) > 1:
        raise SettingsError("a mask with values outside of 0..1")
    if float(weights.max()) == 0:
        raise SettingsError("the mask is empty: it is black everywhere")
    return Regions(((parsed, weights),))


def extract_mask(photo: Photo) -> Mask:
    """The mask in a picture: its alpha channel, or if all of it is opaque, its brightness."""
    if photo.alpha is not None and float(photo.alpha.min()) < 1:
        return photo.alpha
    return compute_luma(photo.image)


def compute_luma(image: Image) -> Float[Tensor, "b 1 h w"]:
    """The luma of each pixel, 0..1."""
    weights = torch.tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).clamp(0, 1)


def make_gray(image: Image) -> Image:
    """The image in shades of gray: each pixel's luma, in all three channels."""
    return compute_luma(image).expand(-1, 3, -1, -1).contiguous()


def warn_if_stretched(mask: tuple[int, int], size: tuple[int, int]) -> None:
    """Logs a warning if a mask (height, width) has another aspect ratio than the picture, `size` (height, width).

    Up to 2 % are taken for the rounding of a resized picture.
    """
    (height, width), (own_height, own_width) = size, mask
    if abs(own_width * height / (own_height * width) - 1) > 0.02:
        log.warning(
            "a mask of %d x %d pixels is stretched over a picture of %d x %d", own_width, own_height, width, height
        )
