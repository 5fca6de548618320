"""Color: how the colors of natural pictures go together."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# The root of the covariance of ImageNet's colors, measured by lucid (tensorflow/lucid, optvis/param/color.py).
ROOT_OF_COVARIANCE = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def color_covariance() -> Float[Tensor, "3 3"]:
    """The covariance of natural colors, as long as the identity (Frobenius norm the root of 3)."""
    root = torch.tensor(ROOT_OF_COVARIANCE)
    covariance = root @ root.T
    scaled: Tensor = covariance * (3**0.5 / covariance.norm())
    return scaled


def color_mix(share: float) -> Float[Tensor, "3 3"]:
    """Between the identity (0: neon) and the covariance of natural colors (1: almost gray)."""
    return share * color_covariance() + (1 - share) * torch.eye(3)


def color_root() -> Float[Tensor, "3 3"]:
    """From colors that vary independently to natural ones: the covariance's root, its longest column of length 1."""
    root = torch.tensor(ROOT_OF_COVARIANCE)
    scaled: Tensor = root / root.norm(dim=0).max()
    return scaled
