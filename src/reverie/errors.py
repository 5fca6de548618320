"""The exceptions for mistakes that a user can correct.

Each message is one line: what was got, what was expected, what to do. The command line prints it alone and exits 2.

    ReverieError
     ├── UnknownName        a model, layer, channel, preset or setting that does not exist; names the nearest
     │    └── UnknownLayer  a layer that a network does not have, or whose output is not (b, c, h, w)
     ├── WordingError       an objective in words that cannot be parsed; says where
     ├── SettingsError      a number outside its bounds
     ├── ImageFileError     a picture that cannot be read or written
     ├── FilmError          a film that cannot be read or written
     ├── ImageTooSmall      a picture too small for the layers of the objective
     ├── SizeRefused        a picture of a size that the network does not accept; carries one that it does
     ├── WeightsError       weights missing, changed, or of another network
     ├── RecipeError        a recipe that is missing or unreadable, or whose input changed
     ├── ExtensionError     code of one's own that cannot be imported, or is not what it is registered as
     ├── ReportError        a report that cannot be written where it was asked for
     ├── QueueFull          a job that cannot be taken, since too many wait already
     ├── ScoreError         a score that became NaN or infinite; carries the picture before it
     └── MissingExtra       an optional dependency that is not installed

`Interrupted` is no mistake, but a `KeyboardInterrupt` that carries the picture as far as it came.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class ReverieError(Exception):
    """The base of all errors that a user can correct; `str(error)` is one line that says how."""


class UnknownName(ReverieError, KeyError):
    """A name that does not exist; the message suggests similar ones.

    `kind` says what was named ("layer of squeezenet"), `known` are the names that exist, `more` others that exist, too,
    but are only suggested where they are similar.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], more: Iterable[str] = ()) -> None:
        super().__init__(f"no {kind} is called {name!r}{suggest_names(name, known, more=more)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class UnknownLayer(UnknownName):
    """A layer that a model does not have, or one that cannot be read.

    A model's optional `other_layers` maps the names of layers of the second kind to the reason.
    """

    def __init__(self, model: Any, name: str) -> None:
        main = getattr(model, "main_layers", model.layers)
        inner = [each for each in (*model.layers, *getattr(model, "aliases", {})) if each not in main]
        super().__init__(f"layer of {model.name}", name, main, inner)
        classes, why = getattr(model, "classes", None), getattr(model, "other_layers", {}).get(name)
        if why is not None:
            strides = getattr(getattr(model, "network", model), "strides", {})  # of the layers with a grid
            grids = [each for each in main if each in strides] or [each for each in main if each != classes]
            near = ", ".join(select_outermost(grids, MAX_LISTED_NAMES)[-4:])
            choices = f"{near}, or for a class say class:NUMBER" if classes else near
            self.args = (f"{name} of {model.name} is no image-like layer ({why}): take one that is, such as {choices}",)


class WordingError(ReverieError, ValueError):
    """An objective in words that cannot be parsed."""


class SettingsError(ReverieError, ValueError):
    """A setting outside its bounds."""


class ImageFileError(ReverieError, OSError):
    """A picture that cannot be read or written."""


class FilmError(ReverieError, OSError):
    """A film that cannot be read or written."""


class ImageTooSmall(ReverieError, ValueError):
    """A picture too small for the layers of the objective."""


class SizeRefused(ReverieError, ValueError):
    """A picture of a size that the network does not accept; `size` is a (height, width) that it does."""

    def __init__(self, message: str, size: tuple[int, int]) -> None:
        super().__init__(message)
        self.size = size


class WeightsError(ReverieError, ValueError):
    """Weights that are missing, damaged, or made for another network."""


class RecipeError(ReverieError, ValueError):
    """A recipe that is missing, cannot be read, or whose input changed."""


class ExtensionError(ReverieError, ImportError):
    """A network, objective or preset of one's own that cannot be imported, or that is none."""


class ReportError(ReverieError, OSError):
    """A report that cannot be written where it was asked for."""


class QueueFull(ReverieError):
    """A job that cannot be taken, since too many wait already."""


class ScoreError(ReverieError, ArithmeticError):
    """A score that became NaN or infinite; `image` is the picture before that step."""

    def __init__(self, message: str, image: Any = None) -> None:
        super().__init__(message)
        self.image = image


class MissingExtra(ReverieError, ImportError):
    """An optional dependency that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra {extra!r}: pip install 'reverie[{extra}]'")


class Interrupted(KeyboardInterrupt):
    """A dream that was stopped, by Ctrl-C or a notebook's stop button; `image` is the picture as far as it came.

    >>> import torch
    >>> import reverie as rv
    >>> def stop(progress):
    ...     raise KeyboardInterrupt
    >>> try:
    ...     rv.dream(torch.rand(1, 3, 32, 32), rv.load_model(), "fire2", progress=stop)
    ... except rv.Interrupted as stopped:
    ...     stopped.image.shape
    torch.Size([1, 3, 32, 32])
    """

    def __init__(self, image: Any) -> None:
        super().__init__("the dream was interrupted: the picture as far as it came is this error's .image")
        self.image = image


def suggest_names(name: str, known: Iterable[str], most: int = 3, more: Iterable[str] = ()) -> str:
    """The known names most similar to a mistyped one, as the end of a sentence: `; did you mean "fire8"?`.

    Where none is similar, those that contain it; where none does, a list of the known names, without `more`.
    """
    names = list(known)
    possible = [*names, *more]
    close = difflib.get_close_matches(name, possible, n=most, cutoff=0.51)
    close = close or [each for each in possible if name and name.lower() in each.lower()][:most]
    if close:
        return "; did you mean " + " or ".join(close) + "?"
    shown = select_outermost(names, MAX_LISTED_NAMES)
    return (
        "; known: "
        + ", ".join(shown[:MAX_LISTED_NAMES])
        + (", ..." if len(names) > min(len(shown), MAX_LISTED_NAMES) else "")
    )


MAX_LISTED_NAMES = 40
"""The most names that one error message lists."""


def select_outermost(names: Sequence[str], most: int) -> list[str]:
    """The dotted names of the outer modules: as many levels of nesting as give at most `most` names.

    All names, if even those of the outermost level are more.
    """
    # A network has hundreds of nested layers ("blocks.3.attn.proj"); the outer ones tell a reader what it is made of.
    depths = sorted({name.count(".") for name in names})
    levels = [[name for name in names if name.count(".") <= depth] for depth in depths]
    return max((level for level in levels if len(level) <= most), key=len, default=list(names))
