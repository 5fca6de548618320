"""Reading an image file as a `Photo`: its pixels as sRGB, and the metadata needed to write it back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native.files import hash_file
from reverie.errors import ImageFileError
from reverie.image.opening import DAMAGED_MESSAGE, escape_path, open_picture, translate_libvips_errors
from reverie.image.picture import Origin, Picture
from reverie.image.profiles import convert_to_srgb, find_usable_profile

MAX_PIXELS = 400_000_000
"""The most pixels that are read into memory: 4.8 GB as float32. Larger ones are dreamed on disk, by `ascent.ondisk`."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An image read from a file, with the file's metadata.

    - `image` (1, 3, h, w): float32, sRGB, 0 black to 1 white, rotated upright; (b, 3, h, w) where it is no file's.
    - `alpha` (1, 1, h, w): 0 transparent to 1 opaque; None: the file has no alpha channel.
    - `depth`: 8 or 16, the bits of a channel in the file (16 also for 10, 12 and 32 bits and for floats).
    - `profile`: the file's RGB ICC profile, from which `image` was converted and to which `save_image` converts back;
      None for gray and CMYK, which are saved as sRGB.
    - `path`, and `digest`: the SHA-256 of the file's bytes, in hexadecimal.
    - `exif`, `xmp`: these blocks of the file, or None.

    >>> import reverie as rv
    >>> photo = rv.read_photo("examples/astronaut.jpg")
    >>> rv.save_image(1 - photo.image, "negative.jpg", like=photo)  # with the photo's profile and EXIF
    """

    image: Float[Tensor, "b 3 h w"]
    alpha: Float[Tensor, "1 1 h w"] | None
    depth: int
    profile: bytes | None
    path: Path
    digest: str
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.image.shape[-2], self.image.shape[-1]


@dataclass(frozen=True)
class PhotoFile:
    """The header of an image file: as `Photo`, but without decoded pixels.

    `height` and `width` are those of the upright picture, in pixels; `opaque` is whether it has no alpha channel;
    `stamp` is the file's length and modification time, by which a later change is noticed.
    """

    path: Path
    height: int
    width: int
    opaque: bool
    depth: int
    profile: bytes | None
    digest: str
    stamp: tuple[int, int]
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.height, self.width


def read_header(path: str | os.PathLike[str]) -> PhotoFile:
    """Read the header of an image file of any size, without decoding pixels.

    Raises ImageFileError as `read_photo` does, but for nothing that only decoding would show, nor for the size.
    """
    path = Path(path)
    picture = open_picture(path)
    exif, xmp = _read_metadata(picture, "exif-data"), _read_metadata(picture, "xmp-data")
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        stamp = read_file_stamp(path)
        # Orientations 5 to 8 are turned by a quarter: height and width are exchanged.
        size = (picture.height, picture.width) if read_orientation(picture) < 5 else (picture.width, picture.height)
        colors, alpha = split_alpha(path, normalize_samples(picture))
        return PhotoFile(
            path,
            *size,
            alpha is None,
            find_bit_depth(colors),
            find_usable_profile(colors),
            hash_file(path),
            stamp,
            exif,
            xmp,
        )


def read_file_stamp(path: Path) -> tuple[int, int]:
    """Return a file's length in bytes and modification time in nanoseconds, by which a change is noticed."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def read_orientation(picture: pyvips.Image) -> int:
    """Return the EXIF orientation: 1 is upright, 2 to 8 are mirrored or turned. A missing or invalid one is 1."""
    number: int = picture.get("orientation") if picture.get_typeof("orientation") else 1
    return number if 1 <= number <= 8 else 1


def find_bit_depth(colors: pyvips.Image) -> int:
    """Return 8 for samples of 8 bits, 16 for all others."""
    return 8 if colors.format in ("uchar", "char") else 16


def read_photo(path: str | os.PathLike[str]) -> Photo:
    """Read an image file of any raster format that libvips decodes, with the metadata needed to write it back.

    The picture is rotated upright by its EXIF orientation and converted from its color profile to sRGB; `Photo` tells
    shapes and ranges. Of an animation or a file of many pages, the first is read.

    Raises ImageFileError for a file that is missing, empty, truncated, not a picture, or larger than 400 megapixels
    (`MAX_PIXELS`).

    >>> import reverie as rv
    >>> photo = rv.read_photo("examples/astronaut.jpg")
    >>> photo.size, photo.depth, photo.alpha is None
    ((96, 96), 8, True)
    """
    path = Path(path)
    picture = open_picture(path)
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageFileError(
            f"{escape_path(path)} is {picture.width} x {picture.height} pixels; "
            f"at most {MAX_PIXELS // 10**6} megapixels are read into memory"
        )
    exif, xmp = _read_metadata(picture, "exif-data"), _read_metadata(picture, "xmp-data")
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        # Decode every pixel here, so that an error of the file is raised now.
        colors, alpha = split_alpha(path, normalize_samples(picture.copy_memory().autorot()))
        image = _convert_to_tensor(convert_to_srgb(colors))
        image = image if image.shape[1] == 3 else image.repeat(1, 3, 1, 1)
        opacity = None if alpha is None else _convert_to_tensor(alpha)
        digest = hash_file(path)
        image = Picture.of(image, Origin(str(path), digest))
        return Photo(image, opacity, find_bit_depth(colors), find_usable_profile(colors), path, digest, exif, xmp)


def normalize_samples(picture: pyvips.Image) -> pyvips.Image:
    """Convert packed and shifted samples to plain ones, which span the full range of their integer format."""
    shifted = picture.get("vips-loader").startswith("heif") and picture.format == "ushort"
    bits = picture.get("bits-per-sample") if shifted and picture.get_typeof("bits-per-sample") else 16
    if picture.coding != "none":
        picture = picture.colourspace("rgb16")  # Radiance files, for one, pack three mantissas and an exponent
    if bits < 16:  # libvips shifts the 10 or 12 bits of HEIC and AVIF up and leaves zeros below: white would be 0.999
        picture = picture | (picture >> bits)  # the highest bits repeated in the lowest
    return picture


def split_alpha(path: Path, picture: pyvips.Image) -> tuple[pyvips.Image, pyvips.Image | None]:
    """Split a picture into its color channels (1, 3, or 4 of CMYK) and its alpha channel, None if it has none.

    Raises ImageFileError for any other number of channels and for complex samples.
    """
    if "complex" in picture.format:
        raise ImageFileError(f"{escape_path(path)} holds complex numbers; expected a picture")
    count = 4 if picture.interpretation == "cmyk" else 1 if picture.bands < 3 else 3
    if picture.bands > count + 1:
        got = f"{escape_path(path)} has {picture.bands} channels"
        raise ImageFileError(f"{got}; expected gray, RGB or CMYK, with alpha or without")
    if picture.bands == count:
        return picture, None
    return picture.extract_band(0, n=count), picture.extract_band(count)


def _convert_to_tensor(picture: pyvips.Image) -> Float[Tensor, "1 c h w"]:
    """Convert samples of any format to a float32 tensor 0..1, integers by their largest value; NaN becomes 0.

    One channel at a time, since temporary copies of the whole could be gigabytes.
    """
    samples = picture.numpy().reshape(picture.height, picture.width, picture.bands)  # (h, w, c)
    top = np.iinfo(samples.dtype).max if samples.dtype.kind in "iu" else 1
    tensor = torch.empty(1, picture.bands, picture.height, picture.width)
    for number in range(picture.bands):
        out = tensor[0, number].numpy()
        np.divide(samples[:, :, number], np.float32(top), out=out, dtype=np.float32, casting="unsafe")
    return tensor.nan_to_num_(nan=0.0).clamp_(0, 1)


def _read_metadata(picture: pyvips.Image, field: str) -> bytes | None:
    """Return a binary metadata field of a picture, or None."""
    value: Any = picture.get(field) if picture.get_typeof(field) else None
    return value if isinstance(value, bytes) else None
