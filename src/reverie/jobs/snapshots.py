"""Pictures of a dream on its way, and their scores."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from reverie.errors import ImageFileError, SettingsError
from reverie.jobs.job import Progress, Run
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.noise_run import NoiseRun
from reverie.types import Step

log = logging.getLogger("reverie")


def write_snapshots(run: Run, every: int) -> Iterator[Progress]:
    """The run's progress; every so many steps of the last octave the picture is written into a folder beside its own.

    Where the picture itself goes on from octave to octave (`Settings.handover`), as in the paper, it is written at
    every octave, and from step 0 on: there steps are counted as the paper's code prints them, which shows the picture
    after the first as that of step 0, with the score before it. That score is told to the log.
    Raises `SettingsError` for a number below 1 or a picture that is not in memory, `ImageFileError` for the folder.
    """
    if every < 1:
        raise SettingsError(f"snapshots is {every}; expected at least 1")
    if not isinstance(run, MemoryRun | NoiseRun) or run.target is None:
        raise SettingsError("snapshots need the whole picture in memory: give it more --memory, or a smaller --size")
    folder = make_folder_beside(run.target)
    carried = isinstance(run, MemoryRun) and run.recipe.settings.handover == "picture"
    for progress in run:
        name = None if run.last is None else name_snapshot(run.last, every, carried)
        if name is not None:
            path = run.save(folder / f"{name}{run.target.suffix}")
            log.info("%s: score %.7g", path.name, progress.score)
        yield progress


def name_snapshot(step: Step, every: int, carried: bool) -> str | None:
    """What the picture after a step is called where it is written, without its ending; None where it is not.

    `carried`: whether the picture itself goes on from octave to octave.
    """
    if carried:
        return None if step.number % every else f"octave-{step.octave + 1}-step-{step.number:04d}"
    taken = step.number + 1
    return f"step-{taken:04d}" if step.octave == step.octaves - 1 and taken % every == 0 else None


def make_folder_beside(target: Path) -> Path:
    """The folder beside the output, made if it is not there; raises `ImageFileError` where it cannot be."""
    folder = target.with_name(target.stem + "-snapshots")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return folder
