"""What a dream wishes for, as values.

An `Objective` is a weighted sum of terms. Each term reads one layer and gives one score per image; the sum is always
climbed, never descended, so a penalty is an objective subtracted. `+`, `-` and `*` return new objectives:

    wish = layer("fire8", power=2) + 0.5 * channel("fire5", 12) - 0.1 * total_variation()
    score = wish(model(image, wish.layers))

`str(wish)` puts it in the words that `reverie.objectives.parser` reads. What only a network can say (which channel a
class is) is left open until `wish.resolved(model)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, WordingError
from reverie.types import Model, Score

POWERS = range(1, 9)
PLAIN_NAME = re.compile(r"[A-Za-z_][\w./]*")
"""A layer's name that the wording reads without quotes."""


@dataclass(frozen=True)
class Term:
    """One wish at one layer: how excited each place of its grid is, and what share each place has in the score."""

    layer: str
    additive: ClassVar[bool] = True
    """Whether the score is the sum of `excitement * share` over the places; else it needs the whole grid at once."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it needs, by the names they were given."""
        return ()

    def resolved(self, model: Model) -> Objective:
        """What it comes to for one network: terms that read layers, and nothing else."""
        return single(self)

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        """How much of what is wished for each place has. Reads no place but its own, or its next neighbor."""
        raise NotImplementedError

    def share(self, grid: tuple[int, int]) -> Float[Tensor, "h w"]:
        """What each place of the whole picture's grid (height, width) counts: the same for all, 1 together."""
        return torch.full((1, 1), 1 / (grid[0] * grid[1])).expand(grid)

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        share = self.share((activations.shape[2], activations.shape[3])).to(activations.device)
        return (self.excitement(activations) * share).sum((1, 2))


@dataclass(frozen=True)
class LayerTerm(Term):
    """The mean of a layer's activations (the paper's), or of their squares (Google 2015, up to a factor)."""

    power: int = 1

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        in_memory_order = activations.permute(0, 2, 3, 1)  # channels last: else the way back reads across it
        return raised(in_memory_order, self.power).mean(3)

    def __str__(self) -> str:
        return quoted(self.layer) + power_word(self.power)


@dataclass(frozen=True)
class ChannelTerm(Term):
    """The mean of one channel: one feature, everywhere."""

    channel: int = 0
    power: int = 1

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        if not 0 <= self.channel < activations.shape[1]:
            raise WordingError(f"{self}: {self.layer} has the channels 0 to {activations.shape[1] - 1}")
        return raised(activations[:, self.channel], self.power)

    def __str__(self) -> str:
        return f"{quoted(self.layer)}:{self.channel}{power_word(self.power)}"


@dataclass(frozen=True)
class NeuronTerm(ChannelTerm):
    """One channel at one place of the layer's grid (row y, column x), or in its middle."""

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
        return f"{quoted(self.layer)}:{self.channel}@{place}{power_word(self.power)}"


@runtime_checkable
class Wish(Protocol):
    """What the pictures of a batch can be scored by: an `Objective` for all of them, or one for each (`PerImage`).

    The `Regions` of a picture are none: they share `resolved`, but each has a gradient, and so a score, of its own.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers it reads, each once."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it needs, each once, by the names they were given."""

    def resolved(self, model: Model) -> Wish:
        """The same in layers of one network."""

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; differentiable."""


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms. Frozen; arithmetic returns new ones."""

    terms: tuple[tuple[float, Term], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers it reads, each once."""
        return tuple(dict.fromkeys(term.layer for _, term in self.terms))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it needs, each once, by the names they were given."""
        return tuple(dict.fromkeys(file for _, term in self.terms for file in term.files))

    def resolved(self, model: Model) -> Objective:
        """The same wish in layers of one network; raises `UnknownName` for a class or a layer that it does not have."""
        return Objective(
            tuple((weight * own, found) for weight, term in self.terms for own, found in term.resolved(model).terms)
        )

    @property
    def objective(self) -> Objective:
        """Itself: what the wishes of several regions come to as well."""
        return self

    def without(self, layer: str) -> Objective:
        """Without the terms that read a layer."""
        return Objective(tuple((weight, term) for weight, term in self.terms if term.layer != layer))

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; differentiable."""
        read = {name: activations[name].float() for name in self.layers}
        scores = [weight * term(read[term.layer]) for weight, term in self.terms]
        return torch.stack(scores).sum(0)

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        return Objective(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        return self + (-other)

    def __neg__(self) -> Objective:
        return -1 * self

    def __mul__(self, weight: float) -> Objective:
        if not isinstance(weight, (int, float)):
            return NotImplemented
        weighted = Objective(tuple((float(weight) * own, term) for own, term in self.terms))
        if not all(math.isfinite(own) for own, _ in weighted.terms):
            raise SettingsError(f"a weight of {weight!r} on {self}; expected one that leaves it finite")
        return weighted

    __rmul__ = __mul__

    def __str__(self) -> str:
        words = "".join(
            f"{' - ' if weight < 0 else ' + '}{weight_word(abs(weight))}{term}" for weight, term in self.terms
        )
        return words.removeprefix(" + ") if not words.startswith(" - ") else "-" + words[3:]


def layer(name: str, power: int = 1) -> Objective:
    """The mean over a layer of its activations to the `power`: 1 as the paper, 2 as Google's notebook."""
    return single(LayerTerm(name, checked_power(power)))


def channel(name: str, number: int, power: int = 1) -> Objective:
    """The mean of channel `number` of a layer."""
    return single(ChannelTerm(name, checked_place("channel", number), checked_power(power)))


def neuron(name: str, number: int, place: tuple[int, int] | None = None, power: int = 1) -> Objective:
    """Channel `number` of a layer at one place (y, x) of its grid; in the middle unless told."""
    number = checked_place("channel", number)
    if place is not None:
        place = (checked_place("row", place[0]), checked_place("column", place[1]))
    return single(NeuronTerm(name, number, checked_power(power), place))


def single(term: Term) -> Objective:
    """The objective that is one term."""
    return Objective(((1.0, term),))


def raised(activations: Tensor, power: int) -> Tensor:
    return activations if power == 1 else activations.pow(power)


def checked_power(power: Any) -> int:
    if not isinstance(power, int) or power not in POWERS:
        raise SettingsError(f"a power of {power!r}; expected a whole number from {POWERS[0]} to {POWERS[-1]}")
    return power


def checked_place(what: str, number: Any) -> int:
    if not isinstance(number, int) or number < 0:
        raise SettingsError(f"the {what} {number!r}; expected a whole number from 0 up")
    return number


def power_word(power: int) -> str:
    return "" if power == 1 else f"^{power}"


def weight_word(weight: float) -> str:
    return "" if weight == 1 else f"{weight!r}*".replace(".0*", "*")


WORDS = ("tv", "l1", "l2", "keep", "class", "logit", "guide", "guide_mean", "diversity", "cos", "dot")
"""What the wording takes for itself; a layer called so is put in quotes."""


def quoted(name: str) -> str:
    """A layer's name as the wording reads it: in quotes where it would be taken for a number or a word of its own."""
    return name if PLAIN_NAME.fullmatch(name) and name not in WORDS else f'"{name}"'
