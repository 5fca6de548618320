"""The types that the modules exchange.

Image        float32 tensor (b, 3, h, w), sRGB, 0 black to 1 white, on any device
Activations  the outputs of a network's layers for an image: {layer: tensor (b, c, h, w)}
Score        one number for each image of a batch, (b,), always maximized
Model        model(image, layers) -> activations
Gradient     gradient(image) -> (score, grad): every feature of a dream wraps a function of this form
Step         one step of gradient ascent
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

Image: TypeAlias = Float[Tensor, "b 3 h w"]
ResizedImage: TypeAlias = Float[Tensor, "b 3 _h _w"]  # `_`: of another size than the image it was made from
Canvas: TypeAlias = Float[Tensor, "b ..."]  # what is climbed: an image, or the numbers that a picture is made of, 0..1
Score: TypeAlias = Float[Tensor, " b"]
Activations: TypeAlias = Mapping[str, Float[Tensor, "b _c _h _w"]]  # every layer has its own c, h, w
Gradient: TypeAlias = Callable[[Image], tuple[Score, Image]]

IMAGE_LAYER = ".image"
"""The pseudo-layer under which an objective reads the image itself (total variation does).

It begins with a dot, so that no layer of a network is called so.
"""

CHANGE_LAYER = ".change"
"""The pseudo-layer for the image minus the photograph resized to its size (`keep` reads it)."""


@runtime_checkable
class Model(Protocol):
    """A trained network that torch can differentiate, whichever framework runs it.

    The model does its own preprocessing and chooses its precision and memory format. It computes nothing above the
    highest layer asked for. Images of one batch never influence each other.

    >>> import torch
    >>> import reverie as rv
    >>> model = rv.load_model("squeezenet")
    >>> isinstance(model, rv.Model), model(torch.rand(1, 3, 64, 64), ["fire2"])["fire2"].shape
    (True, torch.Size([1, 128, 15, 15]))
    """

    @property
    def name(self) -> str:
        """The name given to `load_model`, e.g. "squeezenet"."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that can be read, from the input upward."""

    @property
    def device(self) -> torch.device:
        """The device of the weights; images must be on it."""

    @property
    def precision(self) -> str:
        """The type of the computation, "float32" or "bfloat16"; images and scores are always float32."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, in hexadecimal; recipes store it to recognize the network."""

    @property
    def parameters(self) -> Mapping[str, tuple[int, int]]:
        """The counts of (trainable, non-trainable) parameters of each top-level block, in order, as published."""

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        """The activations (b, c, h, w) of each layer asked for, attached to the image's autograd graph."""


class Classifier(Model, Protocol):
    """A model whose last layer is a classifier."""

    @property
    def classes(self) -> str:
        """The layer whose channels are the classes, before any ReLU."""

    @property
    def class_names(self) -> Sequence[str] | None:
        """The name of each class and its synonyms ("jay, blue jay"), in the order of the channels; None: ImageNet's."""

    def logits(self, image: Image) -> Float[Tensor, "b n"]:
        """The score of every class for each image, before the softmax."""


MAX_CONTINUATION = 64
"""The largest multiple, in pixels, to which an image is continued; more of it would be invented than seen."""


@dataclass(frozen=True)
class AcceptedSizes:
    """The sizes of images that a network takes, where it does not take any: one alone, or the multiples of a number.

    A model says so by its optional attribute `accepted_sizes`, which is None for one that takes any size, and by
    raising `SizeRefused` for all others. Such a model sees a picture of another size in windows of its own, or with
    the picture continued to the next multiple (`accept_any_size`).

    Example:
        >>> import reverie as rv
        >>> str(rv.AcceptedSizes((96, 128)))
        'pictures of 128 x 96 pixels only'
        >>> rv.AcceptedSizes((64, 64), multiple=32).takes(96, 160)
        True
    """

    size: tuple[int, int]
    """A (height, width) in pixels that it takes: the smallest that is known."""
    multiple: int | None = None
    """It takes every height and width, not below `size`, that are multiples of this number; None: `size` alone."""

    @property
    def in_windows(self) -> bool:
        """Whether an image of another size is seen in windows of `size`, and not continued to the next multiple."""
        return self.multiple is None or self.multiple > MAX_CONTINUATION

    def takes(self, height: int, width: int) -> bool:
        """Whether the network takes an image of that height and width in pixels."""
        if self.multiple is None:
            return (height, width) == self.size
        return (
            height >= self.size[0] and width >= self.size[1] and not (height % self.multiple or width % self.multiple)
        )

    def __str__(self) -> str:
        height, width = self.size
        if self.multiple is None:
            return f"pictures of {width} x {height} pixels only"
        return f"pictures from {width} x {height} pixels up whose sides are multiples of {self.multiple}"


@dataclass(frozen=True)
class Step:
    """One step of gradient ascent on the pixels, at one octave's size.

    >>> import torch
    >>> import reverie as rv
    >>> step, = rv.ascend(torch.rand(1, 3, 32, 32), rv.gradient_of(rv.load_model(), rv.layer("fire2")), 1, 0.01)
    >>> step.number, step.last, step.score.shape
    (0, True, torch.Size([1]))
    """

    image: Canvas
    """The picture after the step, (b, 3, h, w); (b, 4, h, w) where its alpha is climbed, too."""
    score: Score
    """The score (b,) of `before`, and so not of `image`: the gradient computed it on the way to the step."""
    number: int
    """Which step of its octave this is, from 0."""
    steps: int
    """The most steps that its octave has; it may end earlier (`Settings.max_score`)."""
    before: Canvas
    """The picture before the step, (b, 3, h, w): the one that `score` is of."""
    octave: int = 0
    """Which octave it belongs to, from 0, the smallest."""
    octaves: int = 1

    @property
    def last(self) -> bool:
        """Whether this is the last step of the last octave."""
        return self.octave == self.octaves - 1 and self.number == self.steps - 1
