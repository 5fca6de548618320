"""The objective that gradient ascent maximizes: a weighted sum of terms, each a function of one layer's activations.

The score is always maximized, so that a penalty is an objective subtracted. `+`, `-` and `*` return new objectives,
and `str` gives the words that `reverie.objectives.parser` reads:
    wanted = layer("fire8", power=2) + 0.5 * channel("fire5", 12) - 0.1 * total_variation()
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, SupportsFloat, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, WordingError
from reverie.objectives.checks import check_index, check_place, check_power, read_weight
from reverie.objectives.wording import format_power, format_weight, quote_name
from reverie.types import Model, Score


@dataclass(frozen=True)
class Term:
    """One summand of an objective: a score per image, computed from the activations of one layer.

    A subclass defines `excitement`, a value for each place of the layer's grid, and the score is the mean over the
    places; it may override `share`, the weight of each place, or be called for the score itself (`additive` is False).
    """

    layer: str
    additive: ClassVar[bool] = True
    """Whether the score is the sum of `excitement * share` over the places, and so can be computed in tiles."""
    batchwide: ClassVar[bool] = False
    """Whether an image's score depends on the other images of its batch."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read, pseudo-layers included: one, unless a subclass reads several."""
        return (self.layer,)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the term reads, as their paths were given."""
        return ()

    def resolved(self, model: Model) -> Objective:
        """The term for one network, as an objective whose terms need nothing but activations.

        A class is replaced by its channel, a guide's file by the features of its picture.
        """
        return make_term_objective(self)

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        """The value of each place of the grid; it depends on the activations there and at direct neighbors alone."""
        raise NotImplementedError

    def share(self, grid: tuple[int, int]) -> Float[Tensor, "h w"]:
        """The weight of each place in the score, for the grid (height, width) of the whole image; here 1 / (h * w)."""
        return torch.full((1, 1), 1 / (grid[0] * grid[1])).expand(grid)  # one number in memory, whatever the grid

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        """The score of each image, (b,)."""
        share = self.share((activations.shape[2], activations.shape[3])).to(activations.device)
        return (self.excitement(activations) * share).sum((1, 2))

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        """The score of each image (b,), from the activations of all layers that are read."""
        return self(activations[self.layer])


@dataclass(frozen=True)
class LayerTerm(Term):
    """The mean of a layer's activations (the paper's), or of their squares (Google 2015, up to a factor)."""

    power: int = 1

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        # (b, h, w, c), the order in memory: with the channels elsewhere the backward pass would read across it.
        in_memory_order = activations.permute(0, 2, 3, 1)
        return raise_to_power(in_memory_order, self.power).mean(3)

    def __str__(self) -> str:
        return quote_name(self.layer) + format_power(self.power)


@dataclass(frozen=True)
class ChannelTerm(Term):
    """The mean of one channel to a power: one feature, everywhere in the image."""

    channel: int = 0
    power: int = 1

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        if not 0 <= self.channel < activations.shape[1]:
            raise WordingError(f"{self}: {self.layer} has the channels 0 to {activations.shape[1] - 1}")
        return raise_to_power(activations[:, self.channel], self.power)

    def __str__(self) -> str:
        return f"{quote_name(self.layer)}:{self.channel}{format_power(self.power)}"


@dataclass(frozen=True)
class NeuronTerm(ChannelTerm):
    """One neuron: a channel at one place of the layer's grid (row y, column x), or in its middle."""

    place: tuple[int, int] | None = None

    def share(self, grid: tuple[int, int]) -> Float[Tensor, "h w"]:
        height, width = grid
        y, x = self.place or (height // 2, width // 2)
        if not (0 <= y < height and 0 <= x < width):
            rows_and_columns = f"the rows 0 to {height - 1} and the columns 0 to {width - 1}"
            raise ImageTooSmall(f"{self}: at this size {self.layer} has {rows_and_columns}")
        share = torch.zeros(grid)
        share[y, x] = 1
        return share

    def __str__(self) -> str:
        place = "" if self.place is None else f"{self.place[0]},{self.place[1]}"
        return f"{quote_name(self.layer)}:{self.channel}@{place}{format_power(self.power)}"


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

    def resolved(self, model: Model) -> Scorer:
        """The same scorer for one network, its classes and guides looked up."""

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; differentiable."""


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms: what gradient ascent maximizes.

    Objectives are frozen values. `a + b`, `a - b`, `-a`, `2 * a`, `a / 2` and `sum([a, b])` return new ones, and score
    as arithmetic says; a weight is a number of Python, numpy or torch. `str(a)` is text that `reverie.objective` reads
    back.

    Example:
        >>> import reverie as rv
        >>> wanted = rv.layer("fire8", power=2) + rv.channel("fire5", 12) / 2 - 0.1 * rv.total_variation()
        >>> str(wanted)
        'fire8^2 + 0.5*fire5:12 - 0.1*tv'
        >>> rv.objective(str(wanted)) == wanted
        True
    """

    terms: tuple[tuple[float, Term], ...]
    """Each term with its weight."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read, pseudo-layers included, each once."""
        return tuple(dict.fromkeys(name for _, term in self.terms for name in term.layers))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are read, each once, as their paths were given."""
        return tuple(dict.fromkeys(file for _, term in self.terms for file in term.files))

    def resolved(self, model: Model) -> Objective:
        """The same objective for one network, its classes and guides looked up.

        Raises `UnknownName` for a class that the network does not have, `WordingError` for one that it cannot have,
        `ImageFileError` and `ImageTooSmall` for a guide that cannot be used.
        """
        return Objective(
            tuple((weight * own, found) for weight, term in self.terms for own, found in term.resolved(model).terms)
        )

    @property
    def batchwide(self) -> bool:
        """Whether an image's score depends on the other images of its batch, as that of `diversity` does."""
        return any(term.batchwide for _, term in self.terms)

    @property
    def objective(self) -> Objective:
        """The objective itself; `Regions` has the same property, the sum of its objectives."""
        return self

    def without(self, layer: str) -> Objective:
        """The objective without the terms that read a layer; it may have none left."""
        return Objective(tuple((weight, term) for weight, term in self.terms if layer not in term.layers))

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; differentiable. `activations`: {layer: (b, c, h, w)}."""
        precise = {name: to_single_precision(activations[name]) for name in self.layers}
        scores = [weight * term.score(precise) for weight, term in self.terms]
        return torch.stack(scores).sum(0)  # (b,)

    def __add__(self, other: Objective | Literal[0]) -> Objective:
        if not isinstance(other, Objective):
            return self if isinstance(other, int) and other == 0 else NotImplemented  # `sum` begins at 0
        return Objective(self.terms + other.terms)

    __radd__ = __add__

    def __sub__(self, other: Objective) -> Objective:
        return self + (-other) if isinstance(other, Objective) else NotImplemented

    def __neg__(self) -> Objective:
        return -1 * self

    def __mul__(self, weight: SupportsFloat) -> Objective:
        factor = read_weight(weight)
        if factor is None:
            return NotImplemented
        weighted = Objective(tuple((factor * own, term) for own, term in self.terms))
        if not all(math.isfinite(own) for own, _ in weighted.terms):
            raise SettingsError(f"a weight of {weight!r} on {self}; expected one that leaves it finite")
        return weighted

    __rmul__ = __mul__

    def __truediv__(self, divisor: SupportsFloat) -> Objective:
        number = read_weight(divisor)
        if number is None:
            return NotImplemented
        if number == 0:
            raise SettingsError(f"{self} divided by 0; expected another number")
        return self * (1 / number)

    __array_ufunc__: ClassVar[None] = None
    """numpy leaves `np.float32(2) * objective` to `__rmul__`."""

    def __str__(self) -> str:
        words = "".join(
            f"{' - ' if weight < 0 else ' + '}{format_weight(abs(weight))}{term}" for weight, term in self.terms
        )
        return words.removeprefix(" + ") if not words.startswith(" - ") else "-" + words[3:]


def layer(name: str, power: int = 1) -> Objective:
    """The mean of a layer's activations to the `power`: 1 as in the paper, 2 as in Google's notebook of 2015.

    `power`: 1 to 8, else `SettingsError`. Whether the layer exists is seen only when a model is given.

    >>> import reverie as rv
    >>> str(rv.layer("fire8", power=2) + 0.5 * rv.layer("fire5"))
    'fire8^2 + 0.5*fire5'
    """
    return make_term_objective(LayerTerm(name, check_power(power)))


def channel(name: str, number: int, power: int = 1) -> Objective:
    """The mean of channel `number` (from 0) of a layer to the `power`: one feature, everywhere in the image.

    Raises `SettingsError` for a negative number, or a power other than 1 to 8.

    >>> import reverie as rv
    >>> str(rv.channel("fire5", 12))
    'fire5:12'
    """
    return make_term_objective(ChannelTerm(name, check_index("channel", number), check_power(power)))


def neuron(name: str, number: int, place: tuple[int, int] | None = None, power: int = 1) -> Objective:
    """One neuron: channel `number` of a layer at the place (y, x) of its grid, in the middle by default.

    The place is in neurons, not in pixels. Raises `SettingsError` as `channel` does; the score raises `ImageTooSmall`
    where the grid has no such place.

    >>> import reverie as rv
    >>> str(rv.neuron("fire8", 61, (3, 7)))
    'fire8:61@3,7'
    """
    number = check_index("channel", number)
    return make_term_objective(NeuronTerm(name, number, check_power(power), check_place(place)))


def make_term_objective(term: Term) -> Objective:
    """The objective that consists of one term, with the weight 1."""
    return Objective(((1.0, term),))


def to_single_precision(activations: Tensor) -> Tensor:
    """The activations in float32, or in float64 if they are: bfloat16 has too few digits for the mean of a layer."""
    return activations if activations.dtype == torch.float64 else activations.float()


def raise_to_power(activations: Tensor, power: int) -> Tensor:
    """The activations to the power; for the power 1 no copy is made, nor saved for the backward pass."""
    return activations if power == 1 else activations.pow(power)
