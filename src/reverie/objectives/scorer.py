"""What an objective is to a gradient: a function of activations, and of those of pictures to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from reverie.types import Image, Model, Score


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture whose activations a term reads beside those of the image."""

    image: Image
    """(1, 3, h, w), of any size: it is cropped and resized to the image's."""
    file: str = ""
    """The path as it was given; empty for a picture in memory."""

    def at(self, layer: str) -> str:
        """The pseudo-layer under which a term finds its activations at a layer."""
        return f"{REFERENCE_LAYER} {id(self)} {layer}"


REFERENCE_LAYER = ".reference"
"""What the pseudo-layers of references begin with."""


@runtime_checkable
class Scorer(Protocol):
    """A function that scores each image of a batch by its activations: an `Objective`, or one per image (`PerImage`).

    `Regions` are no scorer, although they have `resolved`: each region has a gradient, and so a score, of its own.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read, pseudo-layers included, each once."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are read, each once, as their paths were given."""

    @property
    def references(self) -> Mapping[str, tuple[Reference, str]]:
        """The pictures whose activations are read beside the image's, and at which layer, by pseudo-layer."""

    def resolved(self, model: Model) -> Scorer:
        """The same scorer for one network, its classes and guides looked up."""

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; differentiable."""


def to_single_precision(activations: Tensor) -> Tensor:
    """The activations in float32, or in float64 if they are: bfloat16 has too few digits for the mean of a layer."""
    return activations if activations.dtype == torch.float64 else activations.float()


def raise_to_power(activations: Tensor, power: int) -> Tensor:
    """The activations to the power; for the power 1 no copy is made, nor saved for the backward pass."""
    return activations if power == 1 else activations.pow(power)
