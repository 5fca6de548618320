"""Pictures of a dream on its way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reverie.errors import ImageFileError, SettingsError
from reverie.jobs.job import Progress, Run
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.noise_run import NoiseRun


def write_snapshots(run: Run, every: int) -> Iterator[Progress]:
    """The run's progress; every so many steps of the last octave the picture is written into a folder beside its own.

    Raises `SettingsError` for a number below 1 or a picture that is not in memory, `ImageFileError` for the folder.
    """
    if every < 1:
        raise SettingsError(f"snapshots is {every}; expected at least 1")
    if not isinstance(run, MemoryRun | NoiseRun) or run.target is None:
        raise SettingsError("snapshots need the whole picture in memory: give it more --memory, or a smaller --size")
    folder = make_folder_beside(run.target)
    for progress in run:
        step = run.last
        if step and step.octave == step.octaves - 1 and (step.number + 1) % every == 0:
            run.save(folder / f"step-{step.number + 1:04d}{run.target.suffix}")
        yield progress


def make_folder_beside(target: Path) -> Path:
    """The folder beside the output, made if it is not there; raises `ImageFileError` where it cannot be."""
    folder = target.with_name(target.stem + "-snapshots")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return folder
