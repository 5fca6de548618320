"""A film, looked through once before it is dreamed; what was found is kept beside what is made of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeAlias

from reverie.errors import SettingsError
from reverie.film.keyframes.table import hears_sound
from reverie.film.keyframes.times import Clock, parse_seconds
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.sound import measure_sound
from reverie.film.reading.survey import Survey, survey_film
from reverie.film.writing.store import SegmentStore
from reverie.settings.film import FilmSettings

log = logging.getLogger("reverie")

Span: TypeAlias = tuple[Fraction, Fraction | None]
"""Where in a film to begin and to end, in seconds; None: at its end."""

Heard: TypeAlias = Mapping[str, Sequence[float]] | None
"""What is heard at each frame, by name; None where there is no film to hear, or nobody asks."""

NOTE = "survey"

TOLD_AFTER = 5000
"""After how many frames a long film is told to be looked through still."""


def read_span(own: FilmSettings) -> Span:
    """The part of a film that settings say; raises `SettingsError` for one that ends before it begins."""
    start = Fraction(0) if own.start is None else parse_seconds(own.start)
    end = None if own.end is None else parse_seconds(own.end)
    if end is not None and start >= end:
        raise SettingsError(f"the film would begin at {own.start or 0} and end at {own.end}; expected a later end")
    return start, end


Watch: TypeAlias = Callable[[int], None]
"""Is told how many frames have been looked through; what it raises ends that."""


def look_through(film: FilmFile, span: Span, target: Path, watch: Watch | None = None) -> tuple[Survey, dict[str, str]]:
    """The survey of a part of a film, and the notes to keep: what an earlier call found is not looked for again."""
    key = f"{film.digest} {span[0]} {span[1]} {film.rate}"
    noted = SegmentStore.beside(target, "").read_note(NOTE)
    found = json.loads(noted) if noted else {}
    if found.get("key") == key:
        return Survey.from_json(found["survey"]), {NOTE: noted or ""}
    log.info("looking through %s", film.path.name)
    survey = survey_film(film, *span, watch=watch or partial(tell_progress, film))
    return survey, {NOTE: json.dumps({"key": key, "survey": survey.to_json()})}


def tell_progress(film: FilmFile, frames: int) -> None:
    """A word to the log about a long film, now and then."""
    if frames % TOLD_AFTER == 0:
        log.info("looking through %s: %d frames", film.path.name, frames)


def listen(path: Path, keyframes: str) -> tuple[Clock, Heard]:
    """The clock of a film, and what is heard at each of its frames if keyframes ask for it; nothing is dreamed.

    Raises `FilmError` for a film that cannot be read.
    """
    film = open_film(path)
    survey = survey_film(film)
    sound = measure_sound(film, survey.seconds) if hears_sound(keyframes) else None
    return Clock(survey.seconds, float(survey.rate)), sound
