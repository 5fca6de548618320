"""Wishes about nearness and distance: to the photograph, to plain gray, of the pictures of a batch to each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, single
from reverie.types import CHANGE, IMAGE


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


def keep() -> Objective:
    """Nearness to the photograph. Add it: `layer("fire8", 2) + 0.2 * keep()`; how `kept` weighs it is said there."""
    return single(KeepTerm())


def weight_of_keep(objective: Objective) -> float:
    """The weight that nearness to the photograph has in a wish."""
    return sum(weight for weight, term in objective.terms if isinstance(term, KeepTerm))


def contrast(power: int = 2) -> Objective:
    """The mean distance of the pixels from middle gray, to the power 1 or 2 (the L1 and L2 penalties). Subtract it."""
    if power not in (1, 2):
        raise SettingsError(f"a contrast to the power {power!r}; expected 1 or 2")
    return single(ContrastTerm(power=power))


@dataclass(frozen=True)
class TotalVariationTerm(Term):
    """How rough the picture is: what neighboring pixels differ by, in shades of 0..255, summed over the colors.

    In shades, as the 2015 tools count, so that `0.1*tv` weighs something beside the square of a deep layer.
    """

    layer: str = IMAGE

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        down = torch.nn.functional.pad(activations.diff(dim=2), (0, 0, 0, 1))
        right = torch.nn.functional.pad(activations.diff(dim=3), (0, 1))
        return 255 * (down.abs() + right.abs()).sum(1)

    def __str__(self) -> str:
        return "tv"


def total_variation() -> Objective:
    """Roughness: the mean absolute difference of neighboring pixels, in shades of 0..255. Subtract it."""
    return single(TotalVariationTerm())
