"""Penalties on the pixels: distance to the photograph, contrast, total variation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.types import CHANGE_LAYER, IMAGE_LAYER


@dataclass(frozen=True)
class KeepTerm(Term):
    """Minus the mean squared difference between image and photograph, in shades of 0..255."""

    layer: str = CHANGE_LAYER

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        return -(255 * activations).square().mean(1)

    def __str__(self) -> str:
        return "keep"


@dataclass(frozen=True)
class ContrastTerm(Term):
    """The mean distance of the pixels from middle gray, or of its square, in shades of 0..255."""

    layer: str = IMAGE_LAYER
    power: int = 2

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        return (255 * (activations - 0.5)).abs().pow(self.power).mean(1)

    def __str__(self) -> str:
        return f"l{self.power}"


def keep() -> Objective:
    """Nearness to the photograph: minus the mean squared difference. Add it: `layer("fire8", 2) + 0.2 * keep()`.

    Its gradient is not that of the sum: the wrapper `kept` adds it to the normalized grad of the other terms, so that
    a weight means the same for all layers and networks.

    >>> import reverie as rv
    >>> str(rv.layer("fire8") + 0.5 * rv.keep())
    'fire8 + 0.5*keep'
    """
    return make_term_objective(KeepTerm())


def sum_keep_weights(objective: Objective) -> float:
    """The weight of `keep` in an objective, 0 if it is not in it."""
    return sum(weight for weight, term in objective.terms if isinstance(term, KeepTerm))


def contrast(power: int = 2) -> Objective:
    """The mean distance of the pixels from middle gray to the power 1 or 2, in shades of 0..255. Subtract it.

    These are the L1 and L2 penalties, `l1` and `l2` in words. Raises `SettingsError` for another power.

    >>> import reverie as rv
    >>> str(rv.layer("fire8") - 0.1 * rv.contrast(2))
    'fire8 - 0.1*l2'
    """
    if power not in (1, 2):
        raise SettingsError(f"a contrast to the power {power!r}; expected 1 or 2")
    return make_term_objective(ContrastTerm(power=power))


@dataclass(frozen=True)
class TotalVariationTerm(Term):
    """Anisotropic total variation: absolute differences between neighboring pixels, summed over the colors.

    In shades of 0..255, as in the tools of 2015, so that `0.1*tv` is of the order of the mean square of a deep layer.
    """

    layer: str = IMAGE_LAYER

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        # Padded with zeros: the last row and column have no neighbor, and the grid keeps the image's size.
        down = torch.nn.functional.pad(activations.diff(dim=2), (0, 0, 0, 1))
        right = torch.nn.functional.pad(activations.diff(dim=3), (0, 1))
        return 255 * (down.abs() + right.abs()).sum(1)

    def __str__(self) -> str:
        return "tv"


def total_variation() -> Objective:
    """Total variation: the mean absolute difference between neighboring pixels, in shades of 0..255. Subtract it.

    >>> import reverie as rv
    >>> str(rv.layer("fire8") - 0.1 * rv.total_variation())
    'fire8 - 0.1*tv'
    """
    return make_term_objective(TotalVariationTerm())
