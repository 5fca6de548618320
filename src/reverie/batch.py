"""A wish for each picture of a batch: many features are climbed at once, each picture as if it were alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives import Objective
from reverie.types import Model, Score


@dataclass(frozen=True)
class Apart(Objective):
    """The first wish is for the first picture, the second for the second. `terms` are those of all of them."""

    wishes: tuple[Objective, ...] = ()

    def resolved(self, model: Model) -> Objective:
        return apart([wish.resolved(model) for wish in self.wishes])

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,); raises `SettingsError` for a batch of another length."""
        for planes in activations.values():
            if len(planes) != len(self.wishes):
                raise SettingsError(f"{len(planes)} pictures for {len(self.wishes)} wishes; expected one for each")
        scores = [
            wish({name: activations[name][number : number + 1] for name in wish.layers})
            for number, wish in enumerate(self.wishes)
        ]
        return torch.cat(scores)

    def __str__(self) -> str:
        return "; ".join(map(str, self.wishes))


def apart(wishes: Sequence[Objective]) -> Apart:
    """One wish for each picture of a batch, in order. Arithmetic is done on the wishes, before."""
    return Apart(tuple(term for wish in wishes for term in wish.terms), tuple(wishes))
