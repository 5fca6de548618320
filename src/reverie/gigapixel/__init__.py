"""Pictures that do not fit into memory: dreamed block by block, read from and written to disk.

    scan.tif --transcribe--> source raster --per octave--> base raster
                                                              |  block by block: canvas = base + detail, ascend
                                             detail raster <--+-- blocks faded into each other
    dream.tif <--save_rows-- source + detail of the last octave, row by row

The octaves that fit into one block are dreamed as any picture is. Every later one is one pass over blocks that overlap.
A block depends on nothing but the dream itself and where it lies; each is a file, so that after a kill at any moment
the next call goes on with the one that was being computed. Peak memory follows the block's side, not the picture.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from reverie.composition import dream_gradient
from reverie.dream import dream_steps, size_with
from reverie.errors import ImageTooSmall, SettingsError
from reverie.gigapixel.octave import Octave
from reverie.gigapixel.parts import refuse_uneven
from reverie.gigapixel.raster import Raster, Span, drafted, rectangles
from reverie.gigapixel.resampling import resized, window
from reverie.gigapixel.source import pictured
from reverie.gigapixel.work import Work, told
from reverie.image import PhotoFile
from reverie.image.reading import digest_of
from reverie.image.streaming import Output, check_streamed, save_rows
from reverie.memory import IMAGE_BYTES, give_back, step_bytes_per_pixel
from reverie.objectives import Objective
from reverie.pyramid import octave_sizes
from reverie.settings import Settings
from reverie.types import Model

log = logging.getLogger("reverie")

LEAST_BLOCK = 384
"""The smallest side of a block worth computing: below it the margins are most of it."""

FIXED_BYTES = 300_000_000
"""What does not grow with a block, measured: the network, code that oneDNN makes for it, rows decoded and encoded."""


@dataclass(frozen=True)
class Job:
    """A dream on disk: the photograph, where the dream goes, the network, what it shall dream of, and how.

    `block` is the side of the blocks in pixels, their margins included; with the rest it decides every pixel. `within`
    chooses it.
    `recipe` is the text to be embedded in the output.
    """

    photo: PhotoFile
    target: Path
    model: Model
    objective: Objective
    settings: Settings
    block: int = 0
    recipe: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The output's (height, width)."""
        return size_with((self.photo.height, self.photo.width), self.settings.size)

    @property
    def octaves(self) -> list[tuple[int, int]]:
        """The sizes of the octaves, smallest first."""
        settings = self.settings
        return octave_sizes(self.size, settings.octaves, settings.octave_scale, settings.larger_octaves)

    @property
    def work(self) -> Work:
        dream: dict[str, Any] = {
            "photo": self.photo.digest,
            "model": [self.model.name, self.model.digest, self.model.precision],
            "objective": str(self.objective),
            "settings": self.settings.as_dict(),
            "files": {name: digest_of(Path(name)) for name in self.objective.files},
        }
        return Work.beside(self.target, dream, self.block)

    def within(self, memory: int) -> Job:
        """The job with the largest blocks that so many bytes allow, or those with which it was begun.

        Raises `SettingsError` with the least budget that works, `ImageFileError` where the output's format cannot be
        written in rows.
        """
        check_streamed(self.target, self.size, memory)
        if self.settings.around:
            raise SettingsError(
                "a panorama larger than memory cannot be dreamed around: give it more --memory, or --size"
            )
        refuse_uneven(self.objective.resolved(self.model))
        each = step_bytes_per_pixel(self.model, self.objective) + IMAGE_BYTES
        side = int(math.sqrt(max(0, memory - FIXED_BYTES) / each))
        if side < LEAST_BLOCK:
            least = math.ceil((FIXED_BYTES + each * LEAST_BLOCK**2) / 1e6)
            raise SettingsError(f"memory is {memory / 1e6:.0f} MB; these layers need at least {least} MB")
        return replace(self, block=replace(self, block=side).work.block)


@dataclass(frozen=True)
class Progress:
    """How far a dream on disk is: blocks of an octave, and the share of all the work, 0..1.

    `done` is 0 while an octave is prepared.
    """

    octave: int
    octaves: int
    done: int
    blocks: int
    share: float


def dream_file(job: Job) -> Iterator[Progress]:
    """Dreams a photograph from file to file; yields after every block. To stop is not to ask for the next.

    What was finished stays in a folder beside the output until the output is written; the same job goes on from there,
    and gives the same pixels as one that was never interrupted.
    Raises `ImageFileError` for a full disk, and for files that change or vanish meanwhile.
    """
    work = job.work
    with told(work.folder):
        work.open(disk_needed(job))
        picture = pictured(job.photo, job.size, work)
        sizes = job.octaves
        whole = sum(map(math.prod, sizes))
        begun = first_octave(job, work, sizes)
        detail = detail_of(work, begun - 1, sizes) if begun else None
        if detail is not None and not detail.there:
            dream_small(job, picture, detail, sizes[:begun])
        for number in range(begun, len(sizes)):
            octave = octave_of(job, picture, detail, number)
            passed = sum(map(math.prod, sizes[:number])) / whole
            for progress in octave_steps(octave, len(sizes)):
                share = passed + progress.share * math.prod(sizes[number]) / whole
                yield replace(progress, share=share)
            detail = detail_of(work, number, sizes)
            octave.assemble(detail)  # from here on nothing else of the octave is needed
            forget(work, number)
        write(job, picture, detail)
        work.close()


def octave_steps(octave: Octave, octaves: int) -> Iterator[Progress]:
    """The blocks of an octave, one after the other."""
    total = len(octave.windows)
    give_back()
    yield Progress(octave.number, octaves, 0, total, 0)
    for done, place in enumerate(octave.places(), 1):
        octave.dream(*place)
        give_back()
        yield Progress(octave.number, octaves, done, total, done / total)


def disk_needed(job: Job) -> int:
    """The bytes of temporary files at their most, and of the output, which is counted as not compressed."""
    photo, height, width = job.photo, *job.size
    samples = (3 if photo.opaque else 4) * photo.depth // 8
    source = photo.height * photo.width * samples * (2 if job.settings.size else 1)
    largest = math.prod(job.octaves[-1])
    return source + 18 * largest + (height * width * samples * 4) // 3


def first_octave(job: Job, work: Work, sizes: list[tuple[int, int]]) -> int:
    """The first octave that is still to be dreamed in blocks; those before fit into one, or are finished."""
    fit = sum(math.prod(size) <= job.block**2 for size in sizes)
    finished = [number for number in range(fit, len(sizes)) if detail_of(work, number, sizes).there]
    return max([fit, *(number + 1 for number in finished)])


def detail_of(work: Work, number: int, sizes: list[tuple[int, int]]) -> Raster:
    """Where is kept what was dreamed up to an octave."""
    return Raster(work.path(f"{number:02d}-detail.raw"), *sizes[number], 3, "int16")


def dream_small(job: Job, picture: Raster, detail: Raster, sizes: list[tuple[int, int]]) -> None:
    """The octaves that fit into one block, as any picture is dreamed, into the detail of the last of them."""
    reduced = at_size(picture, detail.size, len(sizes) - 1)
    base = reduced.read((0, detail.height), (0, detail.width))[:, :3].to(job.model.device)
    settings = replace(job.settings, octaves=len(sizes), larger_octaves=0, size=None)
    steps = dream_steps(base, dream_gradient(job.model, job.objective, settings, photo=base), settings)
    dreamed = base
    try:
        dreamed = deque(steps, maxlen=1)[0].image
    except ImageTooSmall as error:
        log.warning("%d small octaves skipped: %s", len(sizes), error)
    with drafted(detail) as draft:
        draft.write((0, detail.height), (0, detail.width), dreamed - base)
    forget(job.work, len(sizes) - 1)


def octave_of(job: Job, picture: Raster, before: Raster | None, number: int) -> Octave:
    """An octave ready to be dreamed in blocks, its photograph on disk."""
    base = at_size(picture, job.octaves[number], number)
    return Octave.of(number, (base, before), job.work, (job.model, job.objective.resolved(job.model)), job.settings)


def at_size(picture: Raster, size: tuple[int, int], number: int) -> Raster:
    """The photograph at the size of an octave, on disk."""
    if size == picture.size:
        return picture
    return resized(picture, Raster(picture.path.with_name(f"{number:02d}-base.raw"), *size))


def forget(work: Work, number: int) -> None:
    """Deletes what an octave needed, once its detail is there."""
    work.drop(f"{number:02d}-b*", f"{number:02d}-scales*", f"{number - 1:02d}-detail*")


def write(job: Job, picture: Raster, detail: Raster | None) -> None:
    """The photograph plus what was dreamed, row by row into the output."""
    output = Output(job.target, *job.size, job.photo, job.recipe)
    top, kind = (255, np.uint8) if output.depth == 8 else (65535, np.uint16)

    def rows(start: int, behind: int) -> np.ndarray:
        strip = np.empty((behind - start, output.width, picture.channels), kind)
        for _, columns in rectangles((1, output.width), 1024):
            part = canvas(picture, detail, (start, behind), columns)[0]
            strip[:, slice(*columns)] = (part * top).round_().permute(1, 2, 0).numpy()
        return strip

    save_rows(output, rows)


def canvas(picture: Raster, detail: Raster | None, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
    """A rectangle of the finished picture, its alpha (if it has one) beside the colors."""
    values = picture.read(rows, columns)
    if detail is not None:
        values[:, :3] += window(detail, picture.size, rows, columns)
    return values.clamp_(0, 1)
