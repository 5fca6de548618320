"""One objective for each image of a batch, so that many features are visualized at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.scorer import REFERENCE_LAYER, Reference
from reverie.types import Model, Score


@dataclass(frozen=True)
class PerImage:
    """Scores each image of a batch by an objective of its own, in order.

    It is no `Objective`, and has no arithmetic: in a sum of two of them, or a multiple, it would not be clear which
    image each part belongs to. Add and weight the objectives before.
    """

    objectives: tuple[Objective, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that any of the objectives reads, pseudo-layers included, each once."""
        return tuple(dict.fromkeys(name for each in self.objectives for name in each.layers))

    @property
    def references(self) -> dict[str, tuple[Reference, str]]:
        """The pictures that any of them compares its image with, and at which layer, by pseudo-layer."""
        return {name: pair for each in self.objectives for name, pair in each.references.items()}

    @property
    def files(self) -> tuple[str, ...]:
        """The files that any of them reads, each once, as their paths were given."""
        return tuple(dict.fromkeys(file for each in self.objectives for file in each.files))

    def resolved(self, model: Model) -> PerImage:
        """The same for one network, classes and guides looked up; raises what `Objective.resolved` raises."""
        return per_image([each.resolved(model) for each in self.objectives])

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; raises `SettingsError` for a batch of another length."""
        own = {name: seen for name, seen in activations.items() if not name.startswith(REFERENCE_LAYER)}
        for feature_maps in own.values():  # (b, c, h, w)
            if len(feature_maps) != len(self.objectives):
                raise SettingsError(
                    f"{len(feature_maps)} pictures for {len(self.objectives)} wishes; expected one for each"
                )
        # Without such terms an image's score does not depend on the others: it becomes the picture it would be alone.
        alone = [
            score_alone(objective, {**activations, **{name: seen[number : number + 1] for name, seen in own.items()}})
            for number, objective in enumerate(self.objectives)
        ]
        scores = torch.cat(alone)  # (b,)
        for term, weights in self.batch_terms.items():
            members = torch.tensor(list(weights), device=scores.device)
            shared = make_term_objective(term)({**activations, **{name: own[name][members] for name in term.layers}})
            scores = scores.index_add(0, members, shared * shared.new_tensor(list(weights.values())))
        return scores

    @property
    def batch_terms(self) -> dict[Term, dict[int, float]]:
        """The terms over a batch, each with the images whose objectives have it, and its weight in them.

        Such a term sees these images alone: what one of them wishes changes no picture that does not wish it.
        """
        found: dict[Term, dict[int, float]] = {}
        for number, objective in enumerate(self.objectives):
            for weight, term in objective.terms:
                if term.batchwide:
                    weights = found.setdefault(term, {})
                    weights[number] = weights.get(number, 0) + weight
        return found

    def __str__(self) -> str:
        return "; ".join(map(str, self.objectives))


def per_image(objectives: Sequence[Objective]) -> PerImage:
    """The scorer that applies the first objective to the first image of a batch, and so on."""
    return PerImage(tuple(objectives))


def score_alone(objective: Objective, activations: Mapping[str, Tensor]) -> Score:
    """The score of the terms that are no terms over a batch; 0 where there are none."""
    alone = Objective(tuple((weight, term) for weight, term in objective.terms if not term.batchwide))
    return alone(activations) if alone.terms else torch.zeros_like(next(iter(activations.values())).flatten()[:1])


def number_noises(objectives: Sequence[Objective]) -> list[int]:
    """Which noise each image of a batch shall begin from, by number.

    The first one for all, so that an image becomes what it would be alone; but for an objective with terms over a batch
    each its own. Images that begin alike stay alike: their difference has no gradient.
    """
    further = itertools.count()
    return [next(further) if objective.batchwide else 0 for objective in objectives]
