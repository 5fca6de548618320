"""Contact sheets: many small pictures in reading order, each with its words below."""

from __future__ import annotations

import html
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from reverie.image.opening import as_image_error
from reverie.image.writing import write_picture

log = logging.getLogger("reverie")

GAP = 8
"""White between the pictures and around them, in pixels."""

LINE = 20
"""The height of a line of words, in pixels."""

DPI = 96
"""What makes a line of words, from the highest letter to the deepest, 16 pixels high."""

TALL = "   |"
"""What is as high as any letter, and as deep."""

WHITE: dict[str, Any] = {"extend": "background", "background": 255}


@dataclass(frozen=True)
class Layout:
    """How a sheet is laid out.

    `columns`: how many pictures side by side; None: so many that the sheet is about a square. `longest`: the longest
    side that each picture is resized to, in pixels; None: they stay as they are. `lines`: of words, below each.
    """

    columns: int | None = None
    longest: int | None = None
    lines: int = 1


def save_sheet(pictures: Sequence[tuple[Path, str]], path: Path, layout: Layout) -> None:
    """Writes pictures and their words as one picture, of the format that the ending names. Raises `ImageFileError`."""
    with as_image_error(path, "cannot be written"):
        sheet = make_sheet(pictures, layout).copy_memory()
    write_picture(sheet, path)


def make_sheet(pictures: Sequence[tuple[Path, str]], layout: Layout) -> pyvips.Image:
    """The sheet as 8 bit sRGB, on white; a place is as large as the largest picture needs."""
    opened = [open_small(path, layout.longest) for path, _ in pictures]
    width, height = max(each.width for each in opened), max(each.height for each in opened)
    strip = layout.lines * LINE
    across = layout.columns or columns_for(len(opened), (height + strip + GAP, width + GAP))
    cells = [
        picture.join(write_words(words, width, layout.lines), "vertical", expand=True, align="centre", background=255)
        for picture, (_, words) in zip(opened, pictures, strict=True)
    ]
    sheet = pyvips.Image.arrayjoin(
        cells,
        across=min(across, len(cells)),
        shim=GAP,
        background=255,
        halign="centre",
        valign="high",
        hspacing=width,
        vspacing=height + strip,
    )
    return sheet.embed(GAP, GAP, sheet.width + 2 * GAP, sheet.height + 2 * GAP, **WHITE)


def columns_for(count: int, cell: tuple[int, int]) -> int:
    """How many cells (height, width) side by side make so many of them about a square."""
    return max(1, round(math.sqrt(count * cell[0] / cell[1])))


def open_small(path: Path, longest: int | None) -> pyvips.Image:
    """A picture of a file as 8 bit sRGB without alpha, resized to a longest side unless that is None."""
    name = str(path)
    picture = pyvips.Image.thumbnail(name, longest) if longest else pyvips.Image.new_from_file(name)
    picture = picture.colourspace("srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=255)
    return picture.cast("uchar")


def write_words(words: str, width: int, lines: int = 1) -> pyvips.Image:
    """Black words on a white strip of so many lines, in its middle; a single line stands on the first."""
    height = lines * LINE
    ink = draw_words(words, (width - 2, height - 4), wrap=lines > 1)
    top = ((LINE if ink.height <= LINE else height) - ink.height) // 2
    strip = ink.invert().embed((width - ink.width) // 2, top, width, height, **WHITE)
    return strip.bandjoin([strip, strip]).copy(interpretation="srgb")


def draw_words(words: str, room: tuple[int, int], wrap: bool) -> pyvips.Image:
    """Words, white on black, within a width and a height: on one line if they fit or may not wrap; else smaller."""
    if not words.strip():
        return pyvips.Image.black(1, 1)
    width, height = room
    ink = draw_line(words)
    if ink.width > width and wrap:
        how = {"width": width, "wrap": "word-char", "align": "centre"}
        ink = draw_text(words, dpi=DPI, **how)
        if ink.height > height:
            ink = draw_text(words, height=height, **how)  # as large as fits
    shrink = min(width / ink.width, height / ink.height, 1)
    ink = ink.resize(shrink) if shrink < 1 else ink
    return ink.crop(0, 0, min(ink.width, width), min(ink.height, height))


def draw_line(words: str) -> pyvips.Image:
    """One line, as high whatever its letters: so all names of a row stand on the same line."""
    ink, line = draw_text(words, dpi=DPI), draw_text(words + TALL, dpi=DPI)
    return line.crop(0, 0, min(ink.width, line.width), line.height)


def draw_text(words: str, **how: Any) -> pyvips.Image:
    """Words, white on black, no larger than their ink; a black dot where no font is found to write them in."""
    try:
        return pyvips.Image.text(html.escape(words), font="sans", **how)
    except pyvips.Error:
        log.warning("no font was found to write %s in", words)
        return pyvips.Image.black(1, 1)
