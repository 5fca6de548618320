"""The run of a picture that begins as noise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from reverie._native.memory import peak_memory
from reverie.ascent.visualization import visualize_steps
from reverie.image.resample import image_size, limit_longest_side
from reverie.image.writing import save_image
from reverie.jobs.job import Progress, Report
from reverie.objectives.base import Objective
from reverie.recipe.recipe import VisualRecipe
from reverie.settings.size import find_canvas_size
from reverie.types import Image, Model, Step

SECONDS_APART = 5.0
"""Between two milestones: the steps of a picture from noise are many and small."""


class NoiseRun:
    """What a wish looks like to a network, step by step."""

    keeps_its_work = False

    def __init__(self, recipe: VisualRecipe, model: Model, wish: Objective, target: Path | None) -> None:
        self.recipe, self.model, self.target = recipe, model, target
        self.title = target.name if target else recipe.visualize
        self.last: Step | None = None
        self._stream = visualize_steps(model, [wish], recipe.settings)
        self._seconds, self._told = 0.0, time.monotonic()

    def __iter__(self) -> Iterator[Progress]:
        while True:
            began = time.monotonic()
            step = next(self._stream, None)
            self._seconds += time.monotonic() - began
            if step is None:
                return
            self.last = step
            yield self._progress(step)

    def _progress(self, step: Step) -> Progress:
        now = time.monotonic()
        milestone = now > self._told + SECONDS_APART
        self._told = now if milestone else self._told
        return Progress(
            share=(step.number + 1) / step.steps,
            octave=0,
            octaves=1,
            place=f"step {step.number + 1}/{step.steps}",
            size=image_size(step.image),
            milestone=milestone,
            measure=lambda: float(step.score.mean()),
            draw=lambda longest: limit_longest_side(step.image.float(), longest),
        )

    @property
    def taken(self) -> int:
        """How many steps were made."""
        return 0 if self.last is None else self.last.number + 1

    @property
    def written_recipe(self) -> VisualRecipe:
        """The recipe of the picture as far as it is: with no more steps than were made."""
        return replace(self.recipe, settings=replace(self.recipe.settings, steps=max(1, self.taken)))

    def image(self) -> Image:
        if self.last is None:
            return next(iter(self)).preview(max(find_canvas_size(self.recipe.settings.size)))
        return self.last.image.float()

    def save(self, path: Path | None = None) -> Path:
        path = path or self.target or Path()
        save_image(self.image().cpu(), path, recipe=self.written_recipe.to_toml())
        return path

    def report(self) -> Report:
        return Report(
            output=str(self.target or ""),
            model=self.model.name,
            objective=self.recipe.visualize,
            score_start=None,
            score_end=None if self.last is None else float(self.last.score.mean()),
            steps=self.taken,
            octaves=1,
            seconds=round(self._seconds, 3),
            peak_memory_bytes=peak_memory(),
            device=str(self.model.device),
            precision=self.model.precision,
            recipe=self.written_recipe.to_toml(),
        )
