"""The run of a picture that begins as noise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reverie._native.memory import peak_memory
from reverie.ascent.pieces import Pieces
from reverie.ascent.visualization import climb_pieces
from reverie.image.contact_sheet import arrange_pictures, lay_on_white
from reverie.image.resample import image_size, limit_longest_side
from reverie.image.writing import save_image
from reverie.jobs.job import Progress, Report
from reverie.objectives.base import Objective
from reverie.recipe.recipe import VisualRecipe
from reverie.types import Canvas, Model, Step

SECONDS_APART = 5.0
"""Between two milestones: the steps of a picture from noise are many and small."""


class NoiseRun:
    """What a wish looks like to a network, step by step; several look each as they do, on one sheet."""

    keeps_its_work = False

    def __init__(
        self,
        recipe: VisualRecipe,
        model: Model,
        wishes: Sequence[Objective],
        pieces: Pieces,
        target: Path | None = None,
        columns: int | None = None,
    ) -> None:
        """`pieces` are what the recipe's words say, or what was given in their place; `columns` those of the sheet.

        0 columns: no sheet but a batch.
        """
        self.recipe, self.model, self.target = recipe, model, target
        self.title = target.name if target else recipe.visualize
        self.columns = columns
        self.last: Step | None = None
        self._stream = climb_pieces(model, wishes, pieces)
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
            draw=lambda longest: limit_longest_side(lay_on_white(arrange_pictures(step.image, self.columns)), longest),
        )

    @property
    def taken(self) -> int:
        """How many steps were made."""
        return 0 if self.last is None else self.last.number + 1

    @property
    def written_recipe(self) -> VisualRecipe:
        """The recipe of the picture as far as it is: with no more steps than were made."""
        return replace(self.recipe, settings=replace(self.recipe.settings, steps=max(1, self.taken)))

    def pictures(self) -> Canvas:
        """The pictures as far as they are, (b, 3, h, w), or (b, 4, h, w) with alpha: one for each wish."""
        if self.last is None:
            next(iter(self))
        assert self.last is not None
        return self.last.image.float()

    def image(self) -> Canvas:
        """The picture, or the sheet of all, as far as it is: (1, 3, h, w), or (1, 4, h, w) with alpha."""
        return self.pictures() if self.columns == 0 else arrange_pictures(self.pictures(), self.columns)

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
