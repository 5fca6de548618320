"""Runs that write nothing: what they make is shown on the page, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from reverie.jobs.job import Progress
from reverie.jobs.outcomes import Task
from reverie.types import Image


class ShownRun:
    """A run whose pieces are kept by its task. Whoever inherits makes them in `__iter__`, and sets `picture`."""

    keeps_its_work = True
    taken = 0
    target: Path | None = None

    def __init__(self, task: Task) -> None:
        self.task = task
        self.picture: Image = torch.zeros(1, 3, 1, 1)

    @property
    def recipe(self) -> Any:
        """What was asked for."""
        return self.task.recipe

    written_recipe = recipe

    @property
    def title(self) -> str:
        """What it is called."""
        return type(self.task).__name__

    def __iter__(self) -> Iterator[Progress]:
        raise NotImplementedError

    def image(self) -> Image:
        """The picture that was made last, (1, 3, h, w)."""
        return self.picture

    def save(self, path: Path | None = None) -> Path:
        """There is no place for it."""
        raise NotImplementedError

    def report(self) -> None:
        """There is nothing to tell."""
