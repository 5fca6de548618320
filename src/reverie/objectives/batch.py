"""Objectives for batches: one for each image, so that many features are visualized at once, and diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.objectives.base import Objective, Term, make_term_objective, quote_name
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
        # An image's score does not depend on the others, so that it becomes the picture that it would be alone.
        scores = [
            objective({name: activations[name][number : number + 1] for name in objective.layers})
            for number, objective in enumerate(self.objectives)
        ]
        return torch.cat(scores)

    def __str__(self) -> str:
        return "; ".join(map(str, self.objectives))


def per_image(objectives: Sequence[Objective]) -> PerImage:
    """The scorer that applies the first objective to the first image of a batch, and so on."""
    return PerImage(tuple(objectives))


@dataclass(frozen=True)
class DiversityTerm(Term):
    """How different the images of a batch are: minus the mean cosine between their Gram matrices at a layer.

    As in lucid. Each image is compared with every other; a single one scores 0.
    """

    additive: ClassVar[bool] = False

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
    """
    return make_term_objective(DiversityTerm(name))
