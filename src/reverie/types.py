"""The vocabulary: what flows between the modules.

Image        float32 tensor (b, 3, h, w), sRGB, 0 black to 1 white, on any device
Activations  what the layers of a network answer to it: {layer: tensor (b, c, h, w)}
Model        model(image, layers) -> activations
Gradient     gradient(image) -> (score, grad): the one narrow waist of the house
Step         one step of a dream
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

Image: TypeAlias = Float[Tensor, "b 3 h w"]
Resized: TypeAlias = Float[Tensor, "b 3 _h _w"]  # an image of another size than the one it was made from
Score: TypeAlias = Float[Tensor, " b"]
Activations: TypeAlias = Mapping[str, Float[Tensor, "b _c _h _w"]]  # of each layer its own
Gradient: TypeAlias = Callable[[Image], tuple[Score, Image]]

IMAGE = ".image"
"""The name under which an objective reads the picture itself, beside the layers (total variation does): no layer's."""

CHANGE = ".change"
"""The name under which it reads what the picture differs by from the photograph of the same size (`keep` does)."""


@runtime_checkable
class Model(Protocol):
    """A trained network: differentiable by torch, whatever framework runs it.

    It owns its preprocessing, precision and memory format, and computes nothing above the highest layer asked for.
    Images of one batch never influence each other.
    """

    @property
    def name(self) -> str:
        """What `load_model` was asked for, e.g. "squeezenet"."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its layers, lowest first."""

    @property
    def device(self) -> torch.device:
        """Where it computes; an image is expected there."""

    @property
    def precision(self) -> str:
        """ "float32" or "bfloat16": what it computes in. Images and scores are float32 always."""

    @property
    def digest(self) -> str:
        """SHA-256 of its weights, in hexadecimal: what a recipe remembers it by."""

    @property
    def parameters(self) -> Mapping[str, tuple[int, int]]:
        """For every top-level block, in order: its trainable and its non-trainable parameters, as published."""

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        """The activations of the layers asked for, each (b, c, h, w), attached to the image's graph."""


class Classifier(Model, Protocol):
    """A model that ends in a classifier."""

    @property
    def classes(self) -> str:
        """The layer whose channels are the classes, before any ReLU."""

    @property
    def class_names(self) -> Sequence[str] | None:
        """What they are called, each with its synonyms ("jay, blue jay"), in the channels' order; None: ImageNet's."""

    def logits(self, image: Image) -> Float[Tensor, "b n"]:
        """What every class of an image scores, before the softmax."""


@dataclass(frozen=True)
class Step:
    """One step of gradient ascent within a dream.

    `image` (b, 3, h, w) is the picture after the step, at its octave's size; `score` (b,) is what it had before
    (so the first step's score is the start's). `octave` and `number` count from 0.
    """

    image: Image
    score: Score
    number: int
    steps: int
    octave: int = 0
    octaves: int = 1

    @property
    def last(self) -> bool:
        """Whether the dream ends with this step."""
        return self.octave == self.octaves - 1 and self.number == self.steps - 1
