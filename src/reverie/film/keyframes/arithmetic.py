"""The arithmetic of expressions: functions and operators of a number for each frame, NaN where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from reverie.film.keyframes.curves import Values

Variables: TypeAlias = Mapping[str, Values]
"""A number for each frame, by name."""
Formula: TypeAlias = Callable[[Variables], Values]

AUDIO = ("audio.level", "audio.low", "audio.mid", "audio.high", "audio.flux")
"""The film's sound at each frame, 0..1: how loud it is, in three bands too, and how quickly it changes."""
CONSTANTS = ("max_f", "fps", "pi", "e")
"""What is the same at every frame; `max_f` is the number of the last one."""
VARIABLES = ("t", "s", *CONSTANTS, *AUDIO)
"""`t` is the number of a frame, from 0, as in Deforum; `s` its time in seconds."""


@dataclass(frozen=True)
class Function:
    """A function that expressions may call: of how many numbers, at least and at most."""

    compute: Callable[..., Any]
    least: int = 1
    most: int = 1


def choose(condition: Values, one: Values, other: Values) -> Values:
    """One number where the condition holds (is not 0), and elsewhere the other."""
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0, one, other))


def take_least(*numbers: Values) -> Values:
    """The least of several numbers."""
    return reduce(np.minimum, numbers)


def take_most(*numbers: Values) -> Values:
    """The greatest of several numbers."""
    return reduce(np.maximum, numbers)


FUNCTIONS = {
    **{name: Function(getattr(np, name)) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "ceil")},
    **{name: Function(getattr(np, name)) for name in ("abs", "sqrt", "exp", "log", "log10", "sign", "round")},
    **{f"a{name}": Function(getattr(np, f"arc{name}")) for name in ("sin", "cos", "tan")},
    **{f"arc{name}": Function(getattr(np, f"arc{name}")) for name in ("sin", "cos", "tan")},
    "pow": Function(np.power, 2, 2),
    "mod": Function(np.mod, 2, 2),
    "min": Function(take_least, 2, 16),
    "max": Function(take_most, 2, 16),
    "clip": Function(np.clip, 3, 3),
    "where": Function(choose, 3, 3),
}
OPERATORS: dict[str, Callable[[Values, Values], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
    "**": np.power,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
COMPARISONS = tuple(OPERATORS)[6:]


def compute_safely(compute: Callable[..., Any], *numbers: Values) -> Values:
    """A function of numbers, NaN where it has no finite value or, but for `where`, where one of its numbers is NaN."""
    with np.errstate(all="ignore"):
        found = np.asarray(compute(*numbers), np.float64)
    lost = ~np.isfinite(found)
    if compute is not choose:
        lost |= np.isnan(np.stack(numbers)).any(0)
    return np.where(lost, np.nan, found)


def take_variable(name: str, variables: Variables) -> Values:
    """The numbers of a variable."""
    return variables[name]


def repeat_number(number: float, variables: Variables) -> Values:
    """A number, at each frame."""
    return np.full_like(variables["t"], number)


def call_function(compute: Callable[..., Any], parts: tuple[Formula, ...], variables: Variables) -> Values:
    """A function of other formulas."""
    return compute_safely(compute, *(part(variables) for part in parts))


def combine_in_turn(first: Formula, further: tuple[tuple[str, Formula], ...], variables: Variables) -> Values:
    """A chain of operators of one precedence, from left to right."""
    found = first(variables)
    for sign, part in further:
        found = compute_safely(OPERATORS[sign], found, part(variables))
    return found
