"""Objectives for a direction of a layer: a vector over its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import ChannelTerm, Objective, Term, make_term_objective


@dataclass(frozen=True)
class DirectionTerm(Term):
    """The projection of each place's activations on a direction, a sparse vector over the channels."""

    parts: tuple[tuple[int, float], ...] = ()
    """The channels with a weight (number, weight); all others have the weight 0."""
    cosine: bool = False
    """Whether to score the cosine of the angle to the activations, not the dot product, which grows with them."""

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        numbers = [number for number, _ in self.parts]
        if not 0 <= min(numbers) <= max(numbers) < activations.shape[1]:
            raise WordingError(f"{self}: {self.layer} has the channels 0 to {activations.shape[1] - 1}")
        weights = torch.tensor([weight for _, weight in self.parts], device=activations.device)
        dot: Tensor = torch.einsum("bchw,c->bhw", activations[:, numbers], weights)
        if not self.cosine:
            return dot
        # Activations of zero have no angle, and the square root no slope at 0: the small number keeps both finite.
        lengths: Tensor = (activations.square().sum(1) + MIN_SQUARED_LENGTH).sqrt() * weights.norm()  # (b, h, w)
        return dot / lengths

    def __str__(self) -> str:
        channels = sum(
            (weight * make_term_objective(ChannelTerm(self.layer, number)) for number, weight in self.parts),
            EMPTY_OBJECTIVE,
        )
        return f"{'cos' if self.cosine else 'dot'}({channels})"


MIN_SQUARED_LENGTH = 1e-6
"""What is added to the squared length of the activations."""

EMPTY_OBJECTIVE = Objective(())
"""The objective without terms, to which others are added."""


def direction(name: str, vector: Sequence[float] | Tensor, cosine: bool = False) -> Objective:
    """A direction of a layer: the mean dot product of `vector` with the activations, or with `cosine` the mean cosine.

    `vector` (c,) has one weight for each channel of the layer. Raises `SettingsError` if all are zero; the score raises
    `WordingError` if the layer has fewer channels.

    >>> import torch
    >>> import reverie as rv
    >>> model, image = rv.load_model(), rv.open_image("examples/astronaut.jpg")
    >>> seen = model(image, ["fire5"])["fire5"].float().mean((0, 2, 3))  # (c,)
    >>> score, grad = rv.gradient_of(model, rv.direction("fire5", seen, cosine=True))(image)
    """
    weights = torch.as_tensor(vector).double().tolist()
    return make_direction(name, [(number, weight) for number, weight in enumerate(weights) if weight], cosine)


def make_direction(name: str, parts: Sequence[tuple[int, float]], cosine: bool) -> Objective:
    """The direction given by some channels (number, weight) of a layer; raises `SettingsError` for none."""
    if not parts:
        raise SettingsError(f"the direction of {name} is zero: give a channel a weight")
    return make_term_objective(DirectionTerm(name, tuple(parts), cosine))
