"""The photograph as a raster on disk: decoded once, upright, at the size of the dream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from reverie.ascent.ondisk.raster import Raster, Span, drafted, rectangles
from reverie.ascent.ondisk.resampling import resized
from reverie.ascent.ondisk.workspace import Work
from reverie.image.reading import PhotoFile
from reverie.image.streaming import transcribe


def pictured(photo: PhotoFile, size: tuple[int, int], work: Work) -> Raster:
    """The photograph's raster at a size (height, width), three channels or four; made unless it is there."""
    source = decoded(photo, work.path("source.raw"))
    if size == source.size:
        return source
    return resized(source, Raster(work.path("picture.raw"), *size, source.channels, "uint16"))


def decoded(photo: PhotoFile, path: Path) -> Raster:
    """The photograph's raster at its own size; made unless it is there."""
    kind, bands = "uint8" if photo.depth == 8 else "uint16", 3 if photo.opaque else 4
    raster = Raster(path, photo.height, photo.width, bands, kind)
    if not raster.there:
        decode(photo, raster)
    return raster


def decode(photo: PhotoFile, upright: Raster) -> None:
    """Fills the raster from the photograph's file."""
    lying = replace(upright, path=upright.path.with_name("lying.raw"))
    orientation = transcribe(photo, lying.path)
    if orientation == 1:
        lying.path.replace(upright.path)
        return
    if orientation > 4:
        lying = replace(lying, height=upright.width, width=upright.height)
    with drafted(upright) as draft:
        for rows, columns in rectangles(upright.size, 1024):
            draft.put(rows, columns, turned(lying, rows, columns, orientation))
    lying.path.unlink()


def turned(lying: Raster, rows: Span, columns: Span, orientation: int) -> np.ndarray:
    """A rectangle of the upright picture, from one that lies as EXIF's orientation 2 to 8 says."""
    if orientation > 4:  # by a quarter: the upright columns are its rows
        rows, columns = columns, rows
    down, across = (-1 if orientation in kind else 1 for kind in ((3, 4, 6, 7), (2, 3, 7, 8)))
    if down < 0:
        rows = lying.height - rows[1], lying.height - rows[0]
    if across < 0:
        columns = lying.width - columns[1], lying.width - columns[0]
    samples = lying.samples(rows, columns)[::down, ::across]
    return np.ascontiguousarray(samples if orientation < 5 else samples.transpose(1, 0, 2))
