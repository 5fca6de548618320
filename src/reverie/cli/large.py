"""The work behind `reverie dream` where the picture does not fit into memory."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from reverie._native.memory import peak_memory
from reverie.ascent.ondisk.disk_dream import Job
from reverie.ascent.ondisk.masks import RegionFiles
from reverie.ascent.ondisk.octaves import Progress, dream_file
from reverie.cli.manner import Manner
from reverie.cli.progress import tell
from reverie.errors import SettingsError
from reverie.gradient.compose import seen_size
from reverie.gradient.memory import tile_for
from reverie.image.panorama import labeled
from reverie.image.reading import MOST_PIXELS, PhotoFile, read_header
from reverie.image.resample import size_with
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective
from reverie.recipe.inputs import check_guides, unchanged
from reverie.recipe.recipe import Recipe
from reverie.types import Model

READ_BYTES = 28
"""What reading a picture whole takes for each pixel: 16 bits and float32, three or four channels."""


@dataclass(frozen=True)
class LargeRun:
    """One recipe about to be dreamed on disk, from the photo's file into the target."""

    recipe: Recipe
    photo: PhotoFile
    model: Model
    target: Path
    manner: Manner


def larger_than(budget: int, photo: PhotoFile, recipe: Recipe, model: Model, wish: Objective) -> bool:
    """Whether a dream must be computed on disk: its picture and the smallest window do not fit into so many bytes."""
    size = size_with(photo.size, recipe.settings.size)
    if math.prod(photo.size) > MOST_PIXELS or math.prod(photo.size) * READ_BYTES > budget:
        return True
    try:
        tile_for(model, wish, budget, seen_size(size, recipe.settings))
    except SettingsError:
        return True
    return False


def dream_large(run: LargeRun, budget: int | None = None) -> int:
    """Dreams a photo into its target, block by block, in blocks for the budget or those of the recipe.

    Interrupted, it leaves its work beside the output, and the same command goes on with it.
    """
    began = time.monotonic()
    job = job_of(run, budget)
    steps = dream_file(job)
    try:
        *_, last = steps if run.manner.quiet else watched(steps, run.photo.path.name)
    except KeyboardInterrupt:
        if not run.manner.quiet:
            print(f"{run.target}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    tell(run.manner, report(run, job, last, time.monotonic() - began))
    return 0


def job_of(run: LargeRun, budget: int | None) -> Job:
    """The job that a run comes to; raises `SettingsError` for what only a picture in memory can have."""
    recipe = run.recipe
    if run.manner.snapshots:
        raise SettingsError("snapshots need the whole picture in memory: give it more --memory, or a smaller --size")
    size = size_with(run.photo.size, recipe.settings.size)
    photo = labeled(run.photo, recipe.settings, size)
    job = Job(photo, run.target, run.model, wish_on_disk(recipe), recipe.settings, recipe.block or 0)
    if budget is not None:
        job = job.within(budget)
    return replace(job, recipe=replace(recipe, block=job.block).to_toml())


def wish_on_disk(recipe: Recipe) -> Objective | RegionFiles:
    """As `wish_of`, the masks left in their files."""
    check_guides(recipe)
    if not recipe.masks:
        return objective(recipe.objective)
    masks = [unchanged("mask", each.file, Path(each.file), each.sha256, "", read_header) for each in recipe.masks]
    return RegionFiles(tuple((objective(each.objective), mask) for each, mask in zip(recipe.masks, masks, strict=True)))


def watched(steps: Iterator[Progress], name: str) -> Iterator[Progress]:
    """The same steps, told as they pass: a bar on a terminal, a line for each pass elsewhere."""
    if not sys.stderr.isatty():
        yield from with_lines(steps, name)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=1.0)
        for step in steps:
            bars.update(task, completed=step.share, description=f"{name}  {place(step)}")
            yield step


def with_lines(steps: Iterator[Progress], name: str) -> Iterator[Progress]:
    began = time.monotonic()
    for step in steps:
        if step.done in (0, step.blocks) and step.scores is None:
            print(f"{name}: {place(step)}, {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        yield step


def place(step: Progress) -> str:
    part = f"pass {step.part + 1}/{step.parts} block {step.done}/{step.blocks}"
    return f"octave {step.octave + 1}/{step.octaves} {part}"


def report(run: LargeRun, job: Job, last: Progress, seconds: float) -> dict[str, Any]:
    """What was done, in numbers. The scores are those of the photo and of the finished picture, at its size."""
    start, end = last.scores or (None, None)
    return {
        "output": str(run.target),
        "model": run.recipe.model,
        "objective": run.recipe.objective or {each.file: each.objective for each in run.recipe.masks},
        "score_start": start,
        "score_end": end,
        "steps": run.recipe.settings.steps,
        "octaves": len(job.octaves),
        "seconds": round(seconds, 3),
        "peak_memory_bytes": peak_memory(),
        "device": str(run.model.device),
        "precision": run.recipe.precision,
        "recipe": job.recipe,
    }
