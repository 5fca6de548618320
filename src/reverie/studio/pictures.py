"""Pictures for a page: JPEG bytes of images in memory, and thumbnails of files."""

from __future__ import annotations

import base64
from pathlib import Path

import pyvips

from reverie.image.opening import DAMAGED_MESSAGE, silence_libvips, translate_libvips_errors
from reverie.image.picture import quantize_samples
from reverie.image.reading import read_photo
from reverie.image.resample import limit_longest_side
from reverie.objectives.masks import extract_mask
from reverie.types import Image

QUALITY = 85

ON_PAGE = {"Q": QUALITY, "subsample_mode": "on", "keep": "none"}


def encode_jpeg(image: Image) -> bytes:
    """An image (1, 3, h, w), 0..1, as a JPEG."""
    silence_libvips()
    data: bytes = quantize_samples(image.detach().cpu().float(), 8).write_to_buffer(".jpg", **ON_PAGE)
    return data


def as_data_url(jpeg: bytes) -> str:
    """A JPEG as an address that a page shows without another request."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def make_thumbnail(path: Path, side: int, whole: bool = False) -> bytes:
    """A picture's file as a JPEG, upright, in sRGB, on white, no side longer than so many pixels.

    `whole`: every pixel is decoded, so that a file that was cut off is found. Raises `ImageFileError`.
    """
    silence_libvips()
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        how = {"height": side, "size": "down", "export_profile": "srgb", "fail_on": "truncated" if whole else "none"}
        small = pyvips.Image.thumbnail(str(path), side, **how)
        if small.hasalpha():
            small = small.flatten(background=255)
        data: bytes = small.write_to_buffer(".jpg", **ON_PAGE)
        return data


def draw_mask(path: Path, longest: int = 2048) -> bytes:
    """A mask as a PNG, white where the region is and transparent elsewhere, no side longer than so many pixels."""
    region = quantize_samples(limit_longest_side(extract_mask(read_photo(path)).expand(-1, 3, -1, -1), longest), 8)[0]
    white = pyvips.Image.black(region.width, region.height) + 255
    data: bytes = white.cast("uchar").copy(interpretation="b-w").bandjoin(region).write_to_buffer(".png", compression=1)
    return data
