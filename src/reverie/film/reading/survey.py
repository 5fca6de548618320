"""One look at a whole film before anything is dreamed: its times, cuts and flashes, and what is broken in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

from reverie.errors import FilmError
from reverie.film.reading.coloring import Colorist
from reverie.film.reading.cuts import CutFinder
from reverie.film.reading.decoding import Journal, Shown, decode_film
from reverie.film.reading.flashes import LONGEST, FlashMeter
from reverie.film.reading.opening import FilmFile
from reverie.image.opening import escape_path

log = logging.getLogger("reverie")


@dataclass(frozen=True)
class Survey:
    """The frames of a film, or of a part of it.

    - `times`: when each is shown, in units of `time_base`, from the beginning of the film. `end`: where the last ends.
    - `cuts`: the numbers of the frames with which a new shot begins; never 0.
    - `lost`: the numbers of those that cannot be decoded, and repeat the one before.
    - `flash`: how much it flashes, as `FlashMeter` has it.
    - `damaged`: the times at which the file was found to be damaged. `restarts`: whether its times begin anew.
    """

    times: tuple[int, ...]
    end: int
    time_base: Fraction
    cuts: tuple[int, ...]
    lost: tuple[int, ...]
    flash: float
    damaged: tuple[int, ...] = ()
    restarts: bool = False

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return len(self.times) / ((self.end - self.times[0]) * self.time_base)

    @property
    def seconds(self) -> tuple[float, ...]:
        """When each frame is shown, in seconds from the first of them."""
        return tuple(float((time - self.times[0]) * self.time_base) for time in self.times)

    def to_json(self) -> str:
        """The survey as text."""
        return json.dumps({**asdict(self), "time_base": str(self.time_base)})

    @classmethod
    def from_json(cls, text: str) -> Survey:
        """The survey of a text that `to_json` made."""
        values = json.loads(text)
        numbers = {name: tuple(values[name]) for name in ("times", "cuts", "lost", "damaged")}
        return cls(**{**values, **numbers, "time_base": Fraction(values["time_base"])})


def survey_film(
    film: FilmFile,
    start: Fraction | None = None,
    end: Fraction | None = None,
    watch: Callable[[int], None] = lambda frames: None,
) -> Survey:
    """Look at the frames of a film from `start` on, and before `end`, in seconds; `watch` is told how many are done.

    Raises FilmError where nothing is left between them, and for a frame of another size than the first.
    """
    window = Window.of(film, start, end)
    journal, look = Journal(), Look(film)
    for shown in decode_film(film, window.first, journal):
        if shown.time >= window.last:
            look.after = shown.time
            break
        if shown.time >= window.first:
            look.see(shown)
            watch(len(look.times))
    return look.conclude(window, journal)


@dataclass(frozen=True)
class Window:
    """A part of a film: the times from `first` on, and before `last`, in units of its time base."""

    first: int
    last: float

    @classmethod
    def of(cls, film: FilmFile, start: Fraction | None, end: Fraction | None) -> Window:
        """The part between two times in seconds."""
        first = 0 if start is None else -int(-start / film.time_base // 1)
        last = float("inf") if end is None else -int(-end / film.time_base // 1)
        if last <= first:
            raise FilmError(f"a film from {float(start or 0):g} s to {float(end or 0):g} s has no frame")
        return cls(first, last)


class Look:
    """What is seen of a film, frame by frame."""

    def __init__(self, film: FilmFile) -> None:
        self.film, self.times = film, list[int]()
        self.after: int | None = None
        """When the first frame behind the end is shown, if there is one."""
        self._colorist, self._cuts, self._flashes = Colorist(film), CutFinder(), FlashMeter(film.rate)
        self._size: tuple[int, int] | None = None
        self._duration = 0

    def see(self, shown: Shown) -> None:
        """Look at the next frame."""
        size = shown.picture.width, shown.picture.height
        if size != (self._size or size):
            number, name = len(self.times), escape_path(self.film.path)
            raise FilmError(
                f"{name} changes its size at frame {number}, from {self._size} to {size}; expected a film of one size"
            )
        self._size, self._duration = size, shown.duration
        small = self._colorist.read_small(shown.picture, LONGEST)
        self.times.append(shown.time)
        self._cuts.feed(small)
        self._flashes.feed(small)

    def conclude(self, window: Window, journal: Journal) -> Survey:
        """What was seen, with what should have been seen."""
        name = escape_path(self.film.path)
        if not self.times:
            raise FilmError(f"{name} has no frame there; it is {float(journal.end * self.film.time_base):.6g} s long")
        lost = find_lost(self.times, [each for each in journal.expected if window.first <= each < window.last], journal)
        lost = sorted({*lost, *find_gaps(sorted({*self.times, *lost}), journal.damaged)})
        times = sorted({*self.times, *lost})
        numbers = {time: number for number, time in enumerate(times)}
        if lost:
            log.warning(f"{len(lost)} of {len(times)} frames of {name} are damaged; each repeats the one before")
        end = self._find_end(times, window, journal)
        missing = (journal.said - end) * self.film.time_base
        if self.after is None and window.last == float("inf") and missing > SHORT:
            log.warning(f"{name} ends {float(missing):.3g} s before its header says: it is truncated or damaged")
        cuts = [self.times[number] for number in self._cuts.finish()]
        return Survey(
            tuple(times),
            end,
            self.film.time_base,
            tuple(numbers[time] for time in cuts if numbers[time]),
            tuple(numbers[time] for time in lost),
            self._flashes.badness,
            tuple(sorted({*lost, *journal.damaged})),
            journal.restarts,
        )

    def _find_end(self, times: list[int], window: Window, journal: Journal) -> int:
        """Where the last frame ends: where the next one begins, or the part, or as the file says."""
        if self.after is not None:
            return max(times[-1] + 1, int(min(self.after, window.last)))
        gap = max(1, round(1 / (self.film.rate * self.film.time_base)))
        length = self._duration if self.times[-1] == times[-1] else 0
        said = max(times[-1] + length, journal.end)
        said = said if said > times[-1] else times[-1] + gap
        return int(max(times[-1] + 1, min(said, window.last)))


SHORT = Fraction(1, 2)
"""From how many missing seconds on a film is said to be truncated."""


def find_gaps(times: list[int], damaged: list[int]) -> list[int]:
    """The times of frames of which, beside damage, nothing is left but a gap between others that come evenly."""
    steps = [after - before for before, after in pairwise(times)]
    usual = median_low(steps) if damaged and steps else 0
    if not usual or sum(step == usual for step in steps) < EVEN * len(steps):
        return []
    wide = [(before, after) for before, after in pairwise(times) if (after - before) % usual == 0]
    holed = [pair for pair in wide if any(pair[0] - usual <= time <= pair[1] + usual for time in damaged)]
    return [time for before, after in holed for time in range(before + usual, after, usual)]


EVEN = 0.8
"""The share of steps between frames that are equal where a film has a steady rate."""


def find_lost(times: list[int], expected: list[int], journal: Journal) -> list[int]:
    """The times at which a frame was expected that did not come."""
    lost = sorted(set(expected) - set(times))
    # Where all went well, and every second packet gave no frame, two packets make a frame: the fields of each.
    return [] if not journal.failures and 2 * len(lost) >= len(expected) else lost
