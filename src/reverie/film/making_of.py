"""The making of a picture, as a film: every step of a dream, in its place and at its full size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from reverie.film.writing.encoding import SegmentEncoder
from reverie.film.writing.formats import FilmFormat, FrameShape, check_film_output
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.image.resample import image_size
from reverie.jobs.job import Progress, Run
from reverie.settings.film import Encoding
from reverie.types import Image

RATE = Fraction(25)
"""Steps a second."""

LAST_SHOWN = 25
"""For how many frames the finished picture stays."""


def check_making_of(target: Path) -> FilmFormat:
    """What a film of a making is written as; raises `FilmError` for a place that cannot hold one."""
    return check_film_output(target, Encoding(), None, False)


def film_making(run: Run, target: Path, progress: Iterable[Progress] | None = None) -> Iterator[Progress]:
    """The run's progress; every step becomes a frame of a film, which is written once the run is over, or stopped.

    Raises `FilmError` for a place that cannot hold a film.
    """
    format, steps, stopped = check_making_of(target), 0, False
    with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=f".{target.name}.") as folder:
        segment = Path(folder) / "making.segment"
        first = run.image()
        shape = FrameShape(*image_size(first), RATE, 1 / RATE)
        with SegmentEncoder(segment, format, shape) as encoder:
            encoder.write(first, None, 0)
            try:
                for each in run if progress is None else progress:
                    steps += 1
                    encoder.write(draw_whole(each, shape), None, steps)
                    yield each
            except KeyboardInterrupt:  # a dream that is stopped has a making, too
                stopped = True
            encoder.write(run.image().cpu(), None, steps + 1)
        recipe = run.written_recipe.to_toml()
        join_film(target, Reel([segment], format, shape, steps + 1 + LAST_SHOWN), recipe)
    if stopped:
        raise KeyboardInterrupt


def draw_whole(progress: Progress, shape: FrameShape) -> Image:
    """The whole picture after a step, at its own size."""
    return progress.preview(max(shape.height, shape.width)).cpu()
