"""Jobs done one after another: each ends in an outcome, and one that fails does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from reverie.errors import ReverieError, ScoreError
from reverie.jobs.door import prepare
from reverie.jobs.job import Job, Progress, Report, Run
from reverie.jobs.networks import Networks

Watch: TypeAlias = Callable[[Run], Iterable[Progress]]
"""Reads the progress of a run as it goes: hands on what it iterates."""


@runtime_checkable
class Task(Protocol):
    """A recipe of any kind and its place: a `Job`, or a film's."""

    @property
    def recipe(self) -> Any:
        """What shall be made."""

    @property
    def target(self) -> Path | None:
        """Where it goes."""


@dataclass(frozen=True)
class Outcome:
    """What a job came to.

    `path` is where its picture is, None where there is none. `error` is why it failed; a picture may be there all the
    same, as far as it came. `interrupted`: by Ctrl-C, after `taken` steps.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> outcome, = rv.run_all([rv.Job(rv.Recipe("there is no such.jpg"), Path("dream.png"))])
    >>> outcome.path, type(outcome.error).__name__
    (None, 'ImageFileError')
    """

    job: Task
    path: Path | None = None
    report: Report | None = None
    error: ReverieError | None = None
    interrupted: bool = False
    taken: int = 0


def run_all(
    jobs: Iterable[Job], *, models: Networks | None = None, watch: Watch = iter, beside: Path | None = None
) -> Iterator[Outcome]:
    """Does jobs one after another, as they are asked for. One that fails does not stop the rest; Ctrl-C does.

    `watch` reads each run's progress; `beside` is the picture that holds the recipe, as for `prepare`.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> few = rv.Settings(steps=1, octaves=1)
    >>> jobs = [
    ...     rv.Job(rv.Recipe("examples/astronaut.jpg", objective=wish, settings=few), Path(f"{wish}.png"))
    ...     for wish in ("fire2", "fire3")
    ... ]
    >>> [str(outcome.path) for outcome in rv.run_all(jobs)]
    ['fire2.png', 'fire3.png']
    """
    models = models or Networks()
    for job in jobs:
        try:
            outcome = finish_run(job, prepare(job, models=models, beside=beside), watch)
        except ReverieError as error:
            outcome = Outcome(job, error=error)
        yield outcome
        if outcome.interrupted:  # the next is not wanted either
            return


def finish_run(job: Task, run: Run, watch: Watch = iter) -> Outcome:
    """Does a run to its end and saves it. One that is interrupted, or fails within, is saved as far as it came."""
    interrupted, error = False, None
    try:
        for _ in watch(run):
            pass
    except KeyboardInterrupt:
        interrupted = True
    except ScoreError as caught:
        error = caught
    taken = getattr(run, "taken", 0)
    if (interrupted and run.keeps_its_work) or (error and not taken):
        return Outcome(job, None, None, error, interrupted, taken)
    path = run.save() if job.target else None
    return Outcome(job, path, run.report(), error, interrupted, taken)
