"""Contact sheets: many small pictures in reading order, each with a text label below."""

from __future__ import annotations

import html
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips
from jaxtyping import Float
from torch import Tensor

from reverie.image.opening import translate_libvips_errors
from reverie.image.writing import write_picture

log = logging.getLogger("reverie")

CELL_GAP = 8
"""White space between the pictures and around the sheet, in pixels."""

LINE_HEIGHT = 20
"""The height of a line of a label, in pixels."""

TEXT_DPI = 96
"""The text resolution at which a line, from its tallest ascender to its deepest descender, is 16 pixels high."""

TALLEST_TEXT = "   |"
"""A text that rises as high as any letter and descends as deep: it gives every line the same height."""

WHITE_BORDER: dict[str, Any] = {"extend": "background", "background": 255}
"""Arguments of libvips's `embed` that fill the border with white."""


@dataclass(frozen=True)
class SheetLayout:
    """The layout of a contact sheet.

    `columns`: the number of pictures side by side; None: as many as make the sheet about square. `longest`: the longest
    side to which each picture is resized, in pixels; None: pictures keep their size. `lines`: how many lines of text a
    label may have.
    """

    columns: int | None = None
    longest: int | None = None
    lines: int = 1


def save_sheet(pictures: Sequence[tuple[Path, str]], path: Path, layout: SheetLayout) -> None:
    """Write picture files and their labels as one contact sheet, in the format that the path's ending names.

    Raises ImageFileError for a picture that cannot be read and for a sheet that cannot be written.
    """
    with translate_libvips_errors(path, "cannot be written"):
        sheet = make_sheet(pictures, layout).copy_memory()  # libvips is lazy: read errors are raised here
    write_picture(sheet, path)


def arrange_pictures(
    pictures: Float[Tensor, "b c h w"], columns: int | None = None
) -> Float[Tensor, "1 c sheet_h sheet_w"]:
    """Arrange the pictures of a batch, row by row, as one with white between and around them; a single one stays alone.

    `columns` None: as many as make the sheet about square. Where there is a fourth channel, the white is opaque.
    """
    count, channels, height, width = pictures.shape
    if count == 1:
        return pictures
    across = min(columns or count_columns(count, (height + CELL_GAP, width + CELL_GAP)), count)
    rows = math.ceil(count / across)
    sheet = pictures.new_ones(
        1, channels, CELL_GAP + rows * (height + CELL_GAP), CELL_GAP + across * (width + CELL_GAP)
    )
    for number, picture in enumerate(pictures):
        top = CELL_GAP + number // across * (height + CELL_GAP)
        left = CELL_GAP + number % across * (width + CELL_GAP)
        sheet[0, :, top : top + height, left : left + width] = picture
    return sheet


def lay_on_white(picture: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
    """Lay a picture whose fourth channel is its alpha on white, as a web page would show it; others are as they are."""
    colors, alpha = picture[:, :3], picture[:, 3:]
    return colors * alpha + 1 - alpha if picture.shape[1] == 4 else colors


def make_sheet(pictures: Sequence[tuple[Path, str]], layout: SheetLayout) -> pyvips.Image:
    """Build the contact sheet of (path, label) pairs as 8-bit sRGB on white."""
    images = [open_thumbnail(path, layout.longest) for path, _ in pictures]
    return arrange_sheet(images, [label for _, label in pictures], layout)


def arrange_sheet(images: Sequence[pyvips.Image], labels: Sequence[str], layout: SheetLayout) -> pyvips.Image:
    """Arrange 8-bit sRGB pictures on a white sheet, each with its label below; `layout.lines` 0 leaves the labels out.

    All cells have the same size, that of the largest picture.
    """
    width, height = max(each.width for each in images), max(each.height for each in images)
    label_height = layout.lines * LINE_HEIGHT
    across = layout.columns or count_columns(len(images), (height + label_height + CELL_GAP, width + CELL_GAP))
    below: dict[str, Any] = {"expand": True, "align": "centre", "background": 255}
    cells = [
        image.join(make_label(label, width, layout.lines), "vertical", **below) if layout.lines else image
        for image, label in zip(images, labels, strict=True)
    ]
    sheet = pyvips.Image.arrayjoin(
        cells,
        across=min(across, len(cells)),
        shim=CELL_GAP,
        background=255,
        halign="centre",
        valign="high",
        hspacing=width,
        vspacing=height + label_height,
    )
    return sheet.embed(CELL_GAP, CELL_GAP, sheet.width + 2 * CELL_GAP, sheet.height + 2 * CELL_GAP, **WHITE_BORDER)


def count_columns(count: int, cell: tuple[int, int]) -> int:
    """Return the number of columns that makes a sheet of `count` cells (height, width) about square."""
    # columns * cell width = rows * cell height, and columns * rows = count
    return max(1, round(math.sqrt(count * cell[0] / cell[1])))


def open_thumbnail(path: Path, longest: int | None) -> pyvips.Image:
    """Read a file as 8-bit sRGB on white, without alpha; `longest` resizes it to that longest side in pixels."""
    name = str(path)
    picture = pyvips.Image.thumbnail(name, longest) if longest else pyvips.Image.new_from_file(name)
    picture = picture.colourspace("srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=255)
    return picture.cast("uchar")


def make_label(words: str, width: int, lines: int = 1) -> pyvips.Image:
    """Draw a label: black text centered on a white strip of that many lines; a single line stands at the top."""
    height = lines * LINE_HEIGHT
    ink = draw_fitted_text(words, (width - 2, height - 4), wrap=lines > 1)
    top = ((LINE_HEIGHT if ink.height <= LINE_HEIGHT else height) - ink.height) // 2
    strip = ink.invert().embed((width - ink.width) // 2, top, width, height, **WHITE_BORDER)
    # one gray band -> three of sRGB
    return strip.bandjoin([strip, strip]).copy(interpretation="srgb")


def draw_fitted_text(words: str, room: tuple[int, int], wrap: bool) -> pyvips.Image:
    """Draw text, white on black, that fits into `room` (width, height).

    It stays on one line if it fits or may not wrap. Otherwise it is wrapped, and made smaller where that is not enough.
    """
    if not words.strip():
        return pyvips.Image.black(1, 1)
    width, height = room
    ink = draw_text_line(words)
    if ink.width > width and wrap:
        options = {"width": width, "wrap": "word-char", "align": "centre"}
        ink = draw_text(words, dpi=TEXT_DPI, **options)
        if ink.height > height:
            ink = draw_text(words, height=height, **options)  # without a dpi libvips chooses the largest that fits
    shrink = min(width / ink.width, height / ink.height, 1)
    ink = ink.resize(shrink) if shrink < 1 else ink
    return ink.crop(0, 0, min(ink.width, width), min(ink.height, height))


def draw_text_line(words: str) -> pyvips.Image:
    """Draw one line of text, of the same height whatever its letters, so that the labels of a row share a baseline."""
    ink, line = draw_text(words, dpi=TEXT_DPI), draw_text(words + TALLEST_TEXT, dpi=TEXT_DPI)
    return line.crop(0, 0, min(ink.width, line.width), line.height)


def draw_text(words: str, **options: Any) -> pyvips.Image:
    """Draw text, white on black, cropped to its ink.

    Where the system has no font, logs a warning and returns a single black pixel: a sheet without labels is still one.
    """
    try:
        return pyvips.Image.text(html.escape(words), font="sans", **options)  # libvips parses Pango markup
    except pyvips.Error:
        log.warning("no font was found to write %s in", words)
        return pyvips.Image.black(1, 1)
