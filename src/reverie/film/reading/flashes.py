"""How much a film flashes: the measure of libavfilter's `photosensitivity`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.film.libraries import import_av, import_cv2
from reverie.film.reading.coloring import Colorist
from reverie.film.reading.decoding import decode_film
from reverie.film.reading.opening import open_film

LONGEST = 320
"""The longer side in pixels at which films are looked at: flashes that matter are large."""

BADNESS = "lavfi.photosensitivity.badness"


class Watcher:
    """A chain of libavfilter's filters that look at small frames, one by one, and write down what they see."""

    def __init__(self, *filters: tuple[str, str], layout: str = "rgb24") -> None:
        self._filters, self._layout = filters, layout
        self._graph: Any = None
        self._number = 0

    def look(self, pixels: NDArray[np.uint8]) -> list[dict[str, str]]:
        """What the filters wrote about the frames that are through them by now."""
        av = import_av()
        frame = av.VideoFrame.from_ndarray(pixels, format=self._layout)
        frame.pts, frame.time_base = self._number, Fraction(1, 25)
        self._number += 1
        if self._graph is None:
            self._graph = self._build(frame)
        self._graph.push(frame)
        return list(self._drain())

    def _build(self, frame: Any) -> Any:
        graph = import_av().filter.Graph()
        start = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format.name, time_base=frame.time_base
        )
        nodes = [graph.add(name, options) for name, options in self._filters]
        graph.link_nodes(start, *nodes, graph.add("buffersink")).configure()
        return graph

    def _drain(self) -> Any:
        av = import_av()
        while True:
            try:
                yield dict(self._graph.pull().metadata)
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class FlashMeter:
    """Measures how much a film flashes, frame by frame; `rate` is how many there are a second.

    `badness` is 0 for what is steady and for noise, some 10 for a cut and some 30 for what flashes ten times a second:
    the most that any second has. It knows nothing of how large one sees the film: it warns, and proves nothing.
    """

    def __init__(self, rate: Fraction | float = 25) -> None:
        self.badness = 0.0
        self._window, self._number, self._first = min(max(round(rate), 2), 240), 0, 0.0
        self._watcher = Watcher(("photosensitivity", f"frames={self._window}:bypass=1"))

    def feed(self, pixels: NDArray[np.uint8], pts: int = 0) -> None:
        """Look at the next frame, (h, w, 3)."""
        height, width = pixels.shape[:2]
        scale = LONGEST / max(height, width)
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = import_cv2().resize(pixels, size, interpolation=import_cv2().INTER_AREA)
        for seen in self._watcher.look(np.ascontiguousarray(pixels)):
            badness = float(seen.get(BADNESS, 0))
            # To the filter, there is black before the first frame: a flash that none sees, and that it slowly forgets.
            self._first = self._first if self._number else badness
            forgotten = min(1, self._number / self._window)
            self.badness = max(self.badness, round(badness - self._first * (1 - forgotten), 3))
            self._number += 1


def measure_flashes(path: Path) -> float:
    """How much a film flashes, as `FlashMeter` has it. Raises FilmError for what is no film."""
    film = open_film(path)
    colorist, meter = Colorist(film), FlashMeter(film.rate)
    for shown in decode_film(film):
        meter.feed(colorist.read_small(shown.picture, LONGEST))
    return meter.badness
