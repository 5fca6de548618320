"""Wishes about nearness and distance: to the photograph, to plain gray, of the pictures of a batch to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives import Objective, Term, quoted, single
from reverie.resample import Resize, resize
from reverie.types import CHANGE, IMAGE, Gradient, Image, Score


@dataclass(frozen=True)
class KeepTerm(Term):
    """How near the picture is to the photograph: minus the mean square of what they differ by, in shades of 0..255."""

    layer: str = CHANGE

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        return -(255 * activations).square().mean(1)

    def __str__(self) -> str:
        return "keep"


@dataclass(frozen=True)
class ContrastTerm(Term):
    """How far the pixels are from middle gray: the mean of their distance or of its square, in shades of 0..255."""

    layer: str = IMAGE
    power: int = 2

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        return (255 * (activations - 0.5)).abs().pow(self.power).mean(1)

    def __str__(self) -> str:
        return f"l{self.power}"


@dataclass(frozen=True)
class DiversityTerm(Term):
    """How unlike the pictures of a batch are: minus the mean cosine of their Gram matrices at a layer (after lucid).

    Each picture is held against every other; alone it scores nothing.
    """

    additive: ClassVar[bool] = False

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        features = activations.flatten(2)
        grams = torch.nn.functional.normalize((features @ features.mT).flatten(1), dim=1)
        alike = grams @ grams.T
        others = max(1, len(activations) - 1)
        return (alike.diagonal() - alike.sum(1)) / others

    def __str__(self) -> str:
        return f"diversity:{quoted(self.layer)}"


def keep() -> Objective:
    """Nearness to the photograph. Add it: `layer("fire8", 2) + 0.2 * keep()`; how `kept` weighs it is said there."""
    return single(KeepTerm())


def weight_of_keep(objective: Objective) -> float:
    """The weight that nearness to the photograph has in a wish."""
    return sum(weight for weight, term in objective.terms if isinstance(term, KeepTerm))


def kept(gradient: Gradient, photo: Image | None, weight: float, resize: Resize = resize) -> Gradient:
    """A normalized gradient, and beside it a pull back to the photograph, of any size, brought to the image's.

    The plain sum of the two scores would need another weight for every layer and network: the squares of fire8 outweigh
    the distance a thousandfold, the mean of fire8 is outweighed as much. So the pull is held against the normalized
    grad: at the weight 1 it is as strong where the picture is FAR from the photograph. Their weights together are 1,
    so that no weight makes a step overshoot the photograph. Raises `SettingsError` where there is no photograph.
    """
    if not weight:
        return gradient
    if photo is None:
        raise SettingsError("keep needs the photograph to stay near to: give it as photo")

    def pulled(image: Image) -> tuple[Score, Image]:
        change = image - resize(photo, (image.shape[-2], image.shape[-1]))
        score, grad = gradient(image)
        score = score + weight * KeepTerm()(change)
        return score, (grad - weight / FAR * change) / (1 + abs(weight))

    return pulled


FAR = 0.08
"""About as far as a dream goes at the defaults: 20 shades of 255."""


def contrast(power: int = 2) -> Objective:
    """The mean distance of the pixels from middle gray, to the power 1 or 2 (the L1 and L2 penalties). Subtract it."""
    if power not in (1, 2):
        raise SettingsError(f"a contrast to the power {power!r}; expected 1 or 2")
    return single(ContrastTerm(power=power))


def diversity(name: str) -> Objective:
    """How unlike the pictures of a batch are at a layer."""
    return single(DiversityTerm(name))
