"""Where a new shot begins: libavfilter's `scdet`, without the flashes that it takes for cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reverie.film.libraries import import_cv2
from reverie.film.reading.flashes import Watcher

THRESHOLD = 10
"""The score, 0..100, from which on `scdet` sees a cut; it is FFmpeg's own."""

FLASH = 3
"""How many frames a flash lasts at most, after which the shot goes on."""

BACK = 0.5
"""A shot goes on where a frame differs from the one before the cut by less than this share of the cut's own step."""

CUT_TIME = "lavfi.scd.time"

Gray: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Candidate:
    """What may be a cut: the number of its first frame, the frame before, and how much the two differ."""

    number: int
    before: Gray
    step: float


class CutFinder:
    """Finds the cuts of a film, frame by frame."""

    def __init__(self) -> None:
        self._watcher = Watcher(("scdet", f"threshold={THRESHOLD}"), layout="gray")
        self._before: Gray | None = None
        self._number = 0
        self._open: list[Candidate] = []
        self._cuts: list[int] = []

    def feed(self, pixels: NDArray[np.uint8]) -> None:
        """Look at the next frame, (h, w, 3)."""
        gray: Gray = import_cv2().cvtColor(pixels, import_cv2().COLOR_RGB2GRAY)
        is_cut = any(CUT_TIME in seen for seen in self._watcher.look(gray))
        if self._number == 2 and self._before is not None and self._open:
            # Of the second frame, `scdet` cannot know whether all frames differ as much.
            self._open = [each for each in self._open if measure_step(self._before, gray) < BACK * each.step]
        back = [each for each in self._open if measure_step(each.before, gray) < BACK * each.step]
        if back:  # the shot goes on: what began since it broke off was a flash, and to come back is no cut
            self._open = [each for each in self._open if each.number < back[0].number]
        elif is_cut and self._before is not None:
            self._open.append(Candidate(self._number, self._before, measure_step(self._before, gray)))
        while self._open and self._number - self._open[0].number >= FLASH:
            self._cuts.append(self._open.pop(0).number)
        self._before, self._number = gray, self._number + 1

    def finish(self) -> list[int]:
        """The numbers of the frames with which a new shot begins, when all are seen."""
        return [*self._cuts, *(each.number for each in self._open)]


def measure_step(before: Gray, after: Gray) -> float:
    """The mean absolute difference of two frames, 0..255."""
    return float(import_cv2().absdiff(before, after).mean())
