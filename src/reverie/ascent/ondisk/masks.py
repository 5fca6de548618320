"""Masks of pictures larger than memory: read in rectangles, feathered at every octave as those in memory are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from reverie.ascent.ondisk.raster import Raster, Span, draft_raster, split_into_rectangles
from reverie.ascent.ondisk.resampling import read_resized, write_resized
from reverie.ascent.ondisk.source import open_decoded_raster
from reverie.ascent.ondisk.workspace import Workspace
from reverie.errors import ImageFileError
from reverie.gradient.tiling import Window
from reverie.image.filters import gaussian_blur
from reverie.image.opening import escape_path
from reverie.image.reading import PhotoFile
from reverie.objectives.base import Objective
from reverie.objectives.masks import compute_luma

MAX_BLUR_SIGMA = 32
"""Largest sigma of a blur in pixels: beyond it a smaller mask is blurred and enlarged, which looks the same."""

OVERVIEW_SIDE = 256
"""Longest side in pixels of the small mask that says where a region lies."""


@dataclass(frozen=True)
class RegionFiles:
    """Objectives by region: each with a mask file, whose opaque (or, without alpha, light) places are the region."""

    regions: tuple[tuple[Objective, PhotoFile], ...]

    @property
    def objective(self) -> Objective:
        """All terms of all regions in one objective: which layers are needed, and what cannot be dreamed on disk."""
        return Objective(tuple(term for objective, _ in self.regions for term in objective.terms))

    @property
    def masks(self) -> list[PhotoFile]:
        """The mask files, in the order of the regions."""
        return [mask for _, mask in self.regions]

    def __str__(self) -> str:
        """Identifies the masks by their digests, so that renaming a file does not change the dream."""
        return "; ".join(f"{mask.digest}: {objective}" for objective, mask in self.regions)


@dataclass(frozen=True)
class BlurredRaster:
    """A raster of one channel that is blurred by a Gaussian when it is read; `sigma` in pixels."""

    raster: Raster
    sigma: float

    @property
    def size(self) -> tuple[int, int]:
        return self.raster.size

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 1 h w"]:
        """A rectangle of the blurred raster: read with the reach of the kernel around it, blurred, then cropped."""
        if not self.sigma:
            return self.raster.read(rows, columns)
        # the kernel ends at 3 sigma; the filter mirrors at the edges, by less than the picture's side
        reach = min(math.ceil(3 * self.sigma), min(self.size) - 1)
        seen = [widen_span(span, reach, side) for span, side in zip((rows, columns), self.size, strict=True)]
        top, left = rows[0] - seen[0][0], columns[0] - seen[1][0]
        blurred = gaussian_blur(self.raster.read(seen[0], seen[1]), self.sigma)
        return blurred[..., top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]


def widen_span(span: Span, reach: int, side: int) -> Span:
    """A span widened by `reach` pixels at both ends, clipped to the picture's `side`."""
    return max(0, span[0] - reach), min(side, span[1] + reach)


@dataclass(frozen=True)
class SoftMask:
    """The feathered mask of a region at an octave of `size` (height, width): weights 0..1."""

    mask: BlurredRaster
    size: tuple[int, int]
    overview: Raster

    def weights(self, row: Window, column: Window) -> Float[Tensor, "1 1 h w"]:
        """The weights in a window of the octave."""
        return self.read(row.seen, column.seen)

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 1 h w"]:
        """The weights in a rectangle of the octave."""
        return read_resized(self.mask, self.size, rows, columns).clamp(0, 1)

    def places(self, most: int) -> list[tuple[int, int]]:
        """Up to `most` pixels (y, x) of the octave that lie within the region, evenly spread over it."""
        (height, width), weights = self.overview.size, read_whole_raster(self.overview)[0, 0]
        inside = (weights >= weights.max() / 2).nonzero().tolist()
        count = min(most, len(inside))
        chosen = [inside[(2 * number + 1) * len(inside) // (2 * count)] for number in range(count)]
        return [(int((y + 0.5) / height * self.size[0]), int((x + 0.5) / width * self.size[1])) for y, x in chosen]


def build_soft_mask(
    mask: PhotoFile, number: int, work: Workspace, octave: tuple[int, tuple[int, int]], feather: float
) -> SoftMask:
    """Builds the mask of a region for one octave; its files are written unless they exist.

    number: of the region, which names its files.
    octave: that one's number and size (height, width).
    feather: sigma of the blur as a share of the octave's longest side.
    """
    raster, size = open_mask_raster(mask, number, work), octave[1]
    sigma = feather * max(size)
    # Blurred at a size where sigma is at most `MAX_BLUR_SIGMA`, then enlarged: a wide kernel needs a wide margin.
    soft = shrink_size(size, MAX_BLUR_SIGMA / sigma if sigma else 1)
    overview = Raster(
        work.path(f"mask-{number:02d}-overview.raw"), *shrink_size(raster.size, OVERVIEW_SIDE / max(raster.size)), 1
    )
    at = resize_mask_raster(raster, soft, work, f"mask-{number:02d}-at-{octave[0]:02d}.raw")
    return SoftMask(BlurredRaster(at, feather * max(soft)), size, write_resized(raster, overview))


def resize_mask_raster(raster: Raster, size: tuple[int, int], work: Workspace, name: str) -> Raster:
    """The mask resized to `size` (height, width), in a file of this name."""
    return raster if size == raster.size else write_resized(raster, Raster(work.path(name), *size, 1))


def shrink_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """A size (height, width) times `scale`, or unchanged where that is above 1."""
    scale = min(1, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def open_mask_raster(mask: PhotoFile, number: int, work: Workspace) -> Raster:
    """The mask at its own size as a raster of one channel, written unless it exists.

    Its weights are the alpha channel where that is not opaque everywhere, else the lightness of the colors. Raises
    `ImageFileError` for a mask that is black everywhere.
    """
    raster = Raster(work.path(f"mask-{number:02d}.raw"), *mask.size, 1)
    if raster.there:
        return raster
    colors = open_decoded_raster(mask, work.path(f"mask-{number:02d}-colors.raw"))
    parts = list(split_into_rectangles(raster.size, 1024))
    transparent = colors.channels == 4 and any(float(colors.read(*part)[:, 3].min()) < 1 for part in parts)
    strongest = 0.0
    with draft_raster(raster) as draft:
        for part in parts:
            values = colors.read(*part)
            weights = values[:, 3:] if transparent else compute_luma(values[:, :3])
            strongest = max(strongest, float(weights.max()))
            draft.write(*part, weights)
    if not strongest:
        raster.path.unlink()
        raise ImageFileError(f"{escape_path(mask.path)}: the mask is empty: it is black everywhere")
    colors.path.unlink()
    return raster


def read_whole_raster(raster: Raster) -> Float[Tensor, "1 c h w"]:
    """The whole raster, for small ones."""
    return raster.read((0, raster.height), (0, raster.width))


def estimate_mask_bytes(masks: Sequence[PhotoFile], largest: int) -> int:
    """Bytes on disk that the rasters of masks take, `largest` being the pixels of the largest octave."""
    return sum(mask.height * mask.width * (2 + 4 * mask.depth // 8) + 2 * largest for mask in masks)
