"""Guided dreams, as in Google's notebook of 2015: the image is given features that a guide picture has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, WordingError
from reverie.image.reading import read_photo
from reverie.image.resample import call_at_accepted_size, limit_longest_side
from reverie.models.receptive_field import find_smallest_side
from reverie.objectives.base import LayerTerm, Objective, Term, make_term_objective
from reverie.objectives.wording import quote_name
from reverie.types import Image, Model

GUIDE_SIDE = 384
"""The longest side, in pixels, to which a guide is reduced.

It is near the size that networks are trained at, so that its objects are found; a larger one gives more texture only.
"""

MAX_GUIDE_FEATURES = 4096
"""The most places of a guide whose features are used; low layers have more, and there neighbors are alike."""


@dataclass(frozen=True)
class GuideTerm(Term):
    """The features of a guide picture at a layer, not yet computed by a network."""

    picture: str = ""
    """The path of the guide's file."""
    mean: bool = False
    """Whether to match the guide's mean feature everywhere, which is calmer, not the best match for each place."""

    @property
    def files(self) -> tuple[str, ...]:
        return (self.picture,)

    def relocated(self, places: Mapping[str, str]) -> GuideTerm:
        return replace(self, picture=places.get(self.picture, self.picture))

    def resolved(self, model: Model) -> Objective:
        image = read_photo(self.picture).image
        return make_guide_objective(image, self.layer, model, self.mean, str(self))

    def __str__(self) -> str:
        return f'{"guide_mean" if self.mean else "guide"}:"{self.picture}"@{quote_name(self.layer)}'


def guide(picture: str | Path, layer: str, mean: bool = False) -> Objective:
    """The dot product of each place's activations with the guide's feature that matches best, as in Google's notebook.

    `picture`: a file, which is read when the objective is resolved for a model. `mean`: match the mean of the guide's
    features instead. Raises `WordingError` for a file name that cannot be put in quotes; `Objective.resolved` raises
    `ImageFileError` and `ImageTooSmall`.

    >>> import reverie as rv
    >>> str(rv.guide("examples/astronaut.jpg", "fire8"))
    'guide:"examples/astronaut.jpg"@fire8'
    """
    if '"' in str(picture):
        raise WordingError(f"the guide {str(picture)!r} has a quotation mark in its name: rename it")
    return make_term_objective(GuideTerm(layer, str(picture), mean))


def make_guide_objective(image: Image, layer: str, model: Model, mean: bool = False, words: str = "guide") -> Objective:
    """The objective of `guide` for an image (1, 3, h, w) in memory and one model, whose features are computed here.

    `words` is what `str` gives for it. Raises `ImageTooSmall`.
    """
    features = extract_guide_features(image.to(model.device), layer, model, words)
    return make_term_objective(MatchTerm(layer, compute_centered_mean(features) if mean else features, words))


def compute_centered_mean(features: Float[Tensor, "n c"]) -> Float[Tensor, "1 c"]:
    """The mean of the features over the places, minus its own mean over the channels.

    Activations after a ReLU are never negative, so that most of the mean feature asks for more of every channel alike.
    Maximized, that grows the eyes and dogs that excite all channels. Centered, the dot product is the covariance with
    the guide over the channels.
    """
    return features.mean(0, keepdim=True) - features.mean()


def extract_guide_features(image: Image, layer: str, model: Model, words: str) -> Float[Tensor, "n c"]:
    """The activations of a guide (1, 3, h, w) at `MAX_GUIDE_FEATURES` or fewer places of a layer.

    Raises `ImageTooSmall`, beginning with `words`, for a guide too small for the layer.
    """
    small = limit_longest_side(image, GUIDE_SIDE)

    def read_layer(picture: Image) -> Tensor:
        with torch.no_grad():
            return model(picture, [layer])[layer].float()

    try:
        activations = call_at_accepted_size(read_layer, small)
    except (RuntimeError, ValueError):
        height, width = small.shape[-2:]
        least = find_smallest_side(model, [layer])
        if least is None or min(height, width) >= least:
            raise
        raise ImageTooSmall(
            f"{words} is too small: {width} x {height} pixels, and {layer} of {model.name} needs sides of {least}"
        ) from None
    features = activations[0].flatten(1).T  # (h * w, c)
    return features[:: -(-len(features) // MAX_GUIDE_FEATURES)].contiguous()  # every k-th, k rounded up


def replace_layers_by_guides(
    objective: Objective, pictures: Sequence[tuple[float, str]], mean: bool = False
) -> Objective:
    """The objective with every term of a whole layer replaced by the guides at that layer; other terms stay.

    `pictures`: the weight and the file of each guide. Raises `WordingError` where no term is of a whole layer.
    """
    terms: list[tuple[float, Term]] = []
    for weight, term in objective.terms:
        if not isinstance(term, LayerTerm) or term.placed:
            terms.append((weight, term))
            continue
        for own, picture in pictures:
            terms += (weight * own * guide(picture, term.layer, mean)).terms
    if not any(isinstance(term, GuideTerm) for _, term in terms):
        raise WordingError(f'no layer for a guide in {str(objective)!r}: add one, as in "fire8 + {objective}"')
    return Objective(tuple(terms))


@dataclass(frozen=True, eq=False)
class MatchTerm(Term):
    """The dot product of each place's activations with the feature of the guide that gives the largest one.

    Google's `objective_guide` of 2015, but divided by the number of channels, so that it is of the order of the mean
    square of the same layer, and the two can be added.
    """

    features: Float[Tensor, "n c"]
    wording: str
    """The term as it was asked for, for `str`."""

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        # As in the notebook, the choice of the match is not differentiated.
        found = self.features[find_best_matches(activations.detach(), self.features)]  # (b, h, w, c)
        return (activations * found.permute(0, 3, 1, 2)).mean(1)

    def __str__(self) -> str:
        return self.wording


MAX_DOT_PRODUCTS = 1 << 22
"""The most dot products held at once: 16 MB in float32."""


def find_best_matches(activations: Float[Tensor, "b c h w"], features: Float[Tensor, "n c"]) -> Tensor:
    """The index (b, h, w) of the feature with the largest dot product with the activations of each place."""
    places = activations.permute(0, 2, 3, 1).flatten(0, 2)  # (b * h * w, c)
    pieces = torch.split(places, max(1, MAX_DOT_PRODUCTS // len(features)))
    best = [(piece @ features.T).argmax(1) for piece in pieces]  # each (p, n) -> (p,)
    return torch.cat(best).view(activations.shape[0], *activations.shape[2:])
