"""Wishes and masks over time: how much of each there is at every frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reverie.errors import SettingsError, WordingError
from reverie.film.keyframes.curves import Arrival, Easing, Values, check_order, measure_reach, read_easing, share_out
from reverie.film.keyframes.schedules import warn_if_beyond
from reverie.film.keyframes.times import Clock, format_time, parse_time
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective as parse_objective

DECIMALS = 6
"""Those of a share: what a processor does with the last digits of a number must change no film."""
ENDS = ("from", "to")
"""What a mask's table calls its two times."""


@dataclass(frozen=True)
class FadingWish:
    """A wish, and how much of it there is at each frame, 0..1."""

    objective: Objective
    weight: float
    """What it is multiplied by beside the others, so that none of them drowns the rest."""
    shares: tuple[float, ...]
    beside: bool = False
    """Whether it is there beside the others all the time, and fades into none of them."""


@dataclass(frozen=True)
class FadingMask:
    """A region, what is wished for there, and how much of it there is at each frame, 0..1."""

    file: str
    objective: Objective
    shares: tuple[float, ...]


def round_shares(values: Values) -> tuple[float, ...]:
    """Shares to a few decimals."""
    return tuple(np.round(values, DECIMALS).tolist())


def read_objective(table: Mapping[str, Any], kind: str) -> Objective:
    """What a table wishes for; raises `SettingsError` where it says nothing, `WordingError`."""
    words = table.get("objective")
    if not isinstance(words, str):
        raise SettingsError(f'a {kind} in keyframes has no objective; expected one as in objective = "fire8^2"')
    return parse_objective(words)


def read_time(table: Mapping[str, Any], name: str, what: str, clock: Clock) -> float:
    """The time that a table says under a name; raises `SettingsError` where it says none."""
    if name not in table:
        raise SettingsError(f'{what} has no time; expected {name} = "0:10", or another time')
    try:
        return parse_time(table[name], clock)
    except SettingsError as error:
        raise SettingsError(f"{what}: {error}") from None


def read_fade_easing(table: Mapping[str, Any], what: str) -> Easing:
    """How something fades; raises `SettingsError` for a curve that leaves 0..1."""
    try:
        easing = read_easing(table.get("ease"), table.get("bezier"))
    except SettingsError as error:
        raise SettingsError(f"{what}: {error}") from None
    eased = easing(np.linspace(0, 1, 101))
    if eased.min() < 0 or eased.max() > 1:
        raise SettingsError(f"{what} fades by {table['bezier']}, which goes beyond 0..1; expected y1 and y2 within")
    return easing


def read_fading_wishes(tables: Sequence[Mapping[str, Any]], clock: Clock) -> tuple[FadingWish, ...]:
    """The wishes of keyframes, each faded into by its time: over `fade`, or all the way from the one before.

    Raises `SettingsError`, `UnknownName`, `WordingError`.
    """
    if not tables:
        return ()
    objectives = [read_objective(each, "wish") for each in tables]
    names = [f"the wish {each}" for each in objectives]
    times = [read_time(each, "at", name, clock) for each, name in zip(tables, names, strict=True)]
    check_order("the wish", times)
    if "fade" in tables[0]:
        raise SettingsError(f"{names[0]} is the first and has nothing to fade from; expected no fade there")
    starts = [times[0]]
    for table, name, before, time in zip(tables[1:], names[1:], times, times[1:], strict=False):
        start = time - read_time(table, "fade", name, clock) if "fade" in table else before
        if start < before - 1e-9:
            raise SettingsError(
                f"wishes overlap: {name} begins to fade in at {format_time(start)}, before the one before it is there "
                f"at {format_time(before)}; expected a shorter fade"
            )
        starts.append(start)
    easings = [read_fade_easing(each, name) for each, name in zip(tables, names, strict=True)]
    warn_if_beyond(names[-1], times[-1], clock)
    arrivals = [Arrival(*each) for each in zip(starts, times, easings, strict=True)]
    shares = share_out(arrivals, np.array(clock.seconds))
    weights = [read_weight(each, name) for each, name in zip(tables, names, strict=True)]
    return tuple(
        FadingWish(objective, weight, round_shares(share))
        for objective, weight, share in zip(objectives, weights, shares, strict=True)
    )


def read_weight(table: Mapping[str, Any], what: str) -> float:
    """The weight of a wish beside the others; raises `SettingsError` for one that is none."""
    weight = table.get("weight", 1.0)
    if type(weight) not in (int, float) or not 0 < weight < 1e30:
        raise SettingsError(f"{what} has the weight {weight!r}; expected a number above 0")
    return float(weight)


def read_fading_masks(tables: Sequence[Mapping[str, Any]], clock: Clock) -> tuple[FadingMask, ...]:
    """The masks of keyframes, each there between two times, and fading in after the one and out before the other.

    Raises `SettingsError`, `UnknownName`, `WordingError`.
    """
    return tuple(read_fading_mask(each, clock) for each in tables)


def read_fading_mask(table: Mapping[str, Any], clock: Clock) -> FadingMask:
    """A mask over time; where no beginning or no end is said, it is there from the film's, without a fade."""
    file = table.get("file")
    if not isinstance(file, str) or not file:
        raise SettingsError('a mask in keyframes has no file; expected a picture as in file = "sky.png"')
    what, seconds = f"the mask {file}", np.array(clock.seconds)
    try:
        objective = read_objective(table, "mask")
    except WordingError as error:
        raise WordingError(f"{what}: {error}") from None
    start = read_time(table, "from", what, clock) if "from" in table else None
    end = read_time(table, "to", what, clock) if "to" in table else None
    fade, easing = read_time({"fade": "0s", **table}, "fade", what, clock), read_fade_easing(table, what)
    length, fades = (math.inf if end is None else end) - (start or 0.0), fade * sum(each in table for each in ENDS)
    if length <= 0:
        raise SettingsError(f"{what} ends at {format_time(end or 0)}, and begins at {format_time(start or 0)}")
    if fades > length + 1e-9:
        raise SettingsError(
            f"{what} is there for {format_time(length)} and fades for {format_time(fades)}: they overlap"
        )
    shares = np.ones_like(seconds)
    if start is not None:
        warn_if_beyond(what, start, clock)
        shares = measure_reach(Arrival(start, start + fade, easing), seconds)
    if end is not None:
        warn_if_beyond(what, end, clock)
        shares = shares - measure_reach(Arrival(end - fade, end, easing), seconds)
    return FadingMask(file, objective, round_shares(shares))
