"""Pictures too large for memory, between files and raw samples on disk: read and written row by row.

scan.tif --transcribe--> samples on disk ... rows --save_rows--> dream.tif (tiled, pyramidal, BigTIFF)
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from reverie.errors import ImageFileError
from reverie.image.embedding import png_chunk, png_with_texts
from reverie.image.formats import AVIF, JPEG, PNG, TIFF, WEBP, Format, format_of
from reverie.image.opening import DAMAGED, as_image_error, opened, printable, quiet
from reverie.image.profiles import from_srgb, is_srgb, to_srgb
from reverie.image.reading import PhotoFile, channels, orientation_of, stamp_of, unpacked
from reverie.image.writing import check_size, drafted, options_for, packet_for, png_texts, with_metadata

Rows = Callable[[int, int], np.ndarray]
"""The samples of the rows from one to another: (rows, width, 3 or 4 channels), uint8 or uint16."""

HELD = {WEBP.ending: 12, AVIF.ending: 40}
"""What an encoder that holds the whole picture takes, in bytes a pixel."""


def check_streamed(path: Path, size: tuple[int, int], memory: int) -> None:
    """Refuses, before any work, a picture (height, width) that the path's format cannot hold or not write in rows."""
    form = format_of(path)
    check_size(size, form)
    if HELD.get(form.ending, 0) * size[0] * size[1] > memory:
        raise ImageFileError(
            f"a {form.ending} of {size[1]} x {size[0]} cannot be written within {memory / 1e9:.2g} GB of memory, "
            "it is encoded in one piece; write .tif, .png or .jpg"
        )


def transcribe(photo: PhotoFile, target: Path) -> int:
    """Writes a photograph's samples, sRGB, RGB or RGBA of its depth in rows, and tells how it must be turned (1 to 8).

    Raises ImageFileError for a file that is damaged, gone, or not what it was when its header was read.
    """
    with as_image_error(photo.path, DAMAGED):
        picture = opened(photo.path)
        orientation = orientation_of(picture)
        colors, alpha = channels(photo.path, unpacked(picture))
        colors = _as_depth(to_srgb(colors), photo.depth)
        colors = colors if colors.bands == 3 else colors.bandjoin([colors, colors])
        if alpha is not None:
            colors = colors.bandjoin(_as_depth(alpha, photo.depth))
        colors.rawsave_target(pyvips.Target.new_to_file(os.fsencode(target)))
        if stamp_of(photo.path) != photo.stamp:
            raise ImageFileError(f"{printable(photo.path)} was changed while it was read: start again")
    return orientation


def _as_depth(picture: pyvips.Image, depth: int) -> pyvips.Image:
    """Samples of any format as unsigned ones of 8 or 16 bits."""
    wanted, top = ("uchar", 255) if depth == 8 else ("ushort", 65535)
    if picture.format == wanted:
        return picture
    tops = {"uchar": 255, "char": 127, "ushort": 65535, "short": 32767, "uint": 2**32 - 1, "int": 2**31 - 1}
    return (picture * (top / tops.get(picture.format, 1))).rint().cast(wanted)


@dataclass(frozen=True)
class Output:
    """A picture that comes in rows: where it goes, its size, and the photograph whose metadata it has."""

    path: Path
    height: int
    width: int
    like: PhotoFile
    recipe: str | None = None
    quality: int | None = None

    @property
    def depth(self) -> int:
        """8 or 16: the bits of the rows' samples. 16 also where colors are still to be converted to a profile's."""
        if self.like.profile is not None and not is_srgb(self.like.profile):
            return 16
        return self.like.depth if format_of(self.path).deep else 8


def save_rows(output: Output, rows: Rows) -> None:
    """Writes a picture from its rows, asked for from top to bottom, as `save_image` writes one from memory.

    A TIFF is tiled and has its smaller sizes inside, so that a viewer opens it at once. Raises ImageFileError.
    """
    form = format_of(output.path)
    packet = packet_for(output.path, form, output.recipe, output.like)
    quiet()
    stream = Stream(rows, output)
    with drafted(output.path) as draft, as_image_error(output.path, "cannot be written"):
        try:
            picture = with_metadata(_in_colors(stream.picture(), output, form), output.like)
            if packet and form is not PNG:
                picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
            target = pyvips.Target.new_to_file(os.fsencode(draft))
            picture.write_to_target(target, form.ending, **_options(picture, form, output.quality))
        except pyvips.Error:
            if stream.error:  # libvips only noticed that the rows ended
                raise stream.error from None
            raise
        if form is PNG:
            _insert_texts(draft, png_texts(packet, output.recipe))


def _options(picture: pyvips.Image, form: Format, quality: int | None) -> dict[str, object]:
    options = options_for(picture, form, quality)
    if form is TIFF:
        options |= {"bigtiff": True, "tile": True, "pyramid": True, "tile_width": 256, "tile_height": 256}
    if form is JPEG:
        options["optimize_coding"] = False  # it would keep the whole picture's coefficients
    return options


def _in_colors(picture: pyvips.Image, output: Output, form: Format) -> pyvips.Image:
    """The picture in the file's depth and the colors of its profile; on white where it can have no alpha."""
    if picture.bands == 4 and not form.alpha:
        picture = picture.flatten(background=255 if picture.format == "uchar" else 65535)
    if output.like.profile is None or is_srgb(output.like.profile):
        return picture
    depth = output.like.depth if form.deep else 8
    colors = from_srgb(picture.extract_band(0, n=3), output.like.profile, depth)
    return colors if picture.bands == 3 else colors.bandjoin(_as_depth(picture.extract_band(3), depth))


def _insert_texts(path: Path, texts: dict[str, str]) -> None:
    """Texts behind a PNG's header, the file copied piece by piece."""
    header = 8 + 25  # the signature and IHDR
    behind = path.with_name(path.name + ".texts")
    try:
        with path.open("rb") as old, behind.open("wb") as new:
            new.write(png_with_texts(old.read(header), texts))
            shutil.copyfileobj(old, new, 1 << 20)
        behind.replace(path)
    finally:
        behind.unlink(missing_ok=True)


class Stream:
    """Rows as a file that libvips reads while they are computed: a PNG that is not compressed.

    libvips has no way to take raw rows as they come, and the raw file it does take it maps into memory whole.
    """

    STRIP = 64  # rows at a time

    def __init__(self, rows: Rows, output: Output) -> None:
        self.rows, self.height, self.next = rows, output.height, 0
        self.deflate = zlib.compressobj(0)
        kind = 2 if output.like.opaque else 6
        header = struct.pack(">IIBBBBB", output.width, output.height, output.depth, kind, 0, 0, 0)
        self.left = memoryview(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))
        self.error: BaseException | None = None

    def picture(self) -> pyvips.Image:
        self.source = pyvips.SourceCustom()
        self.source.on_read(self.read)
        return pyvips.Image.pngload_source(self.source, access="sequential", fail_on="error", unlimited=True)

    def read(self, most: int) -> bytes:
        """The next bytes; none at the end, or where the rows could not be computed."""
        try:
            if not self.left and self.next < self.height:
                self.left = memoryview(self.strip(min(self.height, self.next + self.STRIP)))
        except BaseException as error:  # an exception cannot pass through libvips
            self.error = error
            return b""
        piece, self.left = self.left[:most], self.left[most:]
        return bytes(piece)

    def strip(self, behind: int) -> bytes:
        """The rows up to another, as PNG has them: the high byte first, before each row the number of its filter."""
        samples = self.rows(self.next, behind)
        self.next = behind
        lines = samples.astype(samples.dtype.newbyteorder(">")).view(np.uint8).reshape(len(samples), -1)
        data = self.deflate.compress(np.pad(lines, ((0, 0), (1, 0))).tobytes())
        if behind < self.height:
            return png_chunk(b"IDAT", data)
        return png_chunk(b"IDAT", data + self.deflate.flush()) + png_chunk(b"IEND", b"")
