"""Objectives over a batch of images: diversity, alignment, and the way from one objective to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.scorer import Reference
from reverie.objectives.wording import quote_name
from reverie.types import CHANGE_LAYER, Model, Score


@dataclass(frozen=True)
class DiversityTerm(Term):
    """How different the images of a batch are: minus the mean cosine between their Gram matrices at a layer."""

    additive: ClassVar[bool] = False
    batchwide: ClassVar[bool] = True

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        features = activations[self.layer].flatten(2)  # (b, c, h * w)
        grams = torch.nn.functional.normalize((features @ features.mT).flatten(1), dim=1)  # (b, c * c), of length 1
        cosines = grams @ grams.T  # (b, b)
        others = max(1, len(features) - 1)
        return (cosines.diagonal() - cosines.sum(1)) / others  # an image's likeness to itself does not count

    def __str__(self) -> str:
        return f"diversity:{quote_name(self.layer)}"


@dataclass(frozen=True)
class AlignmentTerm(Term):
    """How alike neighboring images of a batch are: minus the mean squared difference of their activations."""

    additive: ClassVar[bool] = False
    batchwide: ClassVar[bool] = True

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        features = activations[self.layer].flatten(1)  # (b, c * h * w)
        score = features.new_zeros(len(features))
        for apart in range(1, min(FARTHEST_NEIGHBOR, len(features) - 1) + 1):
            pairs = (features[apart:] - features[:-apart]).square().mean(1) / 2**apart  # (b - apart,)
            padding = features.new_zeros(apart)
            # Each of the two has half of what they differ by, so that the batch's sum counts every pair once.
            score = score - (torch.cat([pairs, padding]) + torch.cat([padding, pairs])) / 2
        return score

    def __str__(self) -> str:
        return f"alignment:{quote_name(self.layer)}"


FARTHEST_NEIGHBOR = 4
"""How far apart in the batch two images still count as neighbors; each place farther halves the weight."""


@dataclass(frozen=True)
class InterpolationTerm(Term):
    """One objective for the first image of a batch, another for the last, and their mixtures between."""

    additive: ClassVar[bool] = False
    batchwide: ClassVar[bool] = True
    first: Objective
    last: Objective

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.first + self.last).layers

    @property
    def files(self) -> tuple[str, ...]:
        return (self.first + self.last).files

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(each for _, term in (self.first + self.last).terms for each in term.references)

    @property
    def storable(self) -> bool:
        return all(term.storable for _, term in (self.first + self.last).terms)

    def resolved(self, model: Model) -> Objective:
        return make_term_objective(InterpolationTerm("", self.first.resolved(model), self.last.resolved(model)))

    def relocated(self, places: Mapping[str, str]) -> InterpolationTerm:
        return InterpolationTerm("", self.first.relocated(places), self.last.relocated(places))

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        first, last = self.first(activations), self.last(activations)  # (b,) each
        share = torch.linspace(0, 1, len(first), device=first.device, dtype=first.dtype)
        return (1 - share) * first + share * last

    def __str__(self) -> str:
        return f"interpolate({self.first}, {self.last})"


def diversity(name: str) -> Objective:
    """How different the images of a batch are at layer `name`: minus the mean cosine between their Gram matrices.

    Each image is compared with every other; a single one scores 0, and is refused where it is dreamed. Add it to the
    objectives of several pictures, so that each shows another facet of the same feature. After lucid's `diversity`: the
    sum of our scores over a batch of b is lucid's value times b / (b - 1).

    >>> import reverie as rv
    >>> model = rv.load_model("squeezenet", weights="random")
    >>> rv.visualize(model, ["fire3:1 + 50*diversity:fire2"] * 3, size=32, steps=2).shape
    torch.Size([3, 3, 32, 32])
    """
    return make_term_objective(DiversityTerm(name))


def alignment(name: str) -> Objective:
    """How alike neighboring images of a batch are: minus the mean squared difference of their activations at a layer.

    Images up to four apart count, those d apart 1 / 2**d. Add it to an interpolation, so that what is alike is drawn at
    the same place. The sum of the scores over the batch is the value of lucid's `alignment`.

    >>> import reverie as rv
    >>> print(rv.interpolate(rv.channel("fire8", 61), rv.channel("fire8", 100)) + 5 * rv.alignment("fire3"))
    interpolate(fire8:61, fire8:100) + 5*alignment:fire3
    """
    return make_term_objective(AlignmentTerm(name))


def interpolate(first: Objective, last: Objective) -> Objective:
    """From one objective to another over a batch: image k of b scores (1 - t) * first + t * last, t = k / (b - 1).

    After lucid's `channel_interpolate`, which is `interpolate(channel(a, i), channel(b, j))`. Raises `SettingsError`
    for `keep`, which no mixture can hold.

    >>> import reverie as rv
    >>> model = rv.load_model("squeezenet", weights="random")
    >>> rv.visualize(model, [rv.interpolate(rv.channel("fire3", 1), rv.layer("fire3"))] * 4, size=32, steps=2).shape
    torch.Size([4, 3, 32, 32])
    """
    for each in (first, last):
        if not isinstance(each, Objective):
            raise SettingsError(f"interpolate got {each!r}; expected two objectives, such as rv.channel('fire8', 61)")
        if CHANGE_LAYER in each.layers:
            raise SettingsError(f"keep within interpolate({first}, {last}): add it outside, interpolate(...) + keep")
    return make_term_objective(InterpolationTerm("", first, last))


def refuse_batch_terms(objective: Objective) -> None:
    """Raises `SettingsError` for a term over a batch, where there is one picture alone."""
    for _, term in objective.terms:
        if term.batchwide:
            raise SettingsError(f"{term} compares the pictures of a batch, and this is one alone: leave it out")
