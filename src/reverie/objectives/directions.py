"""Objectives for a direction of a layer: a vector over its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import ChannelTerm, Objective, Term, make_term_objective
from reverie.objectives.checks import read_whole_number
from reverie.objectives.places import check_place, format_place


@dataclass(frozen=True)
class DirectionTerm(Term):
    """The projection of each place's activations on a direction, a sparse vector over the channels."""

    parts: tuple[tuple[int, float], ...] = ()
    """The channels with a weight (number, weight); all others have the weight 0."""
    cosine: bool = False
    """Whether to score the cosine of the angle to the activations, not the dot product, which grows with them."""
    cosine_power: int = 0
    """The power of the cosine by which the dot product is multiplied."""
    length: int = field(default=0, compare=False)
    """How many channels the vector was given for; 0: not known, and not checked."""

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        check_length(self.length, activations.shape[1], self.layer)
        numbers = [number for number, _ in self.parts]
        if not 0 <= min(numbers) <= max(numbers) < activations.shape[1]:
            raise WordingError(f"{self}: {self.layer} has the channels 0 to {activations.shape[1] - 1}")
        weights = activations.new_tensor([weight for _, weight in self.parts])
        dot: Tensor = torch.einsum("bchw,c->bhw", activations[:, numbers], weights)
        return score_dot(dot, activations, weights.norm(), self.cosine, self.cosine_power)

    def __str__(self) -> str:
        channels = sum(
            (weight * make_term_objective(ChannelTerm(self.layer, number)) for number, weight in self.parts),
            EMPTY_OBJECTIVE,
        )
        return format_direction(str(channels), self.cosine, self.cosine_power) + format_place(self.place)


MIN_SQUARED_LENGTH = 1e-6
"""What is added to the squared length of the activations."""

MIN_COSINE = 0.1
"""The least cosine that a dot product is multiplied by: below it the gradient is that of the dot product alone."""

ALLOWED_COSINE_POWERS = range(9)
"""The exponents that a cosine can be raised to."""

EMPTY_OBJECTIVE = Objective(())
"""The objective without terms, to which others are added."""


def direction(
    name: str,
    vector: Sequence[float] | Tensor,
    cosine: bool = False,
    cosine_power: SupportsIndex = 0,
    place: Sequence[SupportsIndex] | str | None = None,
) -> Objective:
    """A direction of a layer: the mean dot product of `vector` with the activations, or with `cosine` the mean cosine.

    `vector` (c,) has one weight for each channel of the layer. `cosine_power` p multiplies the dot product by
    max(0.1, cosine) ** p, which leads to the direction itself and not to whatever is large (after lucid's activation
    atlas). `place`, in neurons of the layer's grid: (y, x), a rectangle (y, x, height, width), or "middle"; None for
    everywhere. Raises `SettingsError` if all weights are zero; the score raises `WordingError` if the layer has another
    number of channels, `ImageTooSmall` if its grid has no such place.

    >>> import reverie as rv
    >>> print(rv.direction("fire8", [0.5, 0, -1], cosine_power=2, place=(3, 4)))
    dot(0.5*fire8:0 - fire8:2)*cos^2@3,4
    """
    weights = torch.as_tensor(vector).detach().double().flatten().tolist()
    parts = tuple((number, weight) for number, weight in enumerate(weights) if weight)
    term = DirectionTerm(name, parts, cosine, check_cosine_power(cosine_power, cosine), len(weights))
    return make_direction(term, place)


def make_direction(term: DirectionTerm, place: Any = None) -> Objective:
    """The objective of a direction at a place; raises `SettingsError` for one without a channel."""
    if not term.parts:
        raise SettingsError(f"the direction of {term.layer} is zero: give a channel a weight")
    where = check_place(place)
    own = DirectionTerm(term.layer, term.parts, term.cosine, term.cosine_power, term.length, place=where)
    return make_term_objective(own)


def check_cosine_power(power: Any, cosine: bool) -> int:
    """The power of the cosine beside a dot product; raises `SettingsError` for one that is not allowed."""
    number = read_whole_number(power)
    if number is None or number not in ALLOWED_COSINE_POWERS or (cosine and number):
        beside = "; a cosine alone has none" if cosine else ""
        raise SettingsError(f"a cosine to the power {power!r}; expected a whole number from 0 to 8{beside}")
    return number


def check_length(length: int, channels: int, layer: str) -> None:
    """Raises `WordingError` where a direction was given for another number of channels; a length of 0 is not known."""
    if length not in (0, channels):
        raise WordingError(
            f"a direction of {length} numbers for {layer}, which has {channels} channels; expected as many"
        )


def score_dot(
    dot: Float[Tensor, "b h w"], activations: Float[Tensor, "b c h w"], length: Tensor, cosine: bool, power: int
) -> Float[Tensor, "b h w"]:
    """A dot product of each place's activations, its cosine, or it times max(0.1, cosine) ** power.

    `length` is that of the other vector, for all places or for each (h, w).
    """
    if not cosine and not power:
        return dot
    # Activations of zero have no angle, and the square root no slope at 0: the small number keeps both finite.
    lengths: Tensor = (activations.square().sum(1) + MIN_SQUARED_LENGTH).sqrt() * length  # (b, h, w)
    angle = dot / lengths
    return angle if cosine else dot * angle.clamp_min(MIN_COSINE) ** power


def format_direction(vector: str, cosine: bool, power: int) -> str:
    """A direction in words: `cos(...)`, `dot(...)` or `dot(...)*cos^2`."""
    return f"cos({vector})" if cosine else f"dot({vector})" + (f"*cos^{power}" if power else "")
