"""Wishes for many channels at once: directions of a layer, and the features of guide pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError, WordingError
from reverie.objectives import ChannelTerm, Objective, Term, single


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


@dataclass(frozen=True, eq=False)
class MatchTerm(Term):
    """For each place, the guide's feature that fits it best: the largest dot product with any of `features` (n, c).

    Google's guided dream (`objective_guide` of the 2015 notebook), averaged over the channels so that it weighs
    something beside the mean square of the same layer. `words` is what was wished for.
    """

    features: Float[Tensor, "n c"]
    words: str

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        found = self.features[best_matches(activations.detach(), self.features)]
        return (activations * found.permute(0, 3, 1, 2)).mean(1)

    def __str__(self) -> str:
        return self.words


PRODUCTS = 1 << 22
"""How many dot products are held at once: 16 MB."""


def best_matches(activations: Float[Tensor, "b c h w"], features: Float[Tensor, "n c"]) -> Tensor:
    """For each place the number (b, h, w) of the feature with the largest dot product."""
    places = activations.permute(0, 2, 3, 1).flatten(0, 2)
    pieces = torch.split(places, max(1, PRODUCTS // len(features)))
    best = [(piece @ features.T).argmax(1) for piece in pieces]
    return torch.cat(best).view(activations.shape[0], *activations.shape[2:])
