"""What changes over a film, for a page that draws it: keyframes as text, as tables, and as values at each frame."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.changing import FILM_FIELDS, Curve, find_changing
from reverie.film.keyframes.moments import Schedule, read_schedule
from reverie.film.keyframes.table import KeyframeTable, hears_sound, parse_table
from reverie.film.keyframes.times import Clock, parse_time
from reverie.film.looking import read_span
from reverie.film.making import exact_rate
from reverie.film.reading.opening import DEFAULT_RATE, FilmFile
from reverie.film.reading.sound import measure_sound
from reverie.recipe.film import KINDS, Motion
from reverie.settings import Settings
from reverie.settings.film import FilmSettings

if TYPE_CHECKING:
    from reverie.studio.stills import Reel
    from reverie.studio.workshop import Workshop

MOST_FRAMES = 400_000
"""The most frames over which curves are drawn."""

DRAWN = 480
"""How many values of a curve a page is told."""


class KeyframesAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keyframes as a page has them: a text, or else tables that it drew. `input` is the film's key, if there is one."""

    kind: Literal["film", "zoom", "morph"] = "film"
    text: str = ""
    table: dict[str, Any] | None = None
    input: str | None = None
    motion: dict[str, Any] = {}
    objective: str = ""
    hear: bool = False


def list_changing() -> dict[str, list[str]]:
    """The settings that may change over a film, a zoom and a morph, by name."""
    found: dict[str, list[str]] = {}
    for kind, motion in KINDS.items():
        names = dict.fromkeys(each.name for each in (*motion.fields(), *Settings.fields()))
        found[kind] = [name for name in names if may_change(name, motion)]
    return found


def may_change(name: str, motion: type[Motion]) -> bool:
    """Whether a setting may change over a film."""
    try:
        return find_changing(name, motion.fields(), []).setting is not None
    except (SettingsError, UnknownName):
        return False


def clock_of(motion: Motion, reel: Reel | None) -> tuple[float, Clock]:
    """Where in its film a clock begins, in seconds, and the clock: of the frames as their rate says, before a look.

    Raises `SettingsError` for a part that has no frame, and for too many frames.
    """
    start, length, rate = 0.0, 10.0, DEFAULT_RATE
    if isinstance(motion, FilmSettings):
        first, last = read_span(motion)
        if reel is not None:
            start, rate = float(first), reel.film.rate
            length = min(reel.seconds, float(reel.seconds if last is None else last)) - start
    else:
        length, rate = motion.seconds, exact_rate(motion.rate)
    if length <= 0:
        raise SettingsError("nothing of the film is chosen: its end comes before its beginning")
    frames = max(1, round(length * rate))
    if frames > MOST_FRAMES:
        raise SettingsError(f"{frames} frames are too many to draw curves over: choose a part of the film")
    return start, Clock.steady(frames, rate)


@lru_cache(maxsize=8)
def hear_film(film: FilmFile, frames: int, rate: float, start: float) -> dict[str, list[float]]:
    """What is heard at each frame of a part of a film."""
    return measure_sound(film, Clock.steady(frames, film.rate).seconds, start)


def hear(film: FilmFile, clock: Clock, start: float) -> dict[str, list[float]]:
    """What is heard at each frame of a clock, which is listened to once."""
    return hear_film(film, clock.frames, clock.rate, start)


def draw_timeline(asked: KeyframesAsked, workshop: Workshop) -> dict[str, Any]:
    """Keyframes as text and as tables, and what they make of every setting and wish. Raises what the parser raises."""
    motion = KINDS[asked.kind].of(asked.motion)
    upload = None if asked.input is None else workshop.uploads.find(asked.input)
    reel = None if upload is None or asked.kind != "film" else upload.reel
    start, clock = clock_of(motion, reel)
    text = asked.text if asked.table is None else write_table(asked.table)
    table = parse_table(text)
    wanted = reel is not None and (asked.hear or hears_sound(text))
    sound = hear(reel.film, clock, start) if reel is not None and wanted else None
    schedule = read_schedule(text, clock, sound, asked.objective, motion.fields())
    steps = pick_frames(clock)
    return {
        "text": text,
        "table": as_json({"curves": table.curves, "wish": table.wishes, "mask": table.masks}),
        "frames": clock.frames,
        "rate": clock.rate,
        "seconds": clock.find_second(clock.frames),
        "times": [round(clock.seconds[step], 4) for step in steps],
        "curves": [draw_curve(each, table, clock, steps) for each in schedule.curves],
        "wishes": draw_wishes(schedule, table, clock, steps),
        "sound": {name: [round(values[step], 3) for step in steps] for name, values in (sound or {}).items()},
    }


def write_table(table: Mapping[str, Any]) -> str:
    """The text of tables that a page drew; raises `SettingsError` for those that are none."""
    curves, wishes, masks = table.get("curves", {}), table.get("wish", []), table.get("mask", [])
    if not (isinstance(curves, dict) and isinstance(wishes, list) and isinstance(masks, list)):
        raise SettingsError("the keyframes that were drawn cannot be read")
    try:
        return KeyframeTable(curves, tuple(wishes), tuple(masks)).to_toml()
    except (TypeError, AttributeError):
        raise SettingsError("the keyframes that were drawn cannot be read") from None


def as_json(found: Any) -> Any:
    """Tables as JSON has them: a time of the day is a text."""
    return json.loads(json.dumps(found, default=str))


def pick_frames(clock: Clock) -> list[int]:
    """The frames whose values are drawn: all, or as many as a line needs, the last one among them."""
    if clock.frames <= DRAWN:
        return list(range(clock.frames))
    return [round(number * (clock.frames - 1) / (DRAWN - 1)) for number in range(DRAWN)]


def draw_curve(curve: Curve, table: KeyframeTable, clock: Clock, steps: Sequence[int]) -> dict[str, Any]:
    """A curve: its values, and, where it was said as keyframes of numbers, its points in seconds."""
    fields = {each.name: each for each in (*Settings.fields(), *FILM_FIELDS)}
    setting = fields.get(curve.name) if curve.term is None else None
    return {
        "name": curve.name,
        "weight": curve.term is not None,
        "values": [curve.values[step] for step in steps],
        "whole": setting is not None and setting.kind is int,
        "least": None if setting is None else setting.least,
        "most": None if setting is None else setting.most,
        "points": find_points(table.curves.get(curve.name), clock),
    }


def find_points(said: Any, clock: Clock) -> list[dict[str, Any]] | None:
    """The keyframes of a curve, each with its second; None where it is said in another way."""
    if not isinstance(said, list):
        return None
    if not all(isinstance(each, dict) and type(each.get("value")) in (int, float) for each in said):
        return None
    return [{**as_json(each), "second": parse_time(each["at"], clock)} for each in said]


def draw_wishes(schedule: Schedule, table: KeyframeTable, clock: Clock, steps: Sequence[int]) -> list[dict[str, Any]]:
    """The wishes over time, each with its share of the whole, and when it is there."""
    times = [parse_time(each["at"], clock) for each in table.wishes]
    shown = [each for each in schedule.wishes if not each.beside][: len(times)]
    return [
        {"words": str(each.objective), "second": time, "shares": [round(each.shares[step], 3) for step in steps]}
        for each, time in zip(shown, times, strict=True)
    ]
