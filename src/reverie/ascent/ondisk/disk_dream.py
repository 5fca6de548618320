"""A dream on disk as a value: what decides its pixels, and the memory and disk space it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reverie._native.files import hash_file
from reverie.ascent.octaves import plan_octaves
from reverie.ascent.ondisk.masks import (
    RegionFiles,
    SoftMask,
    build_soft_mask,
    estimate_mask_bytes,
    open_mask_raster,
    read_whole_raster,
    resize_mask_raster,
)
from reverie.ascent.ondisk.window_gradient import refuse_position_dependent
from reverie.ascent.ondisk.workspace import Workspace
from reverie.errors import SettingsError
from reverie.gradient.memory import IMAGE_BYTES_PER_PIXEL, step_bytes_per_pixel
from reverie.gradient.tiling import TilePlan
from reverie.image.reading import PhotoFile
from reverie.image.resample import scale_size
from reverie.image.streaming import check_streamed_size
from reverie.objectives.base import Objective
from reverie.objectives.masks import Regions
from reverie.settings import Settings
from reverie.types import CHANGE_LAYER, Model

MIN_BLOCK = 384
"""The smallest block side worth computing, in pixels: below it a block is mostly margin."""

FIXED_BYTES = 300_000_000
"""Memory that does not grow with the block, measured: weights, oneDNN's compiled kernels, rows of the two files."""


@dataclass(frozen=True)
class DiskDream:
    """A dream from file to file, too large for memory.

    photo: the photograph's file, of which only the header is read yet.
    target: the file to write.
    objective: one for the whole picture, or one for each region.
    block: side of the blocks in pixels, margins included; chosen by `within`. Like all the rest, it decides the pixels.
    recipe: the text to embed in the output.
    """

    photo: PhotoFile
    target: Path
    model: Model
    objective: Objective | RegionFiles
    settings: Settings
    block: int = 0
    recipe: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the output."""
        return scale_size((self.photo.height, self.photo.width), self.settings.size)

    @property
    def octaves(self) -> list[tuple[int, int]]:
        """The sizes (height, width) of the octaves, smallest first."""
        return plan_octaves(self.size, self.settings)

    @property
    def masks(self) -> list[PhotoFile]:
        """The mask files of its regions; none where there are no regions."""
        return self.objective.masks if isinstance(self.objective, RegionFiles) else []

    @property
    def work(self) -> Workspace:
        """Its work folder, named by the target and identified by everything that decides the pixels."""
        dream: dict[str, Any] = {
            "photo": self.photo.digest,
            "model": [self.model.name, self.model.digest, self.model.precision],
            "objective": str(self.objective),
            "settings": self.settings.as_dict(),
            "files": {name: hash_file(Path(name)) for name in self.objective.objective.files},
        }
        return Workspace.beside(self.target, dream, self.block)

    def within(self, memory: int) -> DiskDream:
        """The same dream in the largest blocks that fit into `memory` bytes, or in the blocks with which it was begun.

        Raises `SettingsError` for a panorama, for an objective that looks at one place only, and for less memory than
        the smallest block needs (the message says how much); `ImageFileError` where the output's format cannot be
        written row by row.
        """
        check_streamed_size(self.target, self.size, memory)
        if self.settings.around:
            raise SettingsError(
                "a panorama larger than memory cannot be dreamed around: give it more --memory, or --size"
            )
        objective = self.objective.objective.resolved(self.model)
        refuse_position_dependent(objective)
        TilePlan.of(self.model, objective.without(CHANGE_LAYER), 0, None).warn_if_approximate(self.model)
        bytes_per_pixel = step_bytes_per_pixel(self.model, objective.without(CHANGE_LAYER)) + IMAGE_BYTES_PER_PIXEL
        side = int(math.sqrt(max(0, memory - FIXED_BYTES) / bytes_per_pixel))
        if side < MIN_BLOCK:
            least = math.ceil((FIXED_BYTES + bytes_per_pixel * MIN_BLOCK**2) / 1e6)
            raise SettingsError(f"memory is {memory / 1e6:.0f} MB; these layers need at least {least} MB")
        return replace(self, block=replace(self, block=side).work.block)


def estimate_disk_bytes(job: DiskDream) -> int:
    """The most bytes on disk that the temporary files and the output take, the output counted as uncompressed."""
    photo, height, width = job.photo, *job.size
    samples = (3 if photo.opaque else 4) * photo.depth // 8
    source = photo.height * photo.width * samples * (2 if job.settings.size else 1)
    largest = math.prod(job.octaves[-1])
    return source + estimate_mask_bytes(job.masks, largest) + 20 * largest + (height * width * samples * 4) // 3


def build_small_objective(job: DiskDream, size: tuple[int, int]) -> Objective | Regions:
    """The objective for octaves that fit into memory, its masks (if any) read at `size` (height, width)."""
    if isinstance(job.objective, Objective):
        return job.objective
    regions = []
    for number, (objective, mask) in enumerate(job.objective.regions):
        raster = resize_mask_raster(
            open_mask_raster(mask, number, job.work), size, job.work, f"mask-{number:02d}-small.raw"
        )
        regions.append((objective, read_whole_raster(raster)))
    return Regions(tuple(regions))


def build_octave_objectives(job: DiskDream, octave: int) -> list[tuple[Objective, SoftMask | None]]:
    """The objectives of an octave, resolved to the model's layers, each with its mask; None: everywhere."""
    if isinstance(job.objective, Objective):
        return [(job.objective.resolved(job.model), None)]
    masks = build_octave_masks(job, octave, job.octaves[octave])
    return [(each.resolved(job.model), mask) for (each, _), mask in zip(job.objective.regions, masks, strict=True)]


def build_octave_masks(job: DiskDream, octave: int, size: tuple[int, int]) -> list[SoftMask]:
    """The masks of the regions for an octave of `size` (height, width), feathered as the settings say."""
    feather = job.settings.feather
    return [build_soft_mask(mask, number, job.work, (octave, size), feather) for number, mask in enumerate(job.masks)]
