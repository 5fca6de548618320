"""Guide pictures: their features, looked for in ours (Google's guided dream)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, WordingError
from reverie.image.reading import read_photo
from reverie.image.resample import at_own_size, within
from reverie.models.receptive_field import smallest_side
from reverie.objectives.base import LayerTerm, Objective, Term, quoted, single
from reverie.types import Image, Model

GUIDE_SIDE = 384
"""The longest side that a guide is looked at with, in pixels: near what networks are trained on, so that it has their
features; larger ones have only more of its texture."""

MOST_FEATURES = 4096
"""How many places of a guide are looked for; low layers have more, and neighbors there are alike."""


@dataclass(frozen=True)
class GuideTerm(Term):
    """The features that a guide picture has at a layer, not yet seen by a network.

    `mean`: only which channels the whole guide has more of than of others, instead of the best match for every place.
    Calmer.
    """

    picture: str = ""
    mean: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        return (self.picture,)

    def resolved(self, model: Model) -> Objective:
        image = read_photo(self.picture).image
        return seen_guide(image, self.layer, model, self.mean, str(self))

    def __str__(self) -> str:
        return f'{"guide_mean" if self.mean else "guide"}:"{self.picture}"@{quoted(self.layer)}'


def guide(picture: str | Path, layer: str, mean: bool = False) -> Objective:
    """The features of a guide picture at a layer: for each place the best match by dot product, or their mean."""
    if '"' in str(picture):
        raise WordingError(f"the guide {str(picture)!r} has a quotation mark in its name: rename it")
    return single(GuideTerm(layer, str(picture), mean))


def seen_guide(image: Image, layer: str, model: Model, mean: bool = False, words: str = "guide") -> Objective:
    """The same for a picture in memory, seen by a network already."""
    features = guide_features(image.to(model.device), layer, model, words)
    return single(MatchTerm(layer, shared(features) if mean else features, words))


def shared(features: Float[Tensor, "n c"]) -> Float[Tensor, "1 c"]:
    """The mean of the features, less what it has of every channel alike.

    No channel is ever negative, so that most of a mean says only: more of anything. Climbed, that grows the eyes and
    dogs that excite everything; without it the dot product is the covariance with the guide over the channels.
    """
    return features.mean(0, keepdim=True) - features.mean()


def guide_features(image: Image, layer: str, model: Model, words: str) -> Float[Tensor, "n c"]:
    """The activations of a guide at the places of a layer. Raises `ImageTooSmall` where it has none."""
    small = within(image, GUIDE_SIDE)

    def looked(picture: Image) -> Tensor:
        with torch.no_grad():
            return model(picture, [layer])[layer].float()

    try:
        activations = at_own_size(looked, small)
    except (RuntimeError, ValueError):
        height, width = small.shape[-2:]
        least = smallest_side(model, [layer])
        if least is None or min(height, width) >= least:
            raise
        raise ImageTooSmall(
            f"{words} is too small: {width} x {height} pixels, and {layer} of {model.name} needs sides of {least}"
        ) from None
    features = activations[0].flatten(1).T
    return features[:: -(-len(features) // MOST_FEATURES)].contiguous()


def guided(objective: Objective, pictures: Sequence[tuple[float, str]], mean: bool = False) -> Objective:
    """The objective with every layer's wish become one for the guides' features there; all else in it stays.

    `pictures`: each guide's weight and file.
    """
    terms: list[tuple[float, Term]] = []
    for weight, term in objective.terms:
        if not isinstance(term, LayerTerm):
            terms.append((weight, term))
            continue
        for own, picture in pictures:
            terms += (weight * own * guide(picture, term.layer, mean)).terms
    if not any(isinstance(term, GuideTerm) for _, term in terms):
        raise WordingError(f'no layer for a guide in {str(objective)!r}: add one, as in "fire8 + {objective}"')
    return Objective(tuple(terms))


def moved(objective: Objective, places: Mapping[str, str]) -> Objective:
    """The objective with its guides read from other places."""
    return Objective(
        tuple(
            (
                weight,
                replace(term, picture=places.get(term.picture, term.picture)) if isinstance(term, GuideTerm) else term,
            )
            for weight, term in objective.terms
        )
    )


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
