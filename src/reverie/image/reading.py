"""A picture's file as a Photo: sRGB for the work, and beside it what the file is owed when it is written back."""

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
from reverie.image.opening import DAMAGED, as_image_error, opened, printable
from reverie.image.profiles import profile_of, to_srgb

MOST_PIXELS = 400_000_000
"""The most pixels that are read into memory: 4.8 GB as an image. A larger picture is dreamed by `gigapixel`."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture and what its file knows of it.

    `image` (1, 3, h, w) is sRGB, 0..1, upright; `alpha` (1, 1, h, w) is 0 clear to 1 opaque, or None. `depth` is 8 or
    16, the bits of a channel in the file (16 also for 10, 12 and 32 bits and floats). `profile` is the file's RGB ICC
    profile, from which `image` was converted and to which `save_image` converts back; None for gray and CMYK, which are
    saved as sRGB. `digest` is the SHA-256 of the file's bytes, in hexadecimal. `exif` and `xmp` are the file's own.
    """

    image: Float[Tensor, "1 3 h w"]
    alpha: Float[Tensor, "1 1 h w"] | None
    depth: int
    profile: bytes | None
    path: Path
    digest: str
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[-2], self.image.shape[-1]


@dataclass(frozen=True)
class PhotoFile:
    """What a picture's file says without being decoded: as `Photo`, its pixels left where they are.

    `height` and `width` are upright; `opaque` says that it has no alpha; `stamp` is the file's length and time.
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
        """Height and width."""
        return self.height, self.width


def read_header(path: str | os.PathLike[str]) -> PhotoFile:
    """A picture's file of any size, its pixels not decoded; raises ImageFileError as `read_photo` does."""
    path = Path(path)
    picture = opened(path)
    exif, xmp = _blob(picture, "exif-data"), _blob(picture, "xmp-data")
    with as_image_error(path, DAMAGED):
        stamp = stamp_of(path)
        size = (picture.height, picture.width) if orientation_of(picture) < 5 else (picture.width, picture.height)
        colors, alpha = channels(path, unpacked(picture))
        return PhotoFile(
            path, *size, alpha is None, depth_of(colors), profile_of(colors), hash_file(path), stamp, exif, xmp
        )


def stamp_of(path: Path) -> tuple[int, int]:
    """By what it is seen that a file was changed: its length and the time it was written."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def orientation_of(picture: pyvips.Image) -> int:
    """1 upright, 2 to 8 mirrored or turned, as EXIF counts them."""
    number: int = picture.get("orientation") if picture.get_typeof("orientation") else 1
    return number if 1 <= number <= 8 else 1


def depth_of(colors: pyvips.Image) -> int:
    return 8 if colors.format in ("uchar", "char") else 16


def read_photo(path: str | os.PathLike[str]) -> Photo:
    """Read a picture of any format that libvips decodes, of an animation or a file of many pages the first.

    Raises ImageFileError, in one line, for a file that is missing, empty, no picture, truncated, or larger than
    MOST_PIXELS.
    """
    path = Path(path)
    picture = opened(path)
    if picture.width * picture.height > MOST_PIXELS:
        raise ImageFileError(
            f"{printable(path)} is {picture.width} x {picture.height} pixels; "
            f"at most {MOST_PIXELS // 10**6} megapixels are read into memory"
        )
    exif, xmp = _blob(picture, "exif-data"), _blob(picture, "xmp-data")
    with as_image_error(path, DAMAGED):
        # Every pixel in memory first: an error here rather than a picture that is gray from the middle on.
        colors, alpha = channels(path, unpacked(picture.copy_memory().autorot()))
        image = _tensor(to_srgb(colors))
        image = image if image.shape[1] == 3 else image.repeat(1, 3, 1, 1)
        opacity = None if alpha is None else _tensor(alpha)
        return Photo(image, opacity, depth_of(colors), profile_of(colors), path, hash_file(path), exif, xmp)


def unpacked(picture: pyvips.Image) -> pyvips.Image:
    """Samples that mean what they say: as wide as their format, one number a channel."""
    narrow = picture.get("vips-loader").startswith("heif") and picture.format == "ushort"
    bits = picture.get("bits-per-sample") if narrow and picture.get_typeof("bits-per-sample") else 16
    if picture.coding != "none":
        picture = picture.colourspace("rgb16")
    if bits < 16:  # libvips shifts 10 bits up and leaves zeros below: white would be 0.999
        picture = picture | (picture >> bits)
    return picture


def channels(path: Path, picture: pyvips.Image) -> tuple[pyvips.Image, pyvips.Image | None]:
    """The color channels and the alpha channel."""
    if "complex" in picture.format:
        raise ImageFileError(f"{printable(path)} holds complex numbers; expected a picture")
    count = 4 if picture.interpretation == "cmyk" else 1 if picture.bands < 3 else 3
    if picture.bands > count + 1:
        got = f"{printable(path)} has {picture.bands} channels"
        raise ImageFileError(f"{got}; expected gray, RGB or CMYK, with alpha or without")
    if picture.bands == count:
        return picture, None
    return picture.extract_band(0, n=count), picture.extract_band(count)


def _tensor(picture: pyvips.Image) -> Float[Tensor, "1 c h w"]:
    """Samples of any format as float32, 0..1; one channel at a time, since the whole may be gigabytes."""
    samples = picture.numpy().reshape(picture.height, picture.width, picture.bands)
    top = np.iinfo(samples.dtype).max if samples.dtype.kind in "iu" else 1
    tensor = torch.empty(1, picture.bands, picture.height, picture.width)
    for number in range(picture.bands):
        out = tensor[0, number].numpy()
        np.divide(samples[:, :, number], np.float32(top), out=out, dtype=np.float32, casting="unsafe")
    return tensor.nan_to_num_(nan=0.0).clamp_(0, 1)


def _blob(picture: pyvips.Image, field: str) -> bytes | None:
    value: Any = picture.get(field) if picture.get_typeof(field) else None
    return value if isinstance(value, bytes) else None
