"""Penalties on the pixels: distance to the photograph, contrast, total variation, roughness, a busy border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.checks import check_index, read_whole_number
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


def contrast(power: SupportsIndex = 2) -> Objective:
    """The mean distance of the pixels from middle gray to the power 1 or 2, in shades of 0..255. Subtract it.

    These are the L1 and L2 penalties, `l1` and `l2` in words. Raises `SettingsError` for another power.

    >>> import reverie as rv
    >>> str(rv.layer("fire8") - 0.1 * rv.contrast(2))
    'fire8 - 0.1*l2'
    """
    number = read_whole_number(power)
    if number is None or number not in (1, 2):
        raise SettingsError(f"a contrast to the power {power!r}; expected 1 or 2")
    return make_term_objective(ContrastTerm(power=number))


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


@dataclass(frozen=True)
class BlurTerm(Term):
    """The mean squared difference between the image and its blur, which is held fixed, in shades of 0..255."""

    layer: str = IMAGE_LAYER

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        return (255 * (activations - blur_box(activations, 3).detach())).square().mean(1)

    def __str__(self) -> str:
        return "blur"


@dataclass(frozen=True)
class BoundaryTerm(Term):
    """How busy and how far from gray the border of the image is, in shades of 0..255."""

    layer: str = IMAGE_LAYER
    width: int = 20
    """The width of the border in pixels."""

    @property
    def placed(self) -> bool:
        return True

    def share(self, grid: tuple[int, int]) -> Float[Tensor, "h w"]:
        share = torch.full(grid, 1 / (grid[0] * grid[1]))
        share[self.width : grid[0] - self.width, self.width : grid[1] - self.width] = 0
        return share

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        rough = (255 * (blur_box(activations, 5) - activations)).square()
        return (rough + 0.8 * (255 * (activations - 0.5)).square()).mean(1)

    def __str__(self) -> str:
        return "boundary" if self.width == BoundaryTerm.width else f"boundary:{self.width}"


def blur_box(image: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c h w"]:
    """The mean of the `side` x `side` pixels around each, those at the rim of the square counted half.

    Pixels beyond the image's edge do not count.
    """
    kernel = image.new_full((1, 1, side, side), 0.5)
    kernel[..., 1:-1, 1:-1] = 1
    planes = image.flatten(0, 1)[:, None]  # (b * c, 1, h, w)
    weights = torch.nn.functional.conv2d(torch.ones_like(planes[:1]), kernel, padding=side // 2)
    return (torch.nn.functional.conv2d(planes, kernel, padding=side // 2) / weights).view_as(image)


def blur_penalty() -> Objective:
    """The mean squared difference between the image and its own blur, in shades of 0..255. Subtract it.

    The blur (3 x 3 pixels) is held fixed, so that a step along the gradient blurs. After lucid's
    `blur_input_each_step`, which is half of the sum: ours times 3 * h * w / (2 * 255**2).

    >>> import reverie as rv
    >>> print(rv.channel("fire8", 61) - 0.01 * rv.blur_penalty())
    fire8:61 - 0.01*blur
    """
    return make_term_objective(BlurTerm())


def boundary_complexity(width: SupportsIndex = 20) -> Objective:
    """How busy the border of the image is, `width` pixels wide: squared distance to its blur and to gray. Subtract it.

    The mean over the image of (x - blur(x))**2 + 0.8 * (x - 0.5)**2, counted in the border alone, in shades of 0..255.
    After lucid's `penalize_boundary_complexity`, which is minus the sum: ours times -3 * h * w / 255**2. Raises
    `SettingsError` for a width below 1.

    >>> import reverie as rv
    >>> print(rv.channel("fire8", 61) - 0.001 * rv.boundary_complexity(16))
    fire8:61 - 0.001*boundary:16
    """
    pixels = check_index("width of a boundary", width)
    if not pixels:
        raise SettingsError("a boundary of 0 pixels; expected 1 or more")
    return make_term_objective(BoundaryTerm(width=pixels))
