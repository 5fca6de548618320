"""What a command says: a bar on a terminal, lines elsewhere, JSON for programs, nothing when quiet."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from reverie.models.extensions import import_place

if TYPE_CHECKING:
    from reverie.jobs.job import Progress, Report, Run
    from reverie.jobs.outcomes import Outcome, Watch

INTERRUPTED = 130
MISTAKE = 2

Flag = Parameter(negative="")


@dataclass(frozen=True)
class Manner:
    """How a command speaks, and what it brings along: the same flags on every one.

    Parameters
    ----------
    quiet
        Say nothing but mistakes, and what was asked for.
    json
        Print what was done, or found, as JSON.
    extension
        Code of your own that registers networks, objectives or presets: a file such as mine.py, or a module. It is run.
    """

    quiet: Annotated[bool, Flag] = False
    json: Annotated[bool, Flag] = False
    extension: Annotated[list[str] | None, Flag] = None


Speaking = Annotated[Manner | None, Parameter(name="*")]


def set_manner(manner: Manner | None) -> Manner:
    """The package's words of warning go to the terminal, each on a line; extensions are run. Returns how to speak."""
    manner = manner or Manner()
    handler = logging.NullHandler() if manner.quiet else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("reverie: %(message)s"))
    logging.getLogger("reverie").handlers = [handler]
    logging.getLogger("reverie").setLevel(logging.INFO)  # how far a download is
    logging.getLogger("reverie").propagate = False
    for place in manner.extension or ():
        import_place(place)
    return manner


def print_line(manner: Manner, words: str) -> None:
    """A line for people, beside what was asked for."""
    if not manner.quiet:
        print(words, file=sys.stderr, flush=True)


def print_json(found: Any, indent: int | None = None) -> None:
    """What was done, or found, for programs."""
    print(json.dumps(found, indent=indent), flush=True)


def print_table(rows: Sequence[Mapping[str, object]], manner: Manner) -> None:
    """Rows as a table for people, or as JSON."""
    if manner.json:
        print_json(rows, indent=2)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn, console = Table(box=box.SIMPLE_HEAD), Console()
    for number, name in enumerate(rows[0]):  # what is to be typed elsewhere stands there whole, on one line
        drawn.add_column(name.replace("_", " "), no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()])
    longest = max(len(str(next(iter(row.values())))) for row in rows)
    console.print(drawn, width=max(console.width, longest + BESIDE_NAMES), crop=False)


BESIDE_NAMES = 50
"""What the columns beside a name need at least, in letters."""


def watch_with(manner: Manner, snapshots: int | None = None, film: Path | None = None) -> Watch:
    """Reads a run's progress and tells it; every `snapshots` steps the picture is written, and every step to a film."""

    def watch(run: Run) -> Iterable[Progress]:
        progress: Iterable[Progress] = run
        if snapshots is not None:
            from reverie.jobs.snapshots import write_snapshots

            progress = write_snapshots(run, snapshots)
        if film is not None:
            from reverie.film.making_of import film_making

            progress = film_making(run, film, progress)
        if manner.quiet:
            return progress
        from reverie.jobs.bars import show_bar

        return show_bar(progress, run.title) if sys.stderr.isatty() else print_lines(progress, run.title)

    return watch


def print_lines(run: Iterable[Progress], title: str) -> Iterator[Progress]:
    """The same progress, a line for each milestone."""
    began = time.monotonic()
    for progress in run:
        if progress.milestone:
            height, width = progress.size
            score = "" if progress.score is None else f", {width} x {height}, score {progress.score:.4g}"
            seconds = time.monotonic() - began
            print(f"{title}: {progress.place}{score}, {seconds:.1f} s", file=sys.stderr, flush=True)
        yield progress


def tell_outcomes(outcomes: Iterable[Outcome], manner: Manner, jobs: int) -> int:
    """What every job came to, as it is known; returns the exit code. The mistake of a single job is raised."""
    code = 0
    for outcome in outcomes:
        tell_outcome(outcome, manner)
        if outcome.error is not None:
            if jobs == 1:
                raise outcome.error
            code = max(code, MISTAKE)
            name = str(getattr(outcome.job.recipe, "input", ""))
            which = "" if name.rpartition("/")[2] in str(outcome.error) else f"{name}: "
            print(f"reverie: {which}{outcome.error}", file=sys.stderr)
        if outcome.interrupted:
            code = INTERRUPTED
    return code


def tell_outcome(outcome: Outcome, manner: Manner) -> None:
    """What was done, as one JSON object or one line; where it was stopped, how it goes on."""
    target = outcome.job.target
    if outcome.report is not None:
        if manner.json:
            print_json(outcome.report.as_dict())
        else:
            scores = describe_scores(outcome.report, from_noise=hasattr(outcome.job.recipe, "visualize"))
            print_line(manner, f"{target}: {scores}{outcome.report.seconds:.1f} s")
    if outcome.interrupted and outcome.path is None:
        print_line(manner, f"{target}: stopped; the same command goes on from here")
    elif outcome.interrupted:
        print_line(manner, f"{target}: stopped after {outcome.taken} steps, and saved as far as it came")


def describe_scores(report: Report, from_noise: bool) -> str:
    """The scores of a report in words; a picture from noise, or too small for the layers, has none to begin with.

    A film has none at all.
    """
    if report.score_end is None and report.score_start is None:
        return ""
    start, end = ("none" if each is None else f"{each:.4g}" for each in (report.score_start, report.score_end))
    return f"score {end}, " if from_noise or start == "none" else f"score {start} -> {end}, "
