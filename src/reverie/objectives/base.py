"""The objective that gradient ascent maximizes: a weighted sum of terms, each a function of one layer's activations.

The score is always maximized, so that a penalty is an objective subtracted. `+`, `-` and `*` return new objectives,
and `str` gives the words that `reverie.objectives.parser` reads:
    wanted = layer("fire8", power=2) + 0.5 * channel("fire5", 12) - 0.1 * total_variation()
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError, WordingError
from reverie.models.layer_names import rename_layers
from reverie.objectives.checks import check_index, check_power, read_weight
from reverie.objectives.places import Place, check_place, format_place, weigh_place
from reverie.objectives.scorer import Reference, raise_to_power, to_single_precision
from reverie.objectives.wording import format_power, format_weight, quote_name
from reverie.types import Model, Score


@dataclass(frozen=True)
class Term:
    """One summand of an objective: a score per image, computed from the activations of one layer.

    A subclass defines `excitement`, a value for each place of the layer's grid, and the score is the mean over the
    places; it may override `share`, the weight of each place, or be called for the score itself (`additive` is False).
    """

    layer: str
    place: Place | None = field(default=None, kw_only=True)
    """Where in the layer's grid; None for everywhere."""
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

    @property
    def placed(self) -> bool:
        """Whether the share of a neuron depends on where in the grid it is."""
        return self.place is not None

    @property
    def storable(self) -> bool:
        """Whether `str` gives words that the parser reads, so that a recipe can hold the term."""
        return True

    @property
    def references(self) -> tuple[Reference, ...]:
        """The pictures whose activations are read beside the image's."""
        return ()

    def relocated(self, places: Mapping[str, str]) -> Term:
        """The term with its files read from elsewhere: `places` maps the paths as given to those to read."""
        return self

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        """The value of each place of the grid; it depends on the activations there and at near neighbors alone."""
        raise NotImplementedError

    def excitement_of(self, activations: Mapping[str, Tensor]) -> Float[Tensor, "b h w"]:
        """The value of each place, from the activations of all layers that are read, references included."""
        return self.excitement(activations[self.layer])

    def share(self, grid: tuple[int, int]) -> Float[Tensor, "h w"]:
        """The weight of each neuron in the score, 1 in all, for the grid (height, width) of the whole image."""
        if self.place is not None:
            return weigh_place(self.place, grid, f"{self}: at this size {self.layer}")
        return torch.full((1, 1), 1 / (grid[0] * grid[1])).expand(grid)  # one number in memory, whatever the grid

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        """The score of each image (b,), from the activations of its layer."""
        return self.score({self.layer: activations})

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        """The score of each image (b,), from the activations of all layers that are read, references included."""
        excitement = self.excitement_of(activations)
        share = self.share((excitement.shape[1], excitement.shape[2])).to(excitement)
        return (excitement * share).sum((1, 2))


@dataclass(frozen=True)
class LayerTerm(Term):
    """The mean of a layer's activations (the paper's), or of their squares (Google 2015, up to a factor)."""

    power: int = 1

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        # (b, h, w, c), the order in memory: with the channels elsewhere the backward pass would read across it.
        in_memory_order = activations.permute(0, 2, 3, 1)
        return raise_to_power(in_memory_order, self.power).mean(3)

    def __str__(self) -> str:
        return quote_name(self.layer) + format_place(self.place) + format_power(self.power)


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
    """A channel at one place of the layer's grid: a neuron, or a rectangle of neurons."""

    def __str__(self) -> str:
        return f"{quote_name(self.layer)}:{self.channel}{format_place(self.place)}{format_power(self.power)}"


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms: what gradient ascent maximizes.

    Objectives are frozen values. `a + b`, `a - b`, `-a`, `2 * a`, `a / 2` and `sum([a, b])` return new ones, and score
    as arithmetic says; a weight is a number of Python, numpy or torch. `str(a)` is text that `reverie.objective` reads
    back.

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
        terms = rename_layers(self.terms, model)
        return Objective(
            tuple((weight * own, found) for weight, term in terms for own, found in term.resolved(model).terms)
        )

    @property
    def references(self) -> dict[str, tuple[Reference, str]]:
        """The pictures whose activations are read beside the image's, and at which layer, by pseudo-layer."""
        pairs = [(each, name) for _, term in self.terms for each in term.references for name in term.layers]
        return {reference.at(name): (reference, name) for reference, name in pairs}

    def relocated(self, places: Mapping[str, str]) -> Objective:
        """The objective with its files read from elsewhere: `places` maps the paths as given to those to read."""
        return Objective(tuple((weight, term.relocated(places)) for weight, term in self.terms))

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
        names = (*self.layers, *self.references)
        precise = {name: to_single_precision(activations[name]) for name in names}
        scores = [weight * term.score(precise) for weight, term in self.terms]
        return torch.stack(scores).sum(0)  # (b,)

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms) if isinstance(other, Objective) else NotImplemented

    def __radd__(self, other: int) -> Objective:
        return self if isinstance(other, int) and other == 0 else NotImplemented  # `sum` begins at 0

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


def layer(name: str, power: SupportsIndex = 1, place: Sequence[SupportsIndex] | str | None = None) -> Objective:
    """The mean of a layer's activations to the `power`: 1 as in the paper, 2 as in Google's notebook of 2015.

    `power`: 1 to 8, else `SettingsError`. `place`, in neurons of the layer's grid: all channels at (y, x), in the
    rectangle (y, x, height, width), or in the "middle"; None for everywhere. Whether the layer exists is seen only when
    a model is given.

    >>> import reverie as rv
    >>> print(rv.layer("fire8", power=2), rv.layer("fire8", place=(3, 4, 2, 2)), sep="; ")
    fire8^2; fire8@3,4,2,2
    """
    return make_term_objective(LayerTerm(name, check_power(power), place=check_place(place)))


def channel(name: str, number: SupportsIndex, power: SupportsIndex = 1) -> Objective:
    """The mean of channel `number` (from 0) of a layer to the `power`: one feature, everywhere in the image.

    Raises `SettingsError` for a negative number, or a power other than 1 to 8.

    >>> import reverie as rv
    >>> str(rv.channel("fire5", 12))
    'fire5:12'
    """
    return make_term_objective(ChannelTerm(name, check_index("channel", number), check_power(power)))


def neuron(
    name: str, number: SupportsIndex, place: Sequence[SupportsIndex] | None = None, power: SupportsIndex = 1
) -> Objective:
    """One neuron: channel `number` of a layer at the place (y, x) of its grid, in the middle by default.

    A place (y, x, height, width) is a rectangle of neurons, whose mean is taken (after lucid's `localgroup`). Places
    are in neurons, not in pixels. Raises `SettingsError` as `channel` does, and the score `ImageTooSmall` off the grid.

    >>> import reverie as rv
    >>> print(rv.neuron("fire8", 61), rv.neuron("fire8", 61, (3, 7)), sep="; ")
    fire8:61@; fire8:61@3,7
    """
    number = check_index("channel", number)
    return make_term_objective(NeuronTerm(name, number, check_power(power), place=check_place(place) or ()))


def make_term_objective(term: Term) -> Objective:
    """The objective that consists of one term, with the weight 1."""
    return Objective(((1.0, term),))
