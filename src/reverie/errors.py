"""Everything that can go wrong by a user's hand.

Each message is one line: what was got, what was expected, what to do. The command line prints it alone and exits 2.

    ReverieError
     ├── UnknownName        a model, layer, channel, preset or setting that does not exist; names the nearest
     │    └── UnknownLayer  a layer that a network does not have, or that is no image-like one
     ├── WordingError       an objective that cannot be read; says up to where it could
     ├── SettingsError      a number outside its bounds
     ├── ImageFileError     a picture that cannot be read or written
     ├── ImageTooSmall      a picture smaller than the wished layers can see
     ├── SizeRefused        a picture of a size that the network does not take; carries one that it does
     ├── WeightsError       weights missing, changed, or of another network
     ├── RecipeError        a recipe missing, unreadable, or of a changed input
     ├── ReportError        a report that cannot be written where it was asked for
     ├── ScoreError         a score that became nan or infinite; carries the picture before it
     └── MissingExtra       an optional dependency that is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class ReverieError(Exception):
    """A mistake that its user can mend; `str(error)` is one line that says how."""


class UnknownName(ReverieError, KeyError):
    """A name that does not exist. `known` are the names that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no {kind} is called {name!r}{nearest(name, known)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class UnknownLayer(UnknownName):
    """A layer that a model does not have, or that answers with no grid of activations.

    Of layers of the second kind the model's `other_layers` may say, by name, why that is so.
    """

    def __init__(self, model: Any, name: str) -> None:
        super().__init__(f"layer of {model.name}", name, model.layers)
        classes, why = getattr(model, "classes", None), getattr(model, "other_layers", {}).get(name)
        if why is not None:
            near = ", ".join(outermost([each for each in model.layers if each != classes], MOST_LISTED)[-4:])
            wish = f"{near}, or for a class say class:NUMBER" if classes else near
            self.args = (f"{name} of {model.name} is no image-like layer ({why}): take one that is, such as {wish}",)


class WordingError(ReverieError, ValueError):
    """An objective in words that cannot be read."""


class SettingsError(ReverieError, ValueError):
    """A number outside its bounds."""


class ImageFileError(ReverieError, OSError):
    """A picture that cannot be read or written."""


class ImageTooSmall(ReverieError, ValueError):
    """A picture smaller than the wished layers can see."""


class SizeRefused(ReverieError, ValueError):
    """A picture of a size that the network does not take. `size` is a (height, width) that it takes."""

    def __init__(self, message: str, size: tuple[int, int]) -> None:
        super().__init__(message)
        self.size = size


class WeightsError(ReverieError, ValueError):
    """Weights that are missing, changed, or of another network."""


class RecipeError(ReverieError, ValueError):
    """A recipe that is missing, cannot be read, or whose input changed."""


class ReportError(ReverieError, OSError):
    """A report that cannot be written where it was asked for."""


class ScoreError(ReverieError, ArithmeticError):
    """A score that became nan or infinite. `image` is the picture before that step."""

    def __init__(self, message: str, image: Any = None) -> None:
        super().__init__(message)
        self.image = image


class MissingExtra(ReverieError, ImportError):
    """An optional dependency that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra {extra!r}: pip install 'reverie[{extra}]'")


def nearest(name: str, known: Iterable[str], most: int = 3) -> str:
    """The known names nearest to a mistyped one, as the tail of a sentence: `; did you mean "fire8"?`."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=most, cutoff=0.5)
    close = close or [each for each in names if name and name.lower() in each.lower()][:most]
    if close:
        return "; did you mean " + " or ".join(close) + "?"
    shown = outermost(names, MOST_LISTED)
    return "; known: " + ", ".join(shown[:MOST_LISTED]) + (", ..." if len(names) > min(len(shown), MOST_LISTED) else "")


MOST_LISTED = 40
"""How many names are told where one of them was meant."""


def outermost(names: Sequence[str], most: int) -> list[str]:
    """Dotted names without those that lie deepest within others, so that at most so many are left where that can be."""
    depths = sorted({name.count(".") for name in names})
    levels = [[name for name in names if name.count(".") <= depth] for depth in depths]
    return max((level for level in levels if len(level) <= most), key=len, default=list(names))
