"""A value over the frames of a film, in words: a number, an expression, a schedule as Deforum's, or keyframes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.arithmetic import AUDIO, Variables
from reverie.film.keyframes.curves import Arrival, Values, check_order, read_easing, share_out
from reverie.film.keyframes.expressions import Expression, ExpressionParser, parse_expression
from reverie.film.keyframes.times import Clock, format_time, parse_time

log = logging.getLogger("reverie")

KEYFRAME_WORDS = ("at", "value", "ease", "bezier")
EXAMPLE_VALUE = '0.5, "0.5 + 0.5*sin(s)", "0:(0.01), 30:(0.03)" or [{at = "0s", value = 8}, {at = "50%", value = 32}]'


def make_variables(clock: Clock, sound: Mapping[str, Sequence[float]] | None = None) -> dict[str, Values]:
    """What expressions may read at each frame.

    `sound`: "level", "low", "mid", "high" and "flux" of each frame, 0..1; None where there is no film to hear.
    """
    frames = np.arange(clock.frames, dtype=np.float64)
    constants = {"max_f": clock.frames - 1.0, "fps": float(clock.rate), "pi": np.pi, "e": np.e}
    heard = {name: (sound or {}).get(name.removeprefix("audio.")) for name in AUDIO}
    return {
        "t": frames,
        "s": np.array(clock.seconds, np.float64),
        **{name: np.full_like(frames, value) for name, value in constants.items()},
        **{name: np.array(values, np.float64) for name, values in heard.items() if values is not None},
    }


def read_values(name: str, said: Any, clock: Clock, variables: Variables) -> Values:
    """The value at each frame of what a user said: a number, a text, or a list of keyframes.

    `name` is what errors call it. Raises `SettingsError`, `UnknownName`.
    """
    if isinstance(said, list) and said and all(isinstance(each, dict) for each in said):
        return mix_keyframes(name, said, clock, variables)
    if type(said) in (int, float) and np.isfinite(float(said)):
        return np.full(clock.frames, float(said))
    if not isinstance(said, str):
        raise SettingsError(f"{name} is {said!r}; expected one such as {EXAMPLE_VALUE}")
    try:
        if ":" in said:
            return read_schedule_string(name, said, clock, variables)
        return parse_expression(said).evaluate(variables)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None


def mix_keyframes(name: str, tables: Sequence[Mapping[str, Any]], clock: Clock, variables: Variables) -> Values:
    """The value at each frame between keyframes, each a time, a value, and how it is approached from the one before.

    A keyframe's value may be an expression, too; from one to the next, what both say at a frame is mixed.
    """
    for each in tables:
        for word in each:
            if word not in KEYFRAME_WORDS:
                raise UnknownName(f"part of a keyframe of {name}", word, KEYFRAME_WORDS)
        if "at" not in each or "value" not in each or isinstance(each["value"], list):
            raise SettingsError(
                f'{name} has the keyframe {dict(each)}; expected one such as {{at = "50%", value = 32}}'
            )
    try:
        times = [parse_time(each["at"], clock) for each in tables]
        easings = [read_easing(each.get("ease"), each.get("bezier")) for each in tables]
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None
    check_order(name, times)
    warn_if_beyond(name, times[-1], clock)
    values = [read_values(name, each["value"], clock, variables) for each in tables]
    starts = [times[0], *times[:-1]]
    arrivals = [Arrival(*each) for each in zip(starts, times, easings, strict=True)]
    shares = share_out(arrivals, variables["s"])
    mixed = np.zeros(clock.frames)
    for share, value in zip(shares, values, strict=True):
        mixed += share * value
    return mixed


def warn_if_beyond(name: str, second: float, clock: Clock) -> None:
    """Logs a warning about a keyframe after the film's end, which is approached but never reached."""
    if second > clock.find_second(clock.frames) + 1e-9:  # its last frame is shown until then
        log.warning(
            "%s has a keyframe at %s, and the film ends at %s: it is not reached",
            name,
            format_time(second),
            format_time(clock.find_second(clock.frames)),
        )


def read_schedule_string(name: str, words: str, clock: Clock, variables: Variables) -> Values:
    """The value at each frame of a schedule such as Deforum's, `0:(0.01), 30:(0.03*sin(t))`, and as there.

    Up to the next frame that is named, a number goes to the value there in a straight line, and an expression of `t`,
    `s` or the sound has its own value at each frame. Before the first frame and after the last, their values stay.
    """
    parts = parse_schedule(words)
    frames = [read_frame(each, variables) for each, _ in parts]
    for before, after in pairwise(frames):
        if after <= before:
            problem = "is named twice" if after == before else f"comes after frame {before}"
            raise SettingsError(f"{words!r}: frame {after} {problem}; expected frames in their order, each once")
    warn_if_beyond(name, clock.find_second(frames[-1]), clock)
    values = np.full(clock.frames, value_at(parts[0][1], frames[0], clock, variables))
    ends = [*frames[1:], clock.frames]
    for number, (frame, end) in enumerate(zip(frames, ends, strict=True)):
        inside, expression = slice(frame, end), parts[number][1]
        here = {name: each[inside] for name, each in variables.items()}
        values[inside] = expression.evaluate(here)
        if expression.constant and number + 1 < len(frames):
            reached = value_at(parts[number + 1][1], end, clock, variables)
            values[inside] += (here["t"] - frame) / (end - frame) * (reached - values[inside])
    return values


def parse_schedule(words: str) -> list[tuple[Expression, Expression]]:
    """The frames and the values of a schedule in words, each pair as `FRAME:(VALUE)`; raises `SettingsError`."""
    parser = ExpressionParser(words)
    parts = []
    while True:
        frame = parser.parse_expression()
        parser.require(":")
        parts.append((frame, parser.parse_expression()))
        if not parser.take(","):
            break
        if not parser.text:  # a comma at the end is no mistake
            break
    if parser.text:
        raise parser.make_error("a comma and the next frame, or the end")
    return parts


def read_frame(expression: Expression, variables: Variables) -> int:
    """The number of a frame in a schedule; as in Deforum it may be computed, as in `max_f/2`, and is rounded down."""
    if not expression.constant:
        raise SettingsError(f"{expression.words!r} is no frame; expected a number, or one made of max_f and fps")
    frame = float(expression.evaluate(variables)[0])
    if not 0 <= frame < 2**31:
        raise SettingsError(f"{expression.words!r} is no frame: {frame:g}; expected 0 or more")
    return int(frame)


def value_at(expression: Expression, frame: int, clock: Clock, variables: Variables) -> float:
    """The value of an expression at one frame; beyond the film's end its sound is that of the end."""
    inside = min(frame, clock.frames - 1)
    there = {name: values[inside : inside + 1] for name, values in variables.items()}
    if frame > inside:
        there |= {"t": np.array([float(frame)]), "s": np.array([clock.find_second(frame)])}
    return float(expression.evaluate(there)[0])
