"""What a caller may say where an objective is expected: the objective, its words, or a function of activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from reverie.errors import WordingError
from reverie.objectives.functions import function
from reverie.objectives.masks import Regions
from reverie.objectives.parser import objective as objective_in_words
from reverie.objectives.scorer import Scorer

WishLike: TypeAlias = Scorer | str | Callable[..., Any]
"""An objective, one for each image (`PerImage`), words, or a function of activations."""


def parse_wish(wish: Any) -> Any:
    """The objective, or `Regions`, that a caller means; raises `WordingError` for what is none."""
    if isinstance(wish, str):
        return objective_in_words(wish)
    if isinstance(wish, (Scorer, Regions)):
        return wish
    if callable(wish):
        return function(wish)
    raise WordingError(f'{wish!r} is no objective; expected words such as "fire8^2", an objective, or a function')


def require_words(wish: Any) -> str:
    """The words of an objective, for a recipe; raises `WordingError` for one that has none."""
    for _, term in parse_wish(wish).objective.terms:
        if not term.storable:
            raise WordingError(
                f"{term} has no words, and a recipe holds an objective in words: register it under a name, or give a "
                "picture as its file"
            )
    return str(wish)
