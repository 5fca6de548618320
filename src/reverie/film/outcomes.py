"""Films made one after another: each ends in an outcome, and one that fails does not stop the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from reverie.errors import FilmError, ReverieError
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.planning import prepare_film
from reverie.film.reading.flashes import measure_flashes
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Outcome, Watch, finish_run
from reverie.settings.film import FilmSettings

log = logging.getLogger("reverie")

NOTICEABLE = 1.0
"""How bad the flashing of a film must be, as libavfilter's photosensitivity filter counts it, to be told."""


def make_all(
    jobs: Iterable[FilmJob], watch: Watch = iter, *, models: Networks | None = None, beside: Path | None = None
) -> Iterator[Outcome]:
    """Makes films one after another, as they are asked for. One that fails does not stop the rest; Ctrl-C does."""
    models = models or Networks()
    for job in jobs:
        try:
            run = prepare_film(job, models=models, beside=beside)
            outcome = finish_run(job, run, watch)
            if outcome.path is not None:
                tell_flashes(run, outcome.path)
        except ReverieError as error:
            outcome = Outcome(job, error=error)
        yield outcome
        if outcome.interrupted:
            return


def tell_flashes(run: FilmRun, path: Path) -> None:
    """A word to the log about a finished film that flashes, beside what its input does."""
    if path.is_dir():  # frames have no rate of their own to be seen at
        return
    try:
        own = measure_flashes(path)
    except FilmError:  # no frames, as of a film of one picture
        return
    if own >= NOTICEABLE:
        was = "" if run.flash is None else f" (its input: {run.flash:.3g})"
        can = isinstance(run.recipe.motion, FilmSettings) and not run.recipe.motion.calm
        way = "; --calm limits it" if can else ""
        log.warning("%s flashes: %.3g as FFmpeg's photosensitivity filter counts it%s%s", path, own, was, way)
