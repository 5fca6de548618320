"""What a run says while it goes: a bar on a terminal, a line for each octave elsewhere, nothing when quiet."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from reverie.ascent.octaves import octave_sizes
from reverie.cli.manner import Manner
from reverie.image.resample import image_size
from reverie.settings import Settings
from reverie.types import Step

REFRESH = 0.1  # seconds between two looks at the score, which on a graphics card waits for it


def watched(steps: Iterator[Step], name: str, size: tuple[int, int], settings: Settings, quiet: bool) -> Iterator[Step]:
    """The same steps, told as they pass."""
    if quiet:
        return steps
    if sys.stderr.isatty():
        return with_bar(steps, name, size, settings)
    return with_lines(steps, name)


def with_bar(steps: Iterator[Step], name: str, size: tuple[int, int], settings: Settings) -> Iterator[Step]:
    sizes = octave_sizes(size, settings.octaves, settings.octave_scale, settings.larger_octaves)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        # An octave's share of the bar is its pixels: that is what its steps cost.
        task = progress.add_task(name, total=settings.steps * sum(height * width for height, width in sizes))
        shown = 0.0
        for step in steps:
            done = step.number + 1
            pixels = settings.steps * sum(height * width for height, width in sizes[: step.octave])
            progress.update(task, completed=pixels + done * sizes[step.octave][0] * sizes[step.octave][1])
            if time.monotonic() - shown > REFRESH:
                shown = time.monotonic()
                progress.update(task, description=f"{name}  {place(step)}  score {score(step):.4g}")
            yield step


def with_lines(steps: Iterator[Step], name: str) -> Iterator[Step]:
    began = time.monotonic()
    for step in steps:
        if step.number in (0, step.steps - 1):
            height, width = image_size(step.image)
            seconds = time.monotonic() - began
            line = f"{name}: {place(step)}, {width} x {height}, score {score(step):.4g}, {seconds:.1f} s"
            print(line, file=sys.stderr, flush=True)
        yield step


def tell(manner: Manner, report: Mapping[str, Any]) -> None:
    """What was done, as one JSON object or one line."""
    if manner.json:
        print(json.dumps(report), flush=True)
    elif not manner.quiet:
        scores = (report["score_start"], report["score_end"])
        start, end = ("none" if each is None else f"{each:.4g}" for each in scores)
        print(f"{report['output']}: score {start} -> {end}, {report['seconds']:.1f} s", file=sys.stderr)


def place(step: Step) -> str:
    return f"octave {step.octave + 1}/{step.octaves} step {step.number + 1}/{step.steps}"


def score(step: Step) -> float:
    return float(step.score.mean())
