"""What a classifier can tell apart, by number or by word: `class:967`, `class:espresso`, `class:"golden retriever"`.

Which layer holds the classes, and what they are called, the network says itself; ImageNet's names are shipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from reverie.errors import MOST_LISTED, UnknownName, WordingError
from reverie.models.class_names import classifier_of, names_of
from reverie.objectives.base import ChannelTerm, Objective, Term, quoted, single
from reverie.types import Model


@dataclass(frozen=True)
class ClassTerm(Term):
    """The logit of a class, not yet looked up in a network."""

    layer: str = "class"
    wanted: str | int = 0

    def resolved(self, model: Model) -> Objective:
        classes, names = classifier_of(model).classes, names_of(model)
        count = getattr(model, "class_count", None) or len(names)
        if isinstance(self.wanted, str) and count != len(names):
            raise WordingError(f"{self}: {model.name} has {count} classes without names: say a number, as in class:0")
        number = self.wanted if isinstance(self.wanted, int) else class_number(self.wanted, names)
        # A number needs no names: a network may have any count of classes.
        return single(LogitTerm(classes, number, 1, str(self), len(names) * isinstance(self.wanted, str)))

    def __str__(self) -> str:
        return f"class:{self.wanted if isinstance(self.wanted, int) else quoted(self.wanted)}"


@dataclass(frozen=True)
class LogitTerm(ChannelTerm):
    """The channel that a class has at every place, before any ReLU: averaged over the places it is the class's logit.

    `named` classes have names; 0 where they play no part.
    """

    words: str = ""
    named: int = 0

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        classes = activations.shape[1]
        if self.named not in (0, classes):
            raise WordingError(
                f"{self}: the network has {classes} classes, and {self.named} names are known: say its number"
            )
        if not 0 <= self.channel < classes:
            raise WordingError(f"{self}: the network has the classes 0 to {classes - 1}")
        return activations[:, self.channel]

    def __str__(self) -> str:
        return self.words


def logit(wanted: str | int) -> Objective:
    """How surely a classifier sees a class: its number, or a word of its name ("espresso", "golden retriever")."""
    return single(ClassTerm(wanted=wanted))


def class_number(word: str, names: Sequence[str]) -> int:
    """The class of a word: by its whole name, a synonym, or words within those; upper and lower case are one.

    Raises `WordingError` with all that fit where several do, `UnknownName` with the nearest where none does.
    """
    synonyms = [name.split(", ") for name in names]
    for simplify in (str, plain, singular):  # as it is written first: a Cardigan is a dog, a cardigan is worn
        wanted = simplify(word)
        for candidates in ([each[:1] for each in synonyms], synonyms):
            found = [number for number, each in enumerate(candidates) if wanted in map(simplify, each)]
            if found:
                return only(word, found, synonyms)
    found = [n for n, each in enumerate(synonyms) if any(f" {wanted} " in f" {singular(name)} " for name in each)]
    if wanted and found:
        return only(word, found, synonyms)
    raise UnknownName("class", word.lower(), [name for each in synonyms for name in each])


def only(word: str, found: list[int], synonyms: list[list[str]]) -> int:
    if len(found) > 1:
        fitting = ", ".join(f"{synonyms[number][0]} ({number})" for number in found[:MOST_LISTED])
        more = ", ..." if len(found) > MOST_LISTED else ""
        raise WordingError(f"class:{quoted(word)} fits {len(found)} classes: {fitting}{more}; name one, or its number")
    return found[0]


def plain(name: str) -> str:
    """Lower case, words with one space between: hyphens and the like play no part."""
    return " ".join(re.findall(r"\w+", name.lower()))


def singular(name: str) -> str:
    """The same of one thing, as far as English spelling tells: `foxes` and `fox`, `jellyfishes` and `jellyfish`."""
    return " ".join(re.sub(r"(?<=x|z|s|h)es$|(?<=[^s])s$", "", word) for word in plain(name).split())
