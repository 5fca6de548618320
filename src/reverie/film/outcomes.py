"""Films made one after another: each ends in an outcome, and one that fails does not stop the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from reverie.errors import FilmError, ReverieError
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.planning import prepare_film
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Outcome, Watch, finish_run

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
    try:
        own = survey_film(open_film(path)).flash
    except FilmError:  # a folder of frames has no rate of its own to be seen at
        return
    before = run.flash or 0.0
    if own >= NOTICEABLE and own > before:
        was = "" if run.flash is None else f" (its input: {before:.3g})"
        log.warning(
            "%s flashes: %.3g as FFmpeg's photosensitivity filter counts it%s; --calm limits it", path, own, was
        )
