"""An objective for each picture of a batch: many features are climbed at once, each picture as if it were alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, quoted, single
from reverie.types import Model, Score


@dataclass(frozen=True)
class PerImage:
    """The first objective scores the first picture of a batch, the second the second.

    No `Objective` itself: a sum of two such lists, or one of them weighed, would not say which picture it is of.
    Arithmetic is done on the objectives, before.
    """

    objectives: tuple[Objective, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that they read, each once."""
        return tuple(dict.fromkeys(name for each in self.objectives for name in each.layers))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that they need, each once, by the names they were given."""
        return tuple(dict.fromkeys(file for each in self.objectives for file in each.files))

    def resolved(self, model: Model) -> PerImage:
        """The same in layers of one network; raises as `Objective.resolved` does."""
        return per_image([each.resolved(model) for each in self.objectives])

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,); raises `SettingsError` for a batch of another length."""
        for planes in activations.values():
            if len(planes) != len(self.objectives):
                raise SettingsError(f"{len(planes)} pictures for {len(self.objectives)} wishes; expected one for each")
        scores = [
            objective({name: activations[name][number : number + 1] for name in objective.layers})
            for number, objective in enumerate(self.objectives)
        ]
        return torch.cat(scores)

    def __str__(self) -> str:
        return "; ".join(map(str, self.objectives))


def per_image(objectives: Sequence[Objective]) -> PerImage:
    """One objective for each picture of a batch, in order."""
    return PerImage(tuple(objectives))


@dataclass(frozen=True)
class DiversityTerm(Term):
    """How unlike the pictures of a batch are: minus the mean cosine of their Gram matrices at a layer (after lucid).

    Each picture is held against every other; alone it scores nothing.
    """

    additive: ClassVar[bool] = False

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        features = activations.flatten(2)
        grams = torch.nn.functional.normalize((features @ features.mT).flatten(1), dim=1)
        alike = grams @ grams.T
        others = max(1, len(activations) - 1)
        return (alike.diagonal() - alike.sum(1)) / others

    def __str__(self) -> str:
        return f"diversity:{quoted(self.layer)}"


def diversity(name: str) -> Objective:
    """How unlike the pictures of a batch are at a layer."""
    return single(DiversityTerm(name))
