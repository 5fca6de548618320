"""Objectives for the classes of a classifier, by number or name: `class:967`, `class:"golden retriever"`.

The model says which layer holds the classes and what they are called; ImageNet's names come with the package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from reverie.errors import MAX_LISTED_NAMES, UnknownName, WordingError
from reverie.models.class_names import find_class_names, require_classifier
from reverie.objectives.base import ChannelTerm, Objective, Term, make_term_objective
from reverie.objectives.wording import quote_name
from reverie.types import Model


@dataclass(frozen=True)
class ClassTerm(Term):
    """The logit of a class whose channel has not been looked up in a network yet."""

    layer: str = "class"
    wanted: str | int = 0

    def resolved(self, model: Model) -> Objective:
        classes, names = require_classifier(model).classes, find_class_names(model)
        count = getattr(model, "class_count", None) or len(names)
        if isinstance(self.wanted, str) and count != len(names):
            raise WordingError(f"{self}: {model.name} has {count} classes without names: say a number, as in class:0")
        number = self.wanted if isinstance(self.wanted, int) else find_class_number(self.wanted, names)
        # For a number the names do not matter, and their count is not checked.
        return make_term_objective(LogitTerm(classes, number, 1, str(self), len(names) * isinstance(self.wanted, str)))

    def __str__(self) -> str:
        return f"class:{self.wanted if isinstance(self.wanted, int) else quote_name(self.wanted)}"


@dataclass(frozen=True)
class LogitTerm(ChannelTerm):
    """The logit of a class: the mean of its channel over the places of the last layer, before any ReLU."""

    wording: str = ""
    """The class as it was asked for, for `str`."""
    name_count: int = 0
    """How many class names are known; must equal the channels of the layer. 0: not checked."""

    def excitement(self, activations: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
        classes = activations.shape[1]
        if self.name_count not in (0, classes):
            raise WordingError(
                f"{self}: the network has {classes} classes, and {self.name_count} names are known: say its number"
            )
        if not 0 <= self.channel < classes:
            raise WordingError(f"{self}: the network has the classes 0 to {classes - 1}")
        return activations[:, self.channel]

    def __str__(self) -> str:
        return self.wording


def logit(wanted: str | int) -> Objective:
    """The score that a classifier gives a class before the softmax.

    `wanted`: the number of the class, or words of its name ("espresso", "golden retriever"). What the model is asked
    for is looked up later: `Objective.resolved` raises `UnknownName` or `WordingError` where no single class fits.

    >>> import reverie as rv
    >>> str(0.5 * rv.logit("golden retriever"))
    '0.5*class:"golden retriever"'
    """
    return make_term_objective(ClassTerm(wanted=wanted))


def find_class_number(word: str, names: Sequence[str]) -> int:
    """The number of the class with a name: the whole name, a synonym, or whole words within one, in any case.

    `names` are as in `Classifier.class_names`. Raises `WordingError` with all classes that fit where several do,
    `UnknownName` with the most similar names where none does.
    """
    synonyms = [name.split(", ") for name in names]
    # The strictest comparison first, and in each the main names before the synonyms.
    for simplify in (
        str,
        normalize_class_name,
        singularize_class_name,
    ):  # as it is written first: a Cardigan is a dog, a cardigan is worn
        wanted = simplify(word)
        for candidates in ([each[:1] for each in synonyms], synonyms):
            found = [number for number, each in enumerate(candidates) if wanted in map(simplify, each)]
            if found:
                return require_single_match(word, found, synonyms)
    found = [
        n
        for n, each in enumerate(synonyms)
        if any(f" {wanted} " in f" {singularize_class_name(name)} " for name in each)
    ]
    if wanted and found:
        return require_single_match(word, found, synonyms)
    raise UnknownName("class", word.lower(), [name for each in synonyms for name in each])


def require_single_match(word: str, found: list[int], synonyms: list[list[str]]) -> int:
    """The one class found; raises `WordingError` that lists them where there are several."""
    if len(found) > 1:
        fitting = ", ".join(f"{synonyms[number][0]} ({number})" for number in found[:MAX_LISTED_NAMES])
        more = ", ..." if len(found) > MAX_LISTED_NAMES else ""
        raise WordingError(
            f"class:{quote_name(word)} fits {len(found)} classes: {fitting}{more}; name one, or its number"
        )
    return found[0]


def normalize_class_name(name: str) -> str:
    """A name in lower case, with single spaces in the place of hyphens and other punctuation."""
    return " ".join(re.findall(r"\w+", name.lower()))


def singularize_class_name(name: str) -> str:
    """A normalized name with every word in the singular, by the rules of English spelling: `foxes` becomes `fox`."""
    return " ".join(re.sub(r"(?<=x|z|s|h)es$|(?<=[^s])s$", "", word) for word in normalize_class_name(name).split())
