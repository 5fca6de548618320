"""Easing: how a value goes from one keyframe to the next, and how much of each keyframe there is at every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.times import format_time

Values: TypeAlias = Float64[np.ndarray, " frames"]
"""A number for each frame of a film."""
Easing: TypeAlias = Callable[[Float64[np.ndarray, " points"]], Float64[np.ndarray, " points"]]
"""easing(share of the time, 0..1) -> share of the way, which is 0 at 0 and 1 at 1."""


def ease_linearly(shares: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """As much of the way as of the time."""
    return shares


def hold_still(shares: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """Nothing of the way until the end of the time, then all of it."""
    return (shares >= 1).astype(np.float64)


def follow_bezier(
    points: tuple[float, float, float, float], shares: Float64[np.ndarray, " points"]
) -> Float64[np.ndarray, " points"]:
    """The share of the way by CSS's cubic-bezier(x1, y1, x2, y2): a curve from (0, 0) to (1, 1) with two handles."""
    x1, y1, x2, y2 = points
    low, high = np.zeros_like(shares), np.ones_like(shares)
    for _ in range(54):  # bisection: time grows along the curve, so that each halving gains a bit of a float64's 53
        middle = (low + high) / 2
        early = compute_cubic(x1, x2, middle) < shares
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    found = compute_cubic(y1, y2, high)
    eased: Float64[np.ndarray, " points"] = np.where(shares <= 0, 0.0, np.where(shares >= 1, 1.0, found))
    return eased


def compute_cubic(first: float, second: float, along: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """A coordinate of a Bezier curve from 0 to 1 whose handles have the coordinates `first` and `second`."""
    rest = 1 - along
    return np.asarray(3 * first * along * rest**2 + 3 * second * along**2 * rest + along**3)


BEZIERS = {  # CSS Easing Functions Level 1, section 2.2
    "ease": (0.25, 0.1, 0.25, 1.0),
    "in": (0.42, 0.0, 1.0, 1.0),
    "out": (0.0, 0.0, 0.58, 1.0),
    "in-out": (0.42, 0.0, 0.58, 1.0),
}
EASINGS: dict[str, Easing] = {
    "linear": ease_linearly,
    "hold": hold_still,
    **{name: partial(follow_bezier, points) for name, points in BEZIERS.items()},
}
"""The easings by name; CSS's own longer names, such as "ease-in", are known as well."""


def read_easing(name: Any = None, bezier: Any = None) -> Easing:
    """The easing of a name or of four numbers, as in CSS; linear if neither is said.

    Raises `SettingsError`, `UnknownName`.
    """
    if bezier is None:
        known = "linear" if name is None else str(name)
        if known.removeprefix("ease-") not in EASINGS:
            raise UnknownName("easing", known, EASINGS)
        return EASINGS[known.removeprefix("ease-")]
    if name is not None:
        raise SettingsError(f"ease = {name!r} and bezier = {bezier!r} at one keyframe; expected one of them")
    numbers = isinstance(bezier, list) and all(type(each) in (int, float) and abs(each) <= 100 for each in bezier)
    if not numbers or len(bezier) != 4 or not (0 <= bezier[0] <= 1 and 0 <= bezier[2] <= 1):
        raise SettingsError(
            f"bezier is {bezier!r}; expected four numbers x1, y1, x2, y2 as in CSS, of which x1 and x2 are within 0..1"
        )
    x1, y1, x2, y2 = map(float, bezier)
    return partial(follow_bezier, (x1, y1, x2, y2))


@dataclass(frozen=True)
class Arrival:
    """When a keyframe is approached, and when it is reached, in seconds; and how."""

    start: float
    end: float
    easing: Easing


SHORTEST = 1e-9
"""The shortest approach in seconds: a shorter one is a jump."""


def measure_reach(arrival: Arrival, seconds: Values) -> Values:
    """How far a keyframe is reached at each time: 0 before its approach, 1 from its own time on."""
    length = arrival.end - arrival.start
    shares = (seconds - arrival.start) / length if length > SHORTEST else np.zeros_like(seconds)
    eased = arrival.easing(np.clip(shares, 0.0, 1.0))
    return np.where(seconds >= arrival.end, 1.0, np.where(shares <= 0, 0.0, eased))


def share_out(arrivals: Sequence[Arrival], seconds: Values) -> list[Values]:
    """How much of each keyframe there is at each time; all together 1. The first is there from the beginning."""
    reached = [np.ones_like(seconds), *(measure_reach(each, seconds) for each in arrivals[1:]), np.zeros_like(seconds)]
    return [here - after for here, after in pairwise(reached)]


def check_order(name: str, times: Sequence[float]) -> None:
    """Raises `SettingsError` where keyframes are at one time, or run backwards."""
    for before, after in pairwise(times):
        if before == after:
            raise SettingsError(f"{name} has two keyframes at {format_time(after)}; expected one")
        if after < before:
            raise SettingsError(
                f"{name} runs backwards: a keyframe at {format_time(after)} after one at {format_time(before)}"
            )
