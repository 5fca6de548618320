"""The run of a dream whose picture does not fit into memory: block by block, from file to file."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from reverie._native.memory import peak_memory
from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.masks import RegionFiles
from reverie.ascent.ondisk.octaves import BlockProgress, dream_file, prepare_passes, work_on, write_dream
from reverie.ascent.ondisk.passes import Pass
from reverie.errors import ImageFileError, RecipeError, SettingsError
from reverie.gradient.memory import parse_memory
from reverie.image.panorama import update_sphere_metadata
from reverie.image.reading import PhotoFile, read_header, read_photo
from reverie.image.resample import limit_longest_side, scale_size
from reverie.jobs.job import Job, Progress, Report
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.inputs import check_guides, read_unchanged
from reverie.recipe.recipe import Recipe
from reverie.types import Image, Model


@dataclass(frozen=True)
class Unit:
    """The least that a worker does: one block of one pass. Whoever does it, and when, its pixels are the same.

    `number` is that of the pass, which with `row` and `column` says what it is; calling it does it, once.
    """

    number: int
    row: int
    column: int
    dream: Callable[[int, int], None]

    def __call__(self) -> None:
        self.dream(self.row, self.column)


class DiskRun:
    """A dream, block by block, on disk. What is done stays there until the picture is written.

    Either iterate it, or have the units of one pass after the other done by anyone: `for units in run.passes(): ...`.
    """

    keeps_its_work = True

    def __init__(self, job: Job, recipe: Recipe, photo: PhotoFile, model: Model) -> None:
        self.target = job.target
        place = job.target or self._make_temporary_folder() / "dream.tif"
        self.dream = open_dream(recipe, photo, model, place, job.memory)
        self.recipe, self.title = replace(recipe, block=self.dream.block), photo.path.name
        self._written = False
        self._scores: tuple[float | None, float | None] = (None, None)
        self._seconds, self._stream = 0.0, dream_file(self.dream)
        self._passes: Iterator[Pass] | None = None
        self._held = ExitStack()

    @property
    def written_recipe(self) -> Recipe:
        return self.recipe

    def _make_temporary_folder(self) -> Path:
        """A folder that is deleted with this run: a picture that goes nowhere is on disk all the same."""
        folder = tempfile.mkdtemp(prefix="reverie-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def __iter__(self) -> Iterator[Progress]:
        while True:
            began = time.monotonic()
            try:
                block = next(self._stream, None)
            except BaseException:  # interrupted or refused: iterated again, it goes on where it was
                self._stream = dream_file(self.dream)
                raise
            self._seconds += time.monotonic() - began
            if block is None:
                return
            if block.scores is not None:
                self._scores, self._written = block.scores, True
            yield self._progress(block)

    def _progress(self, block: BlockProgress) -> Progress:
        part = f"pass {block.part + 1}/{block.parts} block {block.done}/{block.blocks}"
        return Progress(
            share=block.share,
            octave=block.octave,
            octaves=block.octaves,
            place=f"octave {block.octave + 1}/{block.octaves} {part}",
            size=self.dream.octaves[block.octave],
            milestone=block.done in (0, block.blocks) and block.scores is None,
            measure=lambda: None,
            draw=lambda longest: limit_longest_side(self.image(), longest),
        )

    def units(self) -> Sequence[Unit]:
        """The blocks of the next pass, to be done in any order, on any machine that sees the work folder.

        Asked for again when all of them are done; none: all passes are made, and `save` writes the picture. The work
        folder is kept from every other dream until then.
        """
        if self._passes is None:
            self._held.enter_context(work_on(self.dream))
            self._passes = prepare_passes(self.dream)
        one = next(self._passes, None)
        if one is None:
            return ()
        return [Unit(one.stage.number, row, column, one.dream) for row, column in one.places()]

    def image(self) -> Image:
        """The finished picture, (1, 3, h, w), as deep as it is written; the photograph where it is not finished yet."""
        return read_photo(self.dream.target if self._written else self.dream.photo.path).image

    def save(self, path: Path | None = None) -> Path:
        """Where the picture is, which iterating the run to its end has written.

        After `units` it is written here. Raises `RecipeError` where the run is not at its end.
        """
        if path not in (None, self.dream.target):
            raise RecipeError(f"a dream on disk is written to {self.dream.target} alone: prepare a job for {path}")
        if self._passes is not None and not self._written:
            if next(self._passes, None) is not None:
                raise RecipeError(f"the dream of {self.dream.target} is not finished: units are left to do")
            with self._held:
                self._scores, self._written = write_dream(self.dream), True
        if not self._written:
            raise RecipeError(f"the dream of {self.dream.target} is not finished: iterate its run to the end")
        return self.dream.target

    def report(self) -> Report:
        return Report(
            output=str(self.dream.target),
            model=self.recipe.model,
            objective=self.recipe.wishes,
            score_start=self._scores[0],
            score_end=self._scores[1],
            steps=self.recipe.settings.steps,
            octaves=len(self.dream.octaves),
            seconds=round(self._seconds, 3),
            peak_memory_bytes=peak_memory(),
            device=str(self.dream.model.device),
            precision=self.recipe.precision,
            recipe=self.recipe.to_toml(),
        )


def open_dream(recipe: Recipe, photo: PhotoFile, model: Model, target: Path, memory: str | None) -> DiskDream:
    """The dream on disk that a recipe comes to, in blocks for the memory, or those of the recipe where that is None.

    Raises `SettingsError` for what only a picture in memory can have.
    """
    if recipe.settings.handover == "picture":
        raise SettingsError(
            "handover is 'picture', but a dream larger than memory hands on its detail alone: give it more --memory, "
            "or a smaller --size"
        )
    like = update_sphere_metadata(photo, recipe.settings, scale_size(photo.size, recipe.settings.size))
    dream = DiskDream(like, target, model, open_wish(recipe), recipe.settings, recipe.block or 0)
    if memory is not None:
        dream = dream.within(parse_memory(memory))
    if dream.block < 1:
        raise ImageFileError(f"{photo.path} is not to be dreamed in blocks of {dream.block} pixels")
    return replace(dream, recipe=replace(recipe, block=dream.block).to_toml())


def open_wish(recipe: Recipe) -> Objective | RegionFiles:
    """What a recipe dreams of, its masks left in their files; raises `RecipeError` where one is gone or another."""
    check_guides(recipe)
    if not recipe.masks:
        return parse_objective(recipe.objective)
    masks = [read_unchanged("mask", Path(each.file), (each.file, each.sha256), read_header) for each in recipe.masks]
    return RegionFiles(
        tuple((parse_objective(each.objective), mask) for each, mask in zip(recipe.masks, masks, strict=True))
    )
