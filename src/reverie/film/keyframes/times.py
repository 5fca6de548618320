"""Times in a film, in words: "0:10", "12.5s", "300" (a frame) or "50%"; and the clock that they are read by."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reverie.errors import SettingsError

TIME = re.compile(r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+(?:\.\d*)?|\.\d+)(?P<unit>[sf%]?)")
LONGEST = 30
"""The most letters of a time in words."""
TIME_WORDS = "0:10, 1:02:03.5, 12.5s, 300 (a frame) or 50%"
SECONDS_WORDS = "0:10, 1:02:03.5, 90s or 12.5"


@dataclass(frozen=True)
class Clock:
    """When each frame of a film is shown, in seconds from its beginning; steady or not.

    Raises `SettingsError` for no frame, a rate that is none, and times that run backwards.

    >>> from reverie.film.keyframes.times import Clock
    >>> Clock.steady(frames=250, rate=25).seconds[-1]
    9.96
    """

    seconds: tuple[float, ...]
    rate: float
    """Frames a second: on average, where they vary."""

    def __post_init__(self) -> None:
        if not self.seconds or not 0 < self.rate < math.inf:
            raise SettingsError(f"a film of {len(self.seconds)} frames at {self.rate} a second; expected more of each")
        if any(second >= after for second, after in zip(self.seconds, self.seconds[1:], strict=False)):
            raise SettingsError("the times of a film's frames run backwards; expected each later than the one before")

    @classmethod
    def steady(cls, frames: int, rate: Fraction | float) -> Clock:
        """The clock of so many frames, all shown for the same time."""
        exact = Fraction(rate) if rate > 0 else Fraction(0)
        return cls(tuple(float(number / exact) for number in range(frames)) if exact else (), float(rate))

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.seconds)

    @property
    def last(self) -> float:
        """When the last frame is shown, in seconds."""
        return self.seconds[-1]

    def find_second(self, frame: int) -> float:
        """When a frame is shown; one beyond the end, when it would be."""
        beyond = frame - self.frames + 1
        return self.seconds[frame] if beyond <= 0 else self.last + beyond / self.rate


def parse_time(words: Any, clock: Clock) -> float:
    """A time in a film, in seconds: "0:10" and "12.5s" are seconds, "300", "300f" and 300 a frame, "50%" a share.

    A share is that of the time from the first frame to the last. TOML's numbers and times of the day are read as they
    are written. A time beyond the end is none to refuse here. Raises `SettingsError` for what is no time.
    """
    text = str(words).strip()
    match = None if isinstance(words, bool) or len(text) > LONGEST else TIME.fullmatch(text)
    if match is None or (match["minutes"] is not None and match["unit"]):
        raise SettingsError(f"{words!r} is no time; expected one such as {TIME_WORDS}")
    number = match["seconds"]
    if match["unit"] == "%":
        return float(number) / 100 * (clock.last or 1 / clock.rate)  # a single frame is its own first and last
    if match["unit"] == "s" or match["minutes"] is not None:
        return float(add_up(match, text))
    if not number.isdigit():
        raise SettingsError(f"{words!r} is no frame, of which each has a whole number; for seconds say {number}s")
    return clock.find_second(int(number))


def parse_seconds(words: str) -> Fraction:
    """A time in seconds, exactly: "0:10", "90s", "1:02:03.5", and a bare number is seconds too.

    Raises `SettingsError` for what is no time, and for frames and shares.
    """
    text = words.strip()
    match = None if len(text) > LONGEST else TIME.fullmatch(text)
    if match is None or match["unit"] in ("f", "%") or (match["minutes"] is not None and match["unit"]):
        raise SettingsError(f"{words!r} is no time in seconds; expected one such as {SECONDS_WORDS}")
    return add_up(match, text)


def add_up(match: re.Match[str], words: str) -> Fraction:
    """The seconds of hours, minutes and seconds; raises `SettingsError` for more than 59 where a larger unit is."""
    hours, minutes, seconds = (Fraction(match[name] or 0) for name in ("hours", "minutes", "seconds"))
    if (match["minutes"] is not None and seconds >= 60) or (match["hours"] is not None and minutes >= 60):
        raise SettingsError(f"{words!r} is no time: after a colon expected less than 60")
    return 3600 * hours + 60 * minutes + seconds


def format_time(seconds: float) -> str:
    """A time in words for people: "9.5 s"."""
    return f"{seconds:.6g} s"
