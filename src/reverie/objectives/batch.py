"""Objectives for batches: one for each image, so that many features are visualized at once, and diversity."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.wording import quote_name
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
    def files(self) -> tuple[str, ...]:
        """The files that any of them reads, each once, as their paths were given."""
        return tuple(dict.fromkeys(file for each in self.objectives for file in each.files))

    def resolved(self, model: Model) -> PerImage:
        """The same for one network, classes and guides looked up; raises what `Objective.resolved` raises."""
        return per_image([each.resolved(model) for each in self.objectives])

    def __call__(self, activations: Mapping[str, Tensor]) -> Score:
        """One score per image (b,), float32; raises `SettingsError` for a batch of another length."""
        for feature_maps in activations.values():  # (b, c, h, w)
            if len(feature_maps) != len(self.objectives):
                raise SettingsError(
                    f"{len(feature_maps)} pictures for {len(self.objectives)} wishes; expected one for each"
                )
        # Without such terms an image's score does not depend on the others: it becomes the picture it would be alone.
        alone = [
            score_alone(objective, {name: seen[number : number + 1] for name, seen in activations.items()})
            for number, objective in enumerate(self.objectives)
        ]
        scores = torch.cat(alone)  # (b,)
        for term, weights in self.batch_terms.items():
            members = torch.tensor(list(weights), device=scores.device)
            own = make_term_objective(term)({name: activations[name][members] for name in term.layers})  # (m,)
            scores = scores.index_add(0, members, own * own.new_tensor(list(weights.values())))
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
    return alone(activations) if alone.terms else next(iter(activations.values())).new_zeros(1).float()


def number_noises(objectives: Sequence[Objective]) -> list[int]:
    """Which noise each image of a batch shall begin from, by number.

    The first one for all, so that an image becomes what it would be alone; but for an objective with terms over a batch
    each its own. Images that begin alike stay alike: their difference has no gradient.
    """
    further = itertools.count()
    return [next(further) if objective.batchwide else 0 for objective in objectives]


@dataclass(frozen=True)
class DiversityTerm(Term):
    """How different the images of a batch are: minus the mean cosine between their Gram matrices at a layer.

    As in lucid. Each image is compared with every other; a single one scores 0.
    """

    additive: ClassVar[bool] = False
    batchwide: ClassVar[bool] = True

    def __call__(self, activations: Float[Tensor, "b c h w"]) -> Score:
        features = activations.flatten(2)  # (b, c, h * w)
        grams = torch.nn.functional.normalize((features @ features.mT).flatten(1), dim=1)  # (b, c * c), of length 1
        cosines = grams @ grams.T  # (b, b)
        others = max(1, len(activations) - 1)
        return (cosines.diagonal() - cosines.sum(1)) / others  # an image's likeness to itself does not count

    def __str__(self) -> str:
        return f"diversity:{quote_name(self.layer)}"


def diversity(name: str) -> Objective:
    """How different the images of a batch are at layer `name`: minus the mean cosine between their Gram matrices.

    Add it to an objective of a batch, so that each image shows another facet of the same feature.

    >>> import reverie as rv
    >>> str(rv.channel("fire8", 61) + 50 * rv.diversity("fire5"))
    'fire8:61 + 50*diversity:fire5'
    """
    return make_term_objective(DiversityTerm(name))
