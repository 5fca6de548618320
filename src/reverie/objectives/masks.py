"""A wish for each region of the picture: masks.

    wishes = masked("fire8^2", sky) + masked("class:jellyfish", sea)

Every region has a gradient of its own, through its own jitter and bands. They meet outside of all that, where the mask
lies still on the picture: each grad is measured within its mask, so that a small or quiet region dreams as strongly as
any, and weighs nothing outside of it. What no mask covers stays as it is.
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
"""How much each place of a picture belongs to a region, 0..1; of any size."""

LUMA = (0.2126, 0.7152, 0.0722)  # of sRGB, Rec. 709


@dataclass(frozen=True, eq=False)
class Regions:
    """What to dream of, region by region; `+` puts regions together."""

    regions: tuple[tuple[Objective, Mask], ...]

    @property
    def objective(self) -> Objective:
        """All their wishes as one, for the whole picture: what a dream of regions is scored by."""
        return Objective(tuple(term for objective, _ in self.regions for term in objective.terms))

    def resolved(self, model: Model) -> Regions:
        """The same in layers of one network."""
        return Regions(tuple((objective.resolved(model), mask) for objective, mask in self.regions))

    def __add__(self, other: Regions) -> Regions:
        return Regions(self.regions + other.regions)


def masked(objective: Objective | str, mask: Tensor) -> Regions:
    """The wish for a region alone. `mask`: 0..1, (h, w) or with leading ones, of any size; raises `SettingsError`."""
    wish = objective_in_words(objective) if isinstance(objective, str) else objective
    if mask.ndim < 2 or mask.numel() != mask.shape[-1] * mask.shape[-2] or not mask.numel():
        raise SettingsError(f"a mask of the shape {tuple(mask.shape)}; expected (height, width)")
    weights = mask.detach().float().reshape(1, 1, *mask.shape[-2:])
    if not bool(weights.isfinite().all()) or float(weights.min()) < 0 or float(weights.max()) > 1:
        raise SettingsError("a mask with values outside of 0..1")
    if float(weights.max()) == 0:
        raise SettingsError("the mask is empty: it is black everywhere")
    return Regions(((wish, weights),))


def mask_of(photo: Photo) -> Mask:
    """A picture as a mask: what is opaque, or in a picture without anything clear, what is light."""
    if photo.alpha is not None and float(photo.alpha.min()) < 1:
        return photo.alpha
    return light(photo.image)


def light(image: Image) -> Float[Tensor, "b 1 h w"]:
    """How light each place of an image is, 0..1."""
    weights = torch.tensor(LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).clamp(0, 1)


def check_shape(mask: tuple[int, int], size: tuple[int, int]) -> None:
    """A word to the log where a mask (height, width) is not of the picture's shape, and so is stretched."""
    (height, width), (own_height, own_width) = size, mask
    if abs(own_width * height / (own_height * width) - 1) > 0.02:
        log.warning(
            "a mask of %d x %d pixels is stretched over a picture of %d x %d", own_width, own_height, width, height
        )
