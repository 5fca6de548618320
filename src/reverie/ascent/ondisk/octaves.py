"""Pictures that do not fit into memory: dreamed block by block, read from and written to disk.

    scan.tif --transcribe--> source raster --per octave--> base raster
                                                              |  block by block: canvas = base + detail, ascend
                                             detail raster <--+-- blocks faded into each other
    dream.tif <--save_rows-- source + detail of the last octave, row by row

The octaves that fit into one block are dreamed as any picture is. Every later one is a few passes over blocks that
overlap, the borders of each pass elsewhere.
A block depends on nothing but the dream itself and where it lies; each is a file, so that after a kill at any moment
the next call goes on with the one that was being computed. Peak memory follows the block's side, not the picture.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from reverie._native.malloc import release_freed_memory
from reverie.ascent.octaves import dream_steps
from reverie.ascent.ondisk.disk_dream import (
    DiskDream,
    build_octave_masks,
    build_octave_objectives,
    build_small_objective,
    estimate_disk_bytes,
)
from reverie.ascent.ondisk.masks import SoftMask, open_mask_raster
from reverie.ascent.ondisk.passes import PASSES_PER_OCTAVE, Pass, Stage
from reverie.ascent.ondisk.raster import Raster, Span, draft_raster, split_into_rectangles
from reverie.ascent.ondisk.regions import constant_weights
from reverie.ascent.ondisk.resampling import read_resized, write_resized
from reverie.ascent.ondisk.scoring import score_on_disk
from reverie.ascent.ondisk.source import open_photo_raster
from reverie.ascent.ondisk.workspace import Workspace, report_disk_errors
from reverie.errors import ImageFileError, ImageTooSmall
from reverie.gradient.compose import dream_gradient, make_finish
from reverie.image.streaming import StreamedOutput, save_rows
from reverie.objectives.masks import warn_if_stretched
from reverie.settings import Settings
from reverie.types import Image

log = logging.getLogger("reverie")


@dataclass(frozen=True)
class BlockProgress:
    """How far a dream on disk is: blocks of a pass over an octave, and the share of all the work, 0..1.

    `done` is 0 while a pass is prepared. `octave` and `part` count from 0. The last one, when the picture is written,
    has the `scores` of the photograph and of the dream.
    """

    octave: int
    octaves: int
    part: int
    parts: int
    done: int
    blocks: int
    share: float
    scores: tuple[float | None, float | None] | None = None


def dream_file(job: DiskDream) -> Iterator[BlockProgress]:
    """Dreams a photograph from file to file; yields after every block. To stop is not to ask for the next.

    What was finished stays in a folder beside the output until the output is written; the same job goes on from there,
    and gives the same pixels as one that was never interrupted.
    Raises `ImageFileError` for a full disk, and for files that change or vanish meanwhile.
    """
    sizes = job.octaves
    with work_on(job):
        for one in prepare_passes(job):
            for progress in dream_blocks(one, len(sizes)):
                yield replace(progress, share=share_of_work(one.stage, progress.share, sizes))
        scores = write_dream(job)
    yield BlockProgress(len(sizes) - 1, len(sizes), PASSES_PER_OCTAVE - 1, PASSES_PER_OCTAVE, 0, 0, 1, scores)


@contextmanager
def work_on(job: DiskDream) -> Iterator[None]:
    """The job's work folder, opened and kept from every other dream meanwhile, its masks read.

    Raises `ImageFileError` where another dream is at work in it, or the disk has too little room.
    """
    with report_disk_errors(job.work.folder), job.work.held():
        job.work.open(estimate_disk_bytes(job))
        prepare_masks(job, job.work)
        yield


def prepare_passes(job: DiskDream) -> Iterator[Pass]:
    """The passes that are still to be made, each ready to be dreamed block by block, in any order, by anyone.

    When the next is asked for, all blocks of the one before must be there: they are faded into its detail. The octaves
    that fit into one block need no pass, and are dreamed first.
    """
    work, sizes = job.work, job.octaves
    picture = open_photo_raster(job.photo, job.size, work)
    first = find_first_stage(job, work)
    detail = locate_detail(job, work, first.number - 1) if first.number else None
    if detail is not None and not detail.there:
        dream_small_octaves(job, picture, detail, sizes[: first.octave])
    for number in range(first.number, len(sizes) * PASSES_PER_OCTAVE):
        stage = Stage(number)
        if not stage.steps(job.settings.steps):
            continue
        one = prepare_pass(job, picture, detail, stage)
        yield one
        detail = locate_detail(job, work, number)
        one.assemble(detail)  # from here on nothing else of the pass is needed
        drop_stage_files(work, stage)


def write_dream(job: DiskDream) -> tuple[float | None, float | None]:
    """Writes the output once every pass is made, and empties the work folder; returns the scores before and after."""
    last = find_first_stage(job, job.work).number - 1
    detail = locate_detail(job, job.work, last) if last >= 0 else None
    picture = open_photo_raster(job.photo, job.size, job.work)
    dreamed = FinishedDream(picture, detail, build_octave_masks(job, len(job.octaves), job.size), job.settings)
    scores = score_before_and_after(job, dreamed)
    write_output(job, dreamed)
    job.work.close()
    return scores


@dataclass(frozen=True)
class FinishedDream:
    """The finished picture, any rectangle of it: the photograph, what was dreamed, and where."""

    picture: Raster
    detail: Raster | None
    masks: list[SoftMask]
    """Of its regions, at the picture's size."""
    settings: Settings

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
        """A rectangle, its alpha (if it has one) beside the colors."""
        values = self.picture.read(rows, columns)
        if self.detail is not None:
            photo = values[:, :3].clone()
            values[:, :3] += read_resized(self.detail, self.picture.size, rows, columns)
            finish = make_finish([constant_weights(mask.read(rows, columns)) for mask in self.masks], self.settings)
            dreamed = finish(values[:, :3].clamp(0, 1), photo)
            values[:, :3] = dreamed if self.settings.strength == 1 else photo.lerp(dreamed, self.settings.strength)
        return values.clamp_(0, 1)


def score_before_and_after(job: DiskDream, dream: FinishedDream) -> tuple[float | None, float | None]:
    """What the photograph and the dream score."""

    def photo(rows: Span, columns: Span) -> Image:
        return dream.picture.read(rows, columns)[:, :3]

    def dreamed(rows: Span, columns: Span) -> Image:
        return dream.read(rows, columns)[:, :3]

    return score_on_disk(job, photo, photo), score_on_disk(job, dreamed, photo)


def prepare_masks(job: DiskDream, work: Workspace) -> None:
    """The masks onto the disk; one that is empty is told before anything else is begun, and leaves nothing there."""
    try:
        for number, mask in enumerate(job.masks):
            open_mask_raster(mask, number, work)
            warn_if_stretched(mask.size, job.size)
    except ImageFileError:
        work.close()
        raise


def dream_blocks(one: Pass, octaves: int) -> Iterator[BlockProgress]:
    """Dreams the blocks of a pass, one after the other."""
    start = BlockProgress(one.stage.octave, octaves, one.stage.part, PASSES_PER_OCTAVE, 0, len(one.windows), 0)
    yield start
    last = None
    # What blocks of one size have freed fits the next of them, and nothing else.
    for done, place in enumerate(sorted(one.places(), key=lambda place: one.block(*place).size), 1):
        if (size := one.block(*place).size) != last:
            release_freed_memory()
        last = size
        one.dream(*place)
        yield replace(start, done=done, share=done / start.blocks)


def share_of_work(stage: Stage, share: float, sizes: list[tuple[int, int]]) -> float:
    """What share of all the work is done, so much of a pass being done."""
    areas = [math.prod(size) for size in sizes]
    return (sum(areas[: stage.octave]) + areas[stage.octave] * (stage.part + share) / PASSES_PER_OCTAVE) / sum(areas)


def find_first_stage(job: DiskDream, work: Workspace) -> Stage:
    """The first pass that is still to be made; the octaves that fit into one block need none."""
    fit = sum(math.prod(size) <= job.block**2 for size in job.octaves) * PASSES_PER_OCTAVE
    finished = [
        number for number in range(fit, len(job.octaves) * PASSES_PER_OCTAVE) if locate_detail(job, work, number).there
    ]
    return Stage(max([fit, *(number + 1 for number in finished)]))


def locate_detail(job: DiskDream, work: Workspace, number: int) -> Raster:
    """Where is kept what was dreamed up to a pass."""
    stage = Stage(number)
    return Raster(work.path(f"{stage.prefix}detail.raw"), *job.octaves[stage.octave], 3, "int16")


def dream_small_octaves(job: DiskDream, picture: Raster, detail: Raster, sizes: list[tuple[int, int]]) -> None:
    """The octaves that fit into one block, as any picture is dreamed, into the detail of the last of them."""
    reduced = resize_to_octave(picture, detail.size, len(sizes) - 1)
    base = reduced.read((0, detail.height), (0, detail.width))[:, :3].to(job.model.device)
    settings = replace(job.settings, octaves=len(sizes), larger_octaves=0, size=None)
    steps = dream_steps(
        base, dream_gradient(job.model, build_small_objective(job, detail.size), settings, photo=base), settings
    )
    dreamed = base
    try:
        dreamed = deque(steps, maxlen=1)[0].image
    except ImageTooSmall as error:
        log.warning("%d small octaves skipped: %s", len(sizes), error)
    with draft_raster(detail) as draft:
        draft.write((0, detail.height), (0, detail.width), dreamed - base)
    drop_stage_files(job.work, Stage(len(sizes) * PASSES_PER_OCTAVE - 1))


def prepare_pass(job: DiskDream, picture: Raster, before: Raster | None, stage: Stage) -> Pass:
    """A pass ready to be made in blocks, the photograph on disk at the size of its octave."""
    base = resize_to_octave(picture, job.octaves[stage.octave], stage.octave)
    return Pass.of(
        stage, (base, before), job.work, (job.model, build_octave_objectives(job, stage.octave)), job.settings
    )


def resize_to_octave(picture: Raster, size: tuple[int, int], octave: int) -> Raster:
    """The photograph at the size of an octave, on disk."""
    if size == picture.size:
        return picture
    return write_resized(picture, Raster(picture.path.with_name(f"base-{octave:02d}.raw"), *size))


def drop_stage_files(work: Workspace, stage: Stage) -> None:
    """Deletes what a pass needed, once its detail is there."""
    work.drop(f"{stage.prefix}block*", f"{stage.prefix}scales*")
    for number in range(stage.number):
        work.drop(f"{Stage(number).prefix}detail*")
    if stage.part == PASSES_PER_OCTAVE - 1:
        work.drop(f"base-{stage.octave:02d}*", f"mask-*-at-{stage.octave:02d}*")


def write_output(job: DiskDream, dreamed: FinishedDream) -> None:
    """The photograph plus what was dreamed, row by row into the output."""
    output = StreamedOutput(job.target, *job.size, job.photo, job.recipe)
    top, kind = (255, np.uint8) if output.depth == 8 else (65535, np.uint16)

    def rows(start: int, behind: int) -> np.ndarray:
        strip = np.empty((behind - start, output.width, dreamed.picture.channels), kind)
        for _, columns in split_into_rectangles((1, output.width), 1024):
            part = dreamed.read((start, behind), columns)[0]
            strip[:, slice(*columns)] = (part * top).round_().permute(1, 2, 0).numpy()
        return strip

    save_rows(output, rows)
