"""Reading and writing pictures too large for memory, row by row.

scan.tif --write_raw_samples--> samples on disk ... rows --save_rows--> dream.tif (tiled, pyramidal, BigTIFF)
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
"""read_rows(first, end) -> the samples of rows first..end-1: (rows, width, 3 or 4 channels), uint8 or uint16."""

HELD = {WEBP.ending: 12, AVIF.ending: 40}
"""The memory of the encoders that hold the whole picture, in bytes per pixel, by file ending."""


def check_streamed(path: Path, size: tuple[int, int], memory: int) -> None:
    """Check, before any work, that a picture (height, width) can be written to a path within `memory` bytes.

    Raises ImageFileError where it is too large for the format, or for a format that is not encoded row by row.
    """
    form = format_of(path)
    check_size(size, form)
    if HELD.get(form.ending, 0) * size[0] * size[1] > memory:
        raise ImageFileError(
            f"a {form.ending} of {size[1]} x {size[0]} cannot be written within {memory / 1e9:.2g} GB of memory, "
            "it is encoded in one piece; write .tif, .png or .jpg"
        )


def transcribe(photo: PhotoFile, target: Path) -> int:
    """Decode a photograph to raw samples in a file, and return its EXIF orientation (1 to 8), which is not applied.

    The samples are sRGB, RGB or RGBA interleaved, of 8 or 16 bits as the photograph's `depth` says, row after row.
    Raises ImageFileError for a file that is damaged, missing, or changed since its header was read.
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
    """Convert samples of any format to unsigned ones of 8 or 16 bits, scaled to the new range."""
    wanted, top = ("uchar", 255) if depth == 8 else ("ushort", 65535)
    if picture.format == wanted:
        return picture
    # The largest value of each integer format; floats are 0..1.
    tops = {"uchar": 255, "char": 127, "ushort": 65535, "short": 32767, "uint": 2**32 - 1, "int": 2**31 - 1}
    return (picture * (top / tops.get(picture.format, 1))).rint().cast(wanted)


@dataclass(frozen=True)
class Output:
    """A picture to be written row by row: its path and size, and the photograph whose metadata it keeps.

    `photo` plays the part of `save_image`'s `like`; `recipe` and `quality` are as there.
    """

    path: Path
    height: int
    width: int
    photo: PhotoFile
    recipe: str | None = None
    quality: int | None = None

    @property
    def depth(self) -> int:
        """8 or 16: the bits of the rows' samples. 16 also if the colors are still to be converted to an ICC profile."""
        if self.photo.profile is not None and not is_srgb(self.photo.profile):
            return 16
        return self.photo.depth if format_of(self.path).high_depth else 8


def save_rows(output: Output, rows: Rows) -> None:
    """Write a picture from rows, which are read from top to bottom, as `save_image` writes one from memory.

    A TIFF is tiled and pyramidal, so that a viewer opens it at once. Raises ImageFileError, and whatever `rows` raises;
    the file that was there before is then untouched.
    """
    form = format_of(output.path)
    packet = packet_for(output.path, form, output.recipe, output.photo)
    quiet()
    stream = Stream(rows, output)
    with drafted(output.path) as draft, as_image_error(output.path, "cannot be written"):
        try:
            picture = with_metadata(_in_colors(stream.open(), output, form), output.photo)
            if packet and form is not PNG:
                picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
            target = pyvips.Target.new_to_file(os.fsencode(draft))
            picture.write_to_target(target, form.ending, **_options(picture, form, output.quality))
        except pyvips.Error:
            if stream.error:  # libvips has only seen the stream end early
                raise stream.error from None
            raise
        if form is PNG:
            _insert_texts(draft, png_texts(packet, output.recipe))


def _options(picture: pyvips.Image, form: Format, quality: int | None) -> dict[str, object]:
    """Return libvips's options for a picture that is written while it is computed."""
    options = options_for(picture, form, quality)
    if form is TIFF:
        options |= {"bigtiff": True, "tile": True, "pyramid": True, "tile_width": 256, "tile_height": 256}
    if form is JPEG:
        options["optimize_coding"] = False  # it would hold the DCT coefficients of the whole picture
    return options


def _in_colors(picture: pyvips.Image, output: Output, form: Format) -> pyvips.Image:
    """Convert a picture to the file's depth and color profile; it is laid on white if the format has no alpha."""
    if picture.bands == 4 and not form.alpha:
        picture = picture.flatten(background=255 if picture.format == "uchar" else 65535)
    if output.photo.profile is None or is_srgb(output.photo.profile):
        return picture
    depth = output.photo.depth if form.high_depth else 8
    colors = from_srgb(picture.extract_band(0, n=3), output.photo.profile, depth)
    return colors if picture.bands == 3 else colors.bandjoin(_as_depth(picture.extract_band(3), depth))


def _insert_texts(path: Path, texts: dict[str, str]) -> None:
    """Insert texts right after the header of a PNG file, which is copied in pieces of a megabyte."""
    header = 8 + 25  # bytes of the signature and of IHDR
    copy = path.with_name(path.name + ".texts")
    try:
        with path.open("rb") as old, copy.open("wb") as new:
            new.write(png_with_texts(old.read(header), texts))
            shutil.copyfileobj(old, new, 1 << 20)
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)


class Stream:
    """An uncompressed PNG that libvips reads while its rows are computed.

    libvips cannot read raw rows from a stream: it takes a raw file only, and maps all of it into memory.
    """

    STRIP = 64  # rows in a PNG chunk

    def __init__(self, rows: Rows, output: Output) -> None:
        self.rows, self.height, self.next_row = rows, output.height, 0
        self.compressor = zlib.compressobj(0)  # level 0: the zlib format without compression
        color_type = 2 if output.photo.opaque else 6  # RGB or RGBA
        header = struct.pack(">IIBBBBB", output.width, output.height, output.depth, color_type, 0, 0, 0)
        self.pending = memoryview(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))
        self.error: BaseException | None = None  # what `rows` has raised, for the caller to raise again

    def open(self) -> pyvips.Image:
        """Open the stream as a libvips picture."""
        self.source = pyvips.SourceCustom()
        self.source.on_read(self.read_bytes)
        return pyvips.Image.pngload_source(self.source, access="sequential", fail_on="error", unlimited=True)

    def read_bytes(self, limit: int) -> bytes:
        """Return the next bytes of the PNG, at most `limit`; none at the end, and after an error of `rows`."""
        try:
            if not self.pending and self.next_row < self.height:
                self.pending = memoryview(self.encode_rows(min(self.height, self.next_row + self.STRIP)))
        except BaseException as error:  # an exception cannot pass through libvips
            self.error = error
            return b""
        piece, self.pending = self.pending[:limit], self.pending[limit:]
        return bytes(piece)

    def encode_rows(self, end: int) -> bytes:
        """Encode the rows before `end` as PNG chunks: big-endian samples, each row after its filter type, 0."""
        samples = self.rows(self.next_row, end)
        self.next_row = end
        lines = samples.astype(samples.dtype.newbyteorder(">")).view(np.uint8).reshape(len(samples), -1)
        # (rows, bytes), and a zero before each row
        data = self.compressor.compress(np.pad(lines, ((0, 0), (1, 0))).tobytes())
        if end < self.height:
            return png_chunk(b"IDAT", data)
        return png_chunk(b"IDAT", data + self.compressor.flush()) + png_chunk(b"IEND", b"")
