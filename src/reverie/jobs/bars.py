"""A bar for the progress of a run, on a terminal and in a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from reverie.jobs.job import Progress

ProgressReader: TypeAlias = bool | Callable[[Progress], object]
"""How a caller follows a run: True for a bar, False for silence, or a function that is called after every step."""

REFRESH = 0.1
"""Seconds between two looks at the score, which on a graphics card waits for it."""


def follow(run: Iterable[Progress], title: str, reader: ProgressReader) -> None:
    """Does a run to its end, and shows a bar, or calls `reader` with its progress after every step."""
    for progress in show_bar(run, title) if reader is True else run:
        if callable(reader):
            reader(progress)


def show_bar(run: Iterable[Progress], title: str) -> Iterator[Progress]:
    """The same progress, as a bar with the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task, shown = bars.add_task(title, total=1.0), 0.0
        for progress in run:
            bars.update(task, completed=progress.share)
            if time.monotonic() - shown > REFRESH:
                shown = time.monotonic()
                score = "" if progress.score is None else f"  score {progress.score:.4g}"
                bars.update(task, description=f"{title}  {progress.place}{score}")
            yield progress
