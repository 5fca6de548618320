"""The covariance of the colors of natural images, for color correlation and decorrelated color."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# A square root L of the covariance of RGB values over ImageNet (covariance = L @ L.T), as measured by lucid
# (tensorflow/lucid, optvis/param/color.py). Its columns are the color axes: light, red-blue, green.
COLOR_COVARIANCE_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def color_covariance() -> Float[Tensor, "3 3"]:
    """Return the covariance of natural colors, scaled to the Frobenius norm of the identity, the square root of 3.

    So it has the scale of the identity, with which `mix_color_covariance` interpolates it.
    """
    root = torch.tensor(COLOR_COVARIANCE_ROOT)
    covariance = root @ root.T
    scaled: Tensor = covariance * (3**0.5 / covariance.norm())
    return scaled


def mix_color_covariance(share: float) -> Float[Tensor, "3 3"]:
    """Interpolate between the identity (`share` 0, neon colors) and `color_covariance` (`share` 1, almost gray)."""
    return share * color_covariance() + (1 - share) * torch.eye(3)


def color_covariance_root() -> Float[Tensor, "3 3"]:
    """Return the matrix that turns decorrelated colors into RGB: the covariance's root, its longest column scaled to 1.

    The scale is lucid's.
    """
    root = torch.tensor(COLOR_COVARIANCE_ROOT)
    scaled: Tensor = root / root.norm(dim=0).max()
    return scaled
