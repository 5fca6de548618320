"""The photograph as a raster on disk: decoded once, upright by its EXIF orientation, at the size of the dream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from reverie.ascent.ondisk.raster import Raster, Span, draft_raster, split_into_rectangles
from reverie.ascent.ondisk.resampling import write_resized
from reverie.ascent.ondisk.workspace import Workspace
from reverie.image.reading import PhotoFile
from reverie.image.streaming import write_raw_samples


def open_photo_raster(photo: PhotoFile, size: tuple[int, int], work: Workspace) -> Raster:
    """The photograph at a size (height, width), three channels or four (alpha); written unless the file exists."""
    source = open_decoded_raster(photo, work.path("source.raw"))
    if size == source.size:
        return source
    return write_resized(source, Raster(work.path("picture.raw"), *size, source.channels, "uint16"))


def open_decoded_raster(photo: PhotoFile, path: Path) -> Raster:
    """The photograph at its own size, as a raster of its own bit depth; written to `path` unless it exists."""
    dtype, bands = "uint8" if photo.depth == 8 else "uint16", 3 if photo.opaque else 4
    raster = Raster(path, photo.height, photo.width, bands, dtype)
    if not raster.there:
        decode_photo(photo, raster)
    return raster


def decode_photo(photo: PhotoFile, upright: Raster) -> None:
    """Writes the photograph's samples into the raster `upright`, rotated as its EXIF orientation says.

    It is decoded row by row, as it is stored; rotating needs random access, and so a second file on disk.
    """
    stored = replace(upright, path=upright.path.with_name("lying.raw"))
    orientation = write_raw_samples(photo, stored.path)
    if orientation == 1:
        stored.path.replace(upright.path)
        return
    if orientation > 4:  # 5 to 8 exchange height and width
        stored = replace(stored, height=upright.width, width=upright.height)
    with draft_raster(upright) as draft:
        for rows, columns in split_into_rectangles(upright.size, 1024):
            draft.write_samples(rows, columns, read_upright(stored, rows, columns, orientation))
    stored.path.unlink()


def read_upright(stored: Raster, rows: Span, columns: Span, orientation: int) -> np.ndarray:
    """A rectangle (h, w, c) of the upright picture, read from a raster stored in EXIF orientation 2 to 8."""
    if orientation > 4:  # transposed: the upright columns are its rows
        rows, columns = columns, rows
    down, across = (-1 if orientation in flipped else 1 for flipped in ((3, 4, 6, 7), (2, 3, 7, 8)))
    if down < 0:
        rows = stored.height - rows[1], stored.height - rows[0]
    if across < 0:
        columns = stored.width - columns[1], stored.width - columns[0]
    samples = stored.read_samples(rows, columns)[::down, ::across]
    return np.ascontiguousarray(samples if orientation < 5 else samples.transpose(1, 0, 2))
