"""Films that are pictures: a folder of them, and the animations GIF and WebP, as libvips reads them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyvips
from numpy.typing import NDArray

from reverie.errors import ImageFileError
from reverie.image.film_text import RECIPE_FILE
from reverie.image.opening import DAMAGED_MESSAGE, escape_path, silence_libvips, translate_libvips_errors
from reverie.image.reading import read_photo

log = logging.getLogger("reverie")

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""(h, w, 3), or (h, w) of one channel; 16 bits where the film has more than 8."""

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".heic", ".jxl", ".ppm", ".gif")
"""The endings of the pictures of a folder that are its frames."""

LEAST_DELAY, USUAL_DELAY = 11, 100
"""A picture that is to be shown for fewer milliseconds is shown for 100, as in every browser."""

STILLS = ("jpeg", "png", "tiff", "webp", "heif", "gif", "jxl", "jp2k", "ppm", "rad", "uhdr")


@dataclass(frozen=True, eq=False)
class Still:
    """A frame that is read as pixels (h, w, 3), with its alpha (h, w) if it has one."""

    pixels: Pixels
    alpha: Pixels | None

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])


def list_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder, in the order in which people count: 2 before 10."""
    pictures = (each for each in list_entries(folder) if each.suffix.lower() in PICTURES and each.is_file())
    return sorted(pictures, key=count_naturally)


def list_entries(folder: Path) -> list[Path]:
    """What is in a folder and is not hidden, nor the recipe of what we wrote there."""
    return [each for each in folder.iterdir() if not each.name.startswith(".") and each.name != RECIPE_FILE]


def tell_others(folder: Path, pictures: list[Path]) -> None:
    """A word to the log about what is in a folder besides its pictures."""
    count = len(list_entries(folder))
    if pictures and count > len(pictures):
        others = count - len(pictures)
        log.warning(f"{escape_path(folder)}: {others} of {count} files are no pictures, and are left out")


def count_naturally(path: Path) -> list[tuple[int, str]]:
    """What to sort names by, so that numbers in them count as numbers."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), part) if part.isdigit() else (-1, part.lower()) for part in parts]


def read_pictures(paths: list[Path], depth: int) -> Iterator[Still | None]:
    """Yield the pictures of a folder, of 8 or 16 bits; None for one that cannot be read."""
    for path in paths:
        try:
            photo = read_photo(path)
        except ImageFileError:
            yield None
            continue
        alpha = None if photo.alpha is None else quantize(photo.alpha[0, 0].numpy(), depth)
        yield Still(quantize(photo.image[0].permute(1, 2, 0).numpy(), depth), alpha)


def quantize(values: NDArray[np.float32], depth: int) -> Pixels:
    """Values 0..1 as integers of 8 or 16 bits."""
    top, kind = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    return np.ascontiguousarray(np.round(values * np.float32(top)).astype(kind))


def find_loader(path: Path) -> str:
    """libvips's name of the format of a picture, "" for a file that is none, such as a film."""
    silence_libvips()
    try:
        picture = pyvips.Image.new_from_source(pyvips.Source.new_from_file(os.fsencode(path)), "", access="sequential")
    except (pyvips.Error, UnicodeDecodeError):
        return ""
    loader: str = picture.get("vips-loader")
    return loader if loader.startswith(STILLS) else ""


def is_still(path: Path, loader: str) -> bool:
    """Whether a picture is a single one."""
    if loader.startswith(("gif", "webp")):
        return len(read_delays(open_animation(path))) < 2
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if loader.startswith("png"):
        return b"acTL" not in start.split(b"IDAT")[0]  # which an animated PNG has before its pixels
    return not (loader.startswith("heif") and start[8:12] in (b"avis", b"msf1", b"hevc"))  # image sequences


def open_animation(path: Path) -> Any:
    """A GIF or WebP with all its pictures, one below the other, for one pass from top to bottom."""
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        source = pyvips.Source.new_from_file(os.fsencode(path))
        return pyvips.Image.new_from_source(source, "", n=-1, access="sequential", fail_on="error")


def read_delays(animation: Any) -> list[int]:
    """How many milliseconds each picture of an animation is shown."""
    count = animation.height // animation.get_page_height()
    said = animation.get("delay") if animation.get_typeof("delay") else []
    delays = [*said, *([0] * count)][:count]
    return [delay if delay >= LEAST_DELAY else USUAL_DELAY for delay in delays]


def read_animation(path: Path) -> Iterator[Still | None]:
    """Yield the pictures of an animation; None for each that cannot be read."""
    animation = open_animation(path)
    height, width, bands = animation.get_page_height(), animation.width, animation.bands
    region = pyvips.Region.new(animation)
    for number in range(animation.height // height):
        try:
            data = region.fetch(0, number * height, width, height)
        except pyvips.Error:
            yield None
            continue
        samples = np.frombuffer(data, np.uint8).reshape(height, width, bands)
        colors = samples[..., :3] if bands >= 3 else samples[..., :1].repeat(3, axis=2)
        alpha = np.ascontiguousarray(samples[..., -1]) if bands in (2, 4) else None
        yield Still(np.ascontiguousarray(colors), alpha)


def is_transparent(path: Path) -> bool:
    """Whether something of an animation is not opaque: an alpha channel alone may only save bytes."""
    animation = open_animation(path)
    if animation.bands not in (2, 4):
        return False
    try:
        return bool(animation[animation.bands - 1].min() < 255)
    except pyvips.Error:  # damaged: what can be read of it may be either
        return True
