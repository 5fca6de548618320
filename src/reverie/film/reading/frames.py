"""Reading the frames of a film as pixels, streamed, from any of them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from reverie.errors import FilmError
from reverie.film.libraries import import_cv2
from reverie.film.reading.coloring import Colorist
from reverie.film.reading.decoding import Shown, decode_film
from reverie.film.reading.opening import FilmFile
from reverie.film.reading.sequences import Pixels
from reverie.film.reading.survey import Survey
from reverie.image.opening import escape_path


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a film.

    - `number`: in the survey, from 0.
    - `pixels` (h, w, 3): upright RGB, black 0 and white the largest value; 16 bits where the film has more than 8.
    - `alpha` (h, w): of the same type, 0 transparent; None where the film has none.
    """

    number: int
    pixels: Pixels
    alpha: Pixels | None

    @cached_property
    def image(self) -> Float[Tensor, "1 3 h w"]:
        """The pixels as an image, 0 black to 1 white."""
        planes = np.ascontiguousarray(self.pixels.transpose(2, 0, 1), np.float32)
        return torch.from_numpy(planes)[None].div_(np.iinfo(self.pixels.dtype).max)

    @cached_property
    def gray(self) -> NDArray[np.uint8]:
        """The luma (h, w), 0..255, for the search of motion."""
        luma: NDArray[Any] = import_cv2().cvtColor(self.pixels, import_cv2().COLOR_RGB2GRAY)
        return luma if luma.dtype == np.uint8 else np.round(luma / 257).astype(np.uint8)


def read_frames(film: FilmFile, survey: Survey, first: int = 0, count: int | None = None) -> Iterator[Frame]:
    """Yield the frames of a survey from `first` on, `count` of them or all, in order, each exactly once.

    A frame has the same pixels wherever one begins. One that cannot be decoded is the one before again; at the very
    beginning, the one after. Raises FilmError where the file has changed so that nothing is left.
    """
    last = len(survey.times) if count is None else min(first + count, len(survey.times))
    if not 0 <= first < last:
        return
    since = 0 if survey.restarts else survey.times[find_anchor(survey, first)]
    colorist, ahead = Colorist(film), Ahead(decode_whole_frames(film, survey, since))
    pixels: tuple[Pixels, Pixels | None] | None = None
    for number in range(first, last):
        shown = ahead.find(survey.times[number])
        if pixels is None and shown is None:
            shown = ahead.next
        if shown is not None:
            pixels = colorist.read_pixels(shown.picture)
        if pixels is None:
            raise FilmError(f"{escape_path(film.path)} has changed: frame {number} is not there any more")
        yield Frame(number, *pixels)


def decode_whole_frames(film: FilmFile, survey: Survey, since: int) -> Iterator[Shown]:
    """Yield the decoded frames without those that the survey found to be lost."""
    lost = {survey.times[number] for number in survey.lost}
    return (shown for shown in decode_film(film, since, damaged=survey.damaged) if shown.time not in lost)


def find_anchor(survey: Survey, first: int) -> int:
    """The frame from which on to decode: the first one, or where that is lost, the one that is shown in its place."""
    lost = set(survey.lost)
    before = next((number for number in range(first, -1, -1) if number not in lost), None)
    return first if before is None else before


class Ahead:
    """A stream of frames of which the next one is known."""

    def __init__(self, stream: Iterator[Shown]) -> None:
        self._stream = stream
        self.next = next(stream, None)

    def find(self, time: int) -> Shown | None:
        """The last frame up to a time that was not given yet, if there is one."""
        found = None
        while self.next is not None and self.next.time <= time:
            found, self.next = self.next, next(self._stream, None)
        return found
