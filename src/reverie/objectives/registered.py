"""Objectives of one's own as words of the grammar: `winner(fire8)`, `calm(fire8, 0.5)`.

A word is the name of a registered function; in parentheses stand its arguments, layers and numbers. What it makes
prints itself as these words again, so that recipes remember it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import ClassVar

from torch import Tensor

from reverie.errors import ExtensionError, SettingsError, WordingError, suggest_names
from reverie.models.extensions import find_registered, list_registered, register, run_own_code
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.wording import RESERVED_WORDS, quote_name
from reverie.types import Model, Score

Argument = str | int | float
"""What an own word may be given in parentheses: a layer or another name, or a number."""

MakeObjective = Callable[..., Objective]

WORD = re.compile(r"[A-Za-z_]\w*")
"""A word that an objective can be registered under: the parser must read it as one name."""


def register_objective(word: str, make: MakeObjective) -> MakeObjective:
    """Make a function that returns an objective a word of the grammar, in this process: `word(layer, 0.5)`.

    `make(*arguments)` gets the arguments in the order in which they stand in the words, layers as str and numbers as
    int or float, and returns an `Objective`. Returned is the same function, whose objectives print as the words, so
    that recipes hold them and `objective` reads them back. A word registered before is registered anew. A package does
    the same for good by an entry point in the group "reverie.objectives".

    Raises `SettingsError` for a word of Reverie's own, or one that is not letters, digits and _.

    >>> import reverie as rv
    >>> def calm(layer, smooth=0.1):
    ...     return rv.layer(layer, power=2) - smooth * rv.total_variation()
    >>> calm = rv.register_objective("calm", calm)
    >>> rv.objective("fire5 + 2*calm(fire8, 0.5)") == rv.layer("fire5") + 2 * calm("fire8", 0.5)
    True
    >>> str(calm("fire8", 0.5))
    'calm(fire8, 0.5)'
    """
    if not isinstance(word, str) or not WORD.fullmatch(word):
        raise SettingsError(
            f"the word {word!r} of an objective; expected letters, digits and _, beginning with a letter"
        )
    if not callable(make):
        raise SettingsError(f"{make!r} as the objective {word!r}; expected a function that returns one")
    register("objective", word, make, RESERVED_WORDS)

    @functools.wraps(make)
    def make_named(*given: object, **named: object) -> Objective:
        bound = inspect.signature(make).bind(*given, **named)
        plain = [read_argument(each) for each in bound.args]
        if bound.kwargs or None in plain:  # no words can say it: an objective for Python alone
            return make(*given, **named)
        return make_registered(word, [each for each in plain if each is not None])

    return make_named


@dataclass(frozen=True)
class RegisteredTerm(Term):
    """An objective that a registered function made: it prints as its words, and scores as what was made."""

    layer: str = ""
    words: str = ""
    meaning: Objective = field(default_factory=lambda: Objective(()))
    additive: ClassVar[bool] = False  # those of `meaning` tell, once it is resolved

    @property
    def layers(self) -> tuple[str, ...]:
        return self.meaning.layers

    @property
    def files(self) -> tuple[str, ...]:
        return self.meaning.files

    def resolved(self, model: Model) -> Objective:
        return self.meaning.resolved(model)

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        return self.meaning(activations)

    def __str__(self) -> str:
        return self.words


def make_registered(word: str, arguments: Sequence[Argument]) -> Objective:
    """The objective of a registered word for its arguments.

    Raises WordingError for a word that is not registered, or arguments that it does not take, and ExtensionError for
    one whose code fails or returns no objective.
    """
    make = find_registered("objective", word)
    words = f"{word}({', '.join(format_argument(each) for each in arguments)})"
    if make is None:
        near = suggest_names(word, ["dot", "cos", *list_registered("objective")])
        raise WordingError(f"no objective is called {word}(...){near}; for one of your own, say --extension FILE")
    try:
        inspect.signature(make).bind(*arguments)
    except TypeError as error:
        raise WordingError(
            f"cannot read the objective {words!r}: {error}, in {word}{inspect.signature(make)}"
        ) from None
    made = run_own_code(lambda: make(*arguments), f"the objective {words!r} failed")
    if not isinstance(made, Objective):
        raise ExtensionError(
            f"the objective {words!r} is a {type(made).__name__}; expected its code to return an Objective"
        )
    return make_term_objective(RegisteredTerm(made.layers[0] if made.layers else "", words, made))


def read_argument(given: object) -> Argument | None:
    """An argument as the words have it; None for what no words can say, such as a tensor."""
    if isinstance(given, str):
        return given if given and '"' not in given else None
    if isinstance(given, Integral):
        return int(given)
    return float(given) if isinstance(given, Real) else None


def format_argument(argument: Argument) -> str:
    """An argument as the parser reads it."""
    return quote_name(argument) if isinstance(argument, str) else repr(argument)
