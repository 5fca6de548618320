"""Objectives that compare the image with a picture at a layer: caricature, feature inversion and style.

Caricature and inversion compare place by place: the picture is cropped and resized to the image's shape, and moved by
jitter and random transforms together with it. Style compares what does not depend on the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex

from jaxtyping import Float
from torch import Tensor

from reverie.errors import WordingError
from reverie.image.arrays import open_image
from reverie.image.reading import read_photo
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.directions import check_cosine_power, score_dot
from reverie.objectives.guides import extract_guide_features
from reverie.objectives.scorer import Reference
from reverie.objectives.wording import format_power, quote_name
from reverie.types import Image, Model, Score

Picture = Image | str | Path
"""A picture to compare with: a file, or an image (1, 3, h, w) in memory, which no recipe can hold."""


@dataclass(frozen=True)
class PictureTerm(Term):
    """A term that reads a picture's activations at its layer beside the image's."""

    word: ClassVar[str]
    """What the term is called in words."""
    picture: str | Reference = ""
    """The path of a file, or the picture."""

    @property
    def storable(self) -> bool:
        return bool(self.file)

    @property
    def file(self) -> str:
        """The path of the picture's file; empty for a picture in memory."""
        return self.picture if isinstance(self.picture, str) else self.picture.file

    @property
    def files(self) -> tuple[str, ...]:
        return (self.file,) if self.file else ()

    @property
    def references(self) -> tuple[Reference, ...]:
        return (self.picture,) if isinstance(self.picture, Reference) else ()

    def relocated(self, places: Mapping[str, str]) -> PictureTerm:
        return replace(self, picture=places.get(self.picture, self.picture)) if isinstance(self.picture, str) else self

    def resolved(self, model: Model) -> Objective:
        return make_term_objective(replace(self, picture=self.open()))

    def open(self) -> Reference:
        """The picture, read if it is a file; raises `ImageFileError`."""
        picture = self.picture
        return picture if isinstance(picture, Reference) else Reference(read_photo(picture).image, picture)

    def __str__(self) -> str:
        picture = f'"{self.file}"' if self.file else "PICTURE"
        return f"{self.word}:{picture}@{quote_name(self.layer)}"


@dataclass(frozen=True)
class CaricatureTerm(PictureTerm):
    """The dot product with the picture's activations times a power of the cosine, place by place."""

    word: ClassVar[str] = "caricature"
    cosine_power: int = 1

    def excitement_of(self, activations: Mapping[str, Tensor]) -> Float[Tensor, "b h w"]:
        own, others = activations[self.layer], activations[self.references[0].at(self.layer)]  # (b, c, h, w), (1, ...)
        # Over the channels as the mean square of a layer is, so that the two can be added.
        dot = (own * others).mean(1)
        lengths = others.square().sum(1).sqrt() / own.shape[1]
        return score_dot(dot, own, lengths.clamp_min(TINY), cosine=False, power=self.cosine_power)

    def __str__(self) -> str:
        return super().__str__() + format_power(self.cosine_power)


@dataclass(frozen=True)
class InversionTerm(PictureTerm):
    """Minus the squared distance to the picture's activations, as a share of their own mean square."""

    word: ClassVar[str] = "inversion"
    mean_square: float = 0.0
    """The mean square of the picture's activations; 0: not computed yet."""

    def resolved(self, model: Model) -> Objective:
        picture = self.open()
        features = extract_guide_features(picture.image.to(model.device), self.layer, model, str(self))
        return make_term_objective(
            replace(self, picture=picture, mean_square=max(TINY, float(features.square().mean())))
        )

    def excitement_of(self, activations: Mapping[str, Tensor]) -> Float[Tensor, "b h w"]:
        own, others = activations[self.layer], activations[self.references[0].at(self.layer)]
        return -(own - others).square().mean(1) / self.mean_square


@dataclass(frozen=True)
class StyleTerm(PictureTerm):
    """Minus the squared distance between two Gram matrices, the image's and the picture's, not yet computed."""

    word: ClassVar[str] = "style"

    def resolved(self, model: Model) -> Objective:
        image = self.open().image.to(model.device)
        features = extract_guide_features(image, self.layer, model, str(self))  # (n, c)
        return make_term_objective(GramTerm(self.layer, features.T @ features / len(features), self))


@dataclass(frozen=True, eq=False)
class GramTerm(Term):
    """Minus the squared distance to a Gram matrix, as a share of its own square."""

    additive: ClassVar[bool] = False
    gram: Float[Tensor, "c c"]
    source: StyleTerm

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        features = activations[self.layer].flatten(2)  # (b, c, h * w)
        grams = features @ features.mT / features.shape[2]
        gram = self.gram.to(grams)
        return -(grams - gram).square().sum((1, 2)) / gram.square().sum().clamp_min(TINY)

    def __str__(self) -> str:
        return str(self.source)


TINY = 1e-30
"""The least divisor, for a picture that excites nothing."""


def caricature(picture: Picture, layer: str, cosine_power: SupportsIndex = 1) -> Objective:
    """More of what a layer sees in a picture: the dot product of the two activations times a power of their cosine.

    The mean over the places of a . p / c * max(0.1, cos(a, p)) ** `cosine_power`, where a and p are the activations
    (c,) of the image and of the picture at that place. `picture`: a file, or an image (1, 3, h, w), 0..1; it is cropped
    and resized to the image's shape. After lucid's caricatures, whose cosine is that of the whole layer. Raises
    `SettingsError` for a power other than 0 to 8; resolved for a model, `ImageFileError`.

    >>> import reverie as rv
    >>> print(rv.caricature("sky.jpg", "fire8", cosine_power=2))
    caricature:"sky.jpg"@fire8^2
    """
    return make_term_objective(
        CaricatureTerm(layer, name_picture(picture), check_cosine_power(cosine_power, cosine=False))
    )


def inversion(picture: Picture, layer: str) -> Objective:
    """Nearness to a picture's activations at a layer: what of the picture the layer still knows.

    Minus the mean squared difference over channels and places, divided by the mean square of the picture's activations:
    0 is the same, -1 about as far away as silence. `picture` as in `caricature`. After Mahendran and Vedaldi,
    "Understanding Deep Image Representations by Inverting Them" (2015). Resolved for a model, raises `ImageFileError`
    and `ImageTooSmall`.

    >>> import reverie as rv
    >>> print(rv.inversion("sky.jpg", "fire5"))
    inversion:"sky.jpg"@fire5
    """
    return make_term_objective(InversionTerm(layer, name_picture(picture)))


def style(picture: Picture, layer: str) -> Objective:
    """Nearness to the style of a picture at a layer: to the products of all pairs of channels, whatever the place.

    Minus the squared distance between the Gram matrices (c, c), each divided by its number of places, as a share of the
    picture's own square: 0 is the same, -1 silence. After Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic
    Style" (2015), and lucid's style transfer. The picture is reduced to at most 384 pixels a side. It needs the whole
    image at once, not tiles. Resolved for a model, raises `ImageFileError` and `ImageTooSmall`.

    >>> import reverie as rv
    >>> print(rv.style("sky.jpg", "fire3") + rv.style("sky.jpg", "fire5"))
    style:"sky.jpg"@fire3 + style:"sky.jpg"@fire5
    """
    return make_term_objective(StyleTerm(layer, name_picture(picture)))


def name_picture(picture: Any) -> str | Reference:
    """The path of a picture's file, or a picture in memory; raises `WordingError` for a name that has no words."""
    if isinstance(picture, Tensor):
        if picture.ndim != 4 or picture.shape[:2] != (1, 3):
            raise WordingError(f"a picture of the shape {tuple(picture.shape)}; expected (1, 3, height, width)")
        return Reference(picture.detach())
    if not isinstance(picture, (str, Path)):
        return name_picture(open_image(picture))
    if '"' in str(picture):
        raise WordingError(f"the picture {str(picture)!r} has a quotation mark in its name: rename it")
    return str(picture)
