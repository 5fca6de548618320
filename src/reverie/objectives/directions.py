"""Wishes for many channels at once: directions of a layer, and the features of guide pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import ChannelTerm, Objective, Term, single


@dataclass(frozen=True)
class DirectionTerm(Term):
    """A direction of a layer: the channels (number, weight) that it is made of; the others weigh nothing.

    Its excitement is the dot product with the activations of a place, which grows with them, or with `cosine` the
    cosine of the angle to them, which does not.
    """

    parts: tuple[tuple[int, float], ...] = ()
    cosine: bool = False

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        numbers = [number for number, _ in self.parts]
        if not 0 <= min(numbers) <= max(numbers) < activations.shape[1]:
            raise WordingError(f"{self}: {self.layer} has the channels 0 to {activations.shape[1] - 1}")
        weights = torch.tensor([weight for _, weight in self.parts], device=activations.device)
        dot: Tensor = torch.einsum("bchw,c->bhw", activations[:, numbers], weights)
        if not self.cosine:
            return dot
        # Where nothing is excited there is no angle; the small number keeps its slope finite.
        lengths: Tensor = (activations.square().sum(1) + TINY).sqrt() * weights.norm()
        return dot / lengths

    def __str__(self) -> str:
        channels = sum((weight * single(ChannelTerm(self.layer, number)) for number, weight in self.parts), NOTHING)
        return f"{'cos' if self.cosine else 'dot'}({channels})"


TINY = 1e-6
NOTHING = Objective(())


def direction(name: str, vector: Sequence[float] | Tensor, cosine: bool = False) -> Objective:
    """A direction of a layer, `vector` (c,) one weight for each of its channels: its dot product, or its cosine."""
    weights = torch.as_tensor(vector).double().tolist()
    return along(name, [(number, weight) for number, weight in enumerate(weights) if weight], cosine)


def along(name: str, parts: Sequence[tuple[int, float]], cosine: bool) -> Objective:
    """The direction of some channels (number, weight) of a layer."""
    if not parts:
        raise SettingsError(f"the direction of {name} is zero: give a channel a weight")
    return single(DirectionTerm(name, tuple(parts), cosine))
