"""Directions from a file: the features of a sparse autoencoder, concept vectors, or any rows of a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import UnknownName, WeightsError, WordingError
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.checks import check_index
from reverie.objectives.directions import check_cosine_power, format_direction, score_dot
from reverie.objectives.places import check_place, format_place
from reverie.objectives.wording import quote_name
from reverie.types import Model

DECODERS = ("W_dec", "decoder.weight", "dictionary", "directions")
"""What libraries of sparse autoencoders call the tensor with the features, the first one found is taken."""


@dataclass(frozen=True)
class FileDirectionTerm(Term):
    """A direction that a safetensors file holds, not read yet."""

    file: str = ""
    tensor: str = ""
    """The name of the tensor; empty for the only one, or for one of `DECODERS`."""
    number: int | None = None
    """Which row of the tensor, from 0; None for a tensor that is one vector."""
    cosine: bool = False
    cosine_power: int = 0

    @property
    def plain(self) -> bool:
        """Whether it is the dot product everywhere, `dir:` without more."""
        return not self.cosine and not self.cosine_power and self.place is None

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,) if self.layer else ()

    @property
    def files(self) -> tuple[str, ...]:
        return (self.file,)

    def relocated(self, places: Mapping[str, str]) -> FileDirectionTerm:
        return replace(self, file=places.get(self.file, self.file))

    def resolved(self, model: Model) -> Objective:
        vectors, layer = read_directions(self.file, self.tensor, self.number)
        if not (self.layer or layer):
            raise WordingError(f"{self}: the file does not say of which layer it is; add it, as in {self}@LAYER")
        return make_term_objective(VectorTerm(self.layer or layer, vectors, self, place=self.place))

    def __str__(self) -> str:
        parts = [f'dir:"{self.file}"', *([quote_name(self.tensor)] if self.tensor else [])]
        parts += [] if self.number is None else [str(self.number)]
        words = ":".join(parts) + (f"@{quote_name(self.layer)}" if self.layer else "")
        if self.plain:
            return words
        return format_direction(words, self.cosine, self.cosine_power) + format_place(self.place)


@dataclass(frozen=True, eq=False)
class VectorTerm(Term):
    """A direction of a file as it was read, one of the vectors: the row, or the column where channels are rows."""

    vectors: Sequence[Float[Tensor, " _n"]]
    source: FileDirectionTerm

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        channels = activations.shape[1]
        fitting = [each for each in self.vectors if len(each) == channels]
        if not fitting:
            lengths = " or ".join(str(len(each)) for each in self.vectors)
            raise WordingError(f"{self.source}: {lengths} numbers, and {self.layer} has {channels} channels")
        vector = fitting[0].to(activations)
        dot: Tensor = torch.einsum("bchw,c->bhw", activations, vector)
        return score_dot(dot, activations, vector.norm(), self.source.cosine, self.source.cosine_power)

    def __str__(self) -> str:
        return str(self.source)


def file_direction(
    file: str | Path,
    number: SupportsIndex | None = None,
    layer: str = "",
    tensor: str = "",
    cosine: bool = False,
    cosine_power: SupportsIndex = 0,
) -> Objective:
    """A direction of a layer from a safetensors file, such as a feature of a sparse autoencoder.

    `number`: the row of the tensor (features, channels), from 0; where the tensor is (channels, features), as a linear
    decoder's weight in torch, the column; None for a tensor that is one vector (channels,). `tensor`: its name, where
    the file has several and none called W_dec, decoder.weight, dictionary or directions. `layer`: where the vector is
    a direction; the file's metadata may name it as "layer". `cosine`, `cosine_power`: as for `direction`.

    The file is read when the objective is resolved for a model: that raises `WeightsError` for one that is missing or
    no safetensors file, `UnknownName` for a tensor that it does not have, `WordingError` for a feature that it does not
    have or of another length than the layer has channels. In words: `dir:sae.safetensors:17@fire8`.

    >>> import reverie as rv
    >>> print(rv.file_direction("sae.safetensors", 17, "fire8", cosine=True))
    cos(dir:"sae.safetensors":17@fire8)
    """
    if '"' in str(file):
        raise WordingError(f"the file {str(file)!r} has a quotation mark in its name: rename it")
    row = None if number is None else check_index("feature", number)
    power = check_cosine_power(cosine_power, cosine)
    return make_term_objective(FileDirectionTerm(layer, str(file), tensor, row, cosine, power))


def place_direction(term: FileDirectionTerm, place: Any) -> Objective:
    """The direction at a place of the layer's grid."""
    return make_term_objective(replace(term, place=check_place(place)))


def read_directions(file: str, tensor: str, number: int | None) -> tuple[list[Tensor], str]:
    """The vectors that a file may mean by a number, the likeliest first, and the layer that its metadata names.

    Raises as `file_direction` says.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(file).is_file():
        raise WeightsError(f"{file} does not exist; expected a safetensors file of directions")
    try:
        with safe_open(file, framework="pt") as opened:
            name = choose_tensor(file, list(opened.keys()), tensor)
            part = opened.get_slice(name)
            shape = part.get_shape()
            vectors = select_vectors(part, shape, number, f"{file}: {name} of the shape {tuple(shape)}")
            layer = (opened.metadata() or {}).get("layer", "")
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{file} holds no directions: expected a safetensors file ({error})") from None
    if not all(bool(each.isfinite().all()) for each in vectors) or not any(bool(each.any()) for each in vectors):
        raise WordingError(f"{file}: {name} {'' if number is None else number} is zero or not finite: take another")
    return vectors, layer


def choose_tensor(file: str, names: Sequence[str], wanted: str) -> str:
    """The name of the tensor with the directions; raises `UnknownName`, or `WordingError` where one must be said."""
    if wanted:
        if wanted not in names:
            raise UnknownName(f"tensor in {file}", wanted, names)
        return wanted
    usual = [name for name in (*DECODERS, *(names if len(names) == 1 else ())) if name in names]
    if not usual:
        raise WordingError(f"{file} holds {', '.join(names[:20]) or 'nothing'}: say which, as in dir:FILE:NAME:17")
    return usual[0]


def select_vectors(part: Any, shape: Sequence[int], number: int | None, words: str) -> list[Tensor]:
    """A row and a column of a matrix, where it has that many; or the whole of a vector."""
    if len(shape) == 1 and number is None:
        return [part[:].float()]
    if len(shape) != 2 or number is None:
        expected = "expected a number, as in dir:FILE:17" if len(shape) == 2 else "expected (features, channels)"
        raise WordingError(f"{words}: {expected}")
    found = [part[number].float()] if number < shape[0] else []
    found += [part[:, number].float()] if number < shape[1] else []
    if not found:
        raise WordingError(f"{words} has no feature {number}: it has the features 0 to {max(shape) - 1}")
    return found
