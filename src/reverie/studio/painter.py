"""What a page sees of a run while it goes: numbers, and the newest picture, no oftener than is useful."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from reverie.jobs.job import Progress, Run
from reverie.studio.pictures import encode_jpeg

PAUSE = 1 / 15
"""The shortest time between two pictures, in seconds."""

COST = 12
"""A picture is drawn once the dream took so many times as long as the last one's drawing: 8 % of the time at most."""


@dataclass(frozen=True)
class News:
    """How far a run is: `share` of its work, 0..1, `seconds` since it began, and how many are left, as far as known."""

    share: float
    place: str
    octave: int
    octaves: int
    size: tuple[int, int]
    score: float | None
    seconds: float
    seconds_left: float | None

    def describe(self) -> dict[str, object]:
        """What a page is told."""
        return {**vars(self), "size": list(self.size)}


class Painter:
    """Watches a run for a page: `news` is the newest, `preview` the newest picture as a JPEG, `number` counts pictures.

    Nothing is drawn unless somebody looks: `look` says so, for the next few seconds.
    """

    def __init__(self, side: int = 768, draws: bool = True) -> None:
        self.side, self.draws = side, draws
        """The longest side of pictures, in pixels: as large as the page shows them."""
        self.news: News | None = None
        self.preview: bytes | None = None
        self.number = 0
        self.curve: list[tuple[float, float]] = []
        """The share of the work done, and the score there, at every step."""
        self._looked = float("-inf")
        self._pause, self._drawn = 0.0, float("-inf")
        self._spent = 0.0
        self._since: tuple[float, float] | None = None
        self._guard = threading.Lock()

    def look(self, seconds: float = 5.0) -> None:
        """Somebody looks at it, for so many seconds from now on."""
        self._looked = time.monotonic() + seconds

    def watch(self, run: Run) -> Iterator[Progress]:
        """The progress of a run, watched."""
        before, self._since = self._spent, None
        began = time.monotonic()
        for progress in run:
            self._spent = before + time.monotonic() - began
            self._tell(progress)
            now = time.monotonic()
            if self.draws and now < self._looked and now - self._drawn > self._pause:
                self.draw(progress)
            yield progress

    def draw(self, progress: Progress) -> None:
        """Draws the picture as it is now."""
        began = time.monotonic()
        self.show(encode_jpeg(progress.preview(self.side)))
        self._drawn = time.monotonic()
        self._pause = max(PAUSE, COST * (self._drawn - began))

    def show(self, jpeg: bytes) -> None:
        """A new picture to be seen."""
        with self._guard:
            self.preview, self.number = jpeg, self.number + 1

    def newest(self) -> tuple[int, bytes | None]:
        """The newest picture and its number."""
        with self._guard:
            return self.number, self.preview

    def _tell(self, progress: Progress) -> None:
        score, share = progress.score, progress.share
        left = self._estimate(share)
        octave = progress.octave, progress.octaves
        self.news = News(share, progress.place, *octave, progress.size, score, self._spent, left)
        if score is not None:
            self.curve.append((share, score))

    def _estimate(self, share: float) -> float | None:
        """How many seconds are left, as fast as it went since the first step: a film may begin in its middle."""
        if self._since is None:
            self._since = self._spent, share
        spent, done = self._spent - self._since[0], share - self._since[1]
        return spent / done * (1 - share) if done > 0 else None
