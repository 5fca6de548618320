"""The numbers of an objective: taken from Python, numpy and torch alike, and refused out of bounds."""

from __future__ import annotations

import numbers
import operator
from typing import Any

from torch import Tensor

from reverie.errors import SettingsError

ALLOWED_POWERS = range(1, 9)
"""The exponents that activations can be raised to."""


def check_power(power: Any) -> int:
    """The power; raises `SettingsError` for one that is not allowed."""
    number = read_whole_number(power)
    if number is None or number not in ALLOWED_POWERS:
        raise SettingsError(
            f"a power of {power!r}; expected a whole number from {ALLOWED_POWERS[0]} to {ALLOWED_POWERS[-1]}"
        )
    return number


def check_index(what: str, number: Any) -> int:
    """The index of a channel, row or column (`what`); raises `SettingsError` for one that is no whole number from 0."""
    index = read_whole_number(number)
    if index is None or index < 0:
        raise SettingsError(f"the {what} {number!r}; expected a whole number from 0 up")
    return index


def read_whole_number(number: Any) -> int | None:
    """The number as an int, whether it is one of Python, numpy or torch; None for what is no whole number."""
    try:
        return operator.index(number)
    except TypeError:
        return None


def read_weight(weight: Any) -> float | None:
    """The weight as a float, whether it is a number of Python, numpy or torch; None for what is no single number."""
    if isinstance(weight, Tensor):
        weight = weight.detach()
    if isinstance(weight, numbers.Real) or getattr(weight, "ndim", None) == 0:
        return float(weight)
    return None
