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
from reverie.image.embedding import insert_png_texts, make_png_chunk
from reverie.image.formats import AVIF, JPEG, PNG, TIFF, WEBP, Format, find_format
from reverie.image.opening import DAMAGED_MESSAGE, escape_path, open_picture, silence_libvips, translate_libvips_errors
from reverie.image.profiles import convert_from_srgb, convert_to_srgb, is_srgb
from reverie.image.reading import PhotoFile, normalize_samples, read_file_stamp, read_orientation, split_alpha
from reverie.image.writing import (
    attach_metadata,
    build_format_packet,
    check_format_size,
    collect_png_texts,
    draft_picture,
    encoder_options,
)

ReadRows = Callable[[int, int], np.ndarray]
"""read_rows(first, end) -> the samples of rows first..end-1: (rows, width, 3 or 4 channels), uint8 or uint16."""

ENCODER_BYTES_PER_PIXEL = {WEBP.ending: 12, AVIF.ending: 40}
"""The memory of the encoders that hold the whole picture, in bytes per pixel, by file ending."""


def check_streamed_size(path: Path, size: tuple[int, int], memory: int) -> None:
    """Check, before any work, that a picture (height, width) can be written to a path within `memory` bytes.

    Raises ImageFileError where it is too large for the format, or for a format that is not encoded row by row.
    """
    form = find_format(path)
    check_format_size(size, form)
    if ENCODER_BYTES_PER_PIXEL.get(form.ending, 0) * size[0] * size[1] > memory:
        raise ImageFileError(
            f"a {form.ending} of {size[1]} x {size[0]} cannot be written within {memory / 1e9:.2g} GB of memory, "
            "it is encoded in one piece; write .tif, .png or .jpg"
        )


def write_raw_samples(photo: PhotoFile, target: Path) -> int:
    """Decode a photograph to raw samples in a file, and return its EXIF orientation (1 to 8), which is not applied.

    The samples are sRGB, RGB or RGBA interleaved, of 8 or 16 bits as the photograph's `depth` says, row after row.
    Raises ImageFileError for a file that is damaged, missing, or changed since its header was read.
    """
    with translate_libvips_errors(photo.path, DAMAGED_MESSAGE):
        picture = open_picture(photo.path)
        orientation = read_orientation(picture)
        colors, alpha = split_alpha(photo.path, normalize_samples(picture))
        colors = _convert_depth(convert_to_srgb(colors), photo.depth)
        colors = colors if colors.bands == 3 else colors.bandjoin([colors, colors])
        if alpha is not None:
            colors = colors.bandjoin(_convert_depth(alpha, photo.depth))
        colors.rawsave_target(pyvips.Target.new_to_file(os.fsencode(target)))
        if read_file_stamp(photo.path) != photo.stamp:
            raise ImageFileError(f"{escape_path(photo.path)} was changed while it was read: start again")
    return orientation


def _convert_depth(picture: pyvips.Image, depth: int) -> pyvips.Image:
    """Convert samples of any format to unsigned ones of 8 or 16 bits, scaled to the new range."""
    wanted, top = ("uchar", 255) if depth == 8 else ("ushort", 65535)
    if picture.format == wanted:
        return picture
    # The largest value of each integer format; floats are 0..1.
    tops = {"uchar": 255, "char": 127, "ushort": 65535, "short": 32767, "uint": 2**32 - 1, "int": 2**31 - 1}
    return (picture * (top / tops.get(picture.format, 1))).rint().cast(wanted)


@dataclass(frozen=True)
class StreamedOutput:
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
        return self.photo.depth if find_format(self.path).high_depth else 8


def save_rows(output: StreamedOutput, rows: ReadRows) -> None:
    """Write a picture from rows, which are read from top to bottom, as `save_image` writes one from memory.

    A TIFF is tiled and pyramidal, so that a viewer opens it at once. Raises ImageFileError, and whatever `rows` raises;
    the file that was there before is then untouched.
    """
    form = find_format(output.path)
    packet = build_format_packet(output.path, form, output.recipe, output.photo)
    silence_libvips()
    stream = PngStream(rows, output)
    with draft_picture(output.path) as draft, translate_libvips_errors(output.path, "cannot be written"):
        try:
            picture = attach_metadata(_convert_colors(stream.open(), output, form), output.photo)
            if packet and form is not PNG:
                picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
            target = pyvips.Target.new_to_file(os.fsencode(draft))
            picture.write_to_target(target, form.ending, **_streaming_options(picture, form, output.quality))
        except pyvips.Error:
            if stream.error:  # libvips has only seen the stream end early
                raise stream.error from None
            raise
        if form is PNG:
            _insert_texts_into_file(draft, collect_png_texts(packet, output.recipe))


def _streaming_options(picture: pyvips.Image, form: Format, quality: int | None) -> dict[str, object]:
    """Return libvips's options for a picture that is written while it is computed."""
    options = encoder_options(picture, form, quality)
    if form is TIFF:
        options |= {"bigtiff": True, "tile": True, "pyramid": True, "tile_width": 256, "tile_height": 256}
    if form is JPEG:
        options["optimize_coding"] = False  # it would hold the DCT coefficients of the whole picture
    return options


def _convert_colors(picture: pyvips.Image, output: StreamedOutput, form: Format) -> pyvips.Image:
    """Convert a picture to the file's depth and color profile; it is laid on white if the format has no alpha."""
    if picture.bands == 4 and not form.alpha:
        picture = picture.flatten(background=255 if picture.format == "uchar" else 65535)
    if output.photo.profile is None or is_srgb(output.photo.profile):
        return picture
    depth = output.photo.depth if form.high_depth else 8
    colors = convert_from_srgb(picture.extract_band(0, n=3), output.photo.profile, depth)
    return colors if picture.bands == 3 else colors.bandjoin(_convert_depth(picture.extract_band(3), depth))


def _insert_texts_into_file(path: Path, texts: dict[str, str]) -> None:
    """Insert texts right after the header of a PNG file, which is copied in pieces of a megabyte."""
    header = 8 + 25  # bytes of the signature and of IHDR
    copy = path.with_name(path.name + ".texts")
    try:
        with path.open("rb") as old, copy.open("wb") as new:
            new.write(insert_png_texts(old.read(header), texts))
            shutil.copyfileobj(old, new, 1 << 20)
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)


class PngStream:
    """An uncompressed PNG that libvips reads while its rows are computed.

    libvips cannot read raw rows from a stream: it takes a raw file only, and maps all of it into memory.
    """

    STRIP = 64  # rows in a PNG chunk

    def __init__(self, rows: ReadRows, output: StreamedOutput) -> None:
        self.rows, self.height, self.next_row = rows, output.height, 0
        self.compressor = zlib.compressobj(0)  # level 0: the zlib format without compression
        color_type = 2 if output.photo.opaque else 6  # RGB or RGBA
        header = struct.pack(">IIBBBBB", output.width, output.height, output.depth, color_type, 0, 0, 0)
        self.pending = memoryview(b"\x89PNG\r\n\x1a\n" + make_png_chunk(b"IHDR", header))
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
            return make_png_chunk(b"IDAT", data)
        return make_png_chunk(b"IDAT", data + self.compressor.flush()) + make_png_chunk(b"IEND", b"")
