"""Contact sheets: many pictures on one, each with a line below it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path

import pyvips

from reverie.image.writing import drafted

CELL, LINE, GAP = 320, 30, 8  # pixels: the longest side of a picture, the height of the words, the space between


def save_sheet(pictures: Sequence[tuple[Path, str]], path: Path) -> None:
    """Writes the pictures, small, in reading order with their words as one PNG. Raises `ImageFileError`."""
    cells = [cell(picture, words) for picture, words in pictures]
    across = ceil(sqrt(len(cells)))
    sheet = pyvips.Image.arrayjoin(cells, across=across, shim=GAP, background=255)
    with drafted(path) as draft:
        sheet.pngsave(str(draft))


def cell(picture: Path, words: str) -> pyvips.Image:
    """A picture and its words, dark on white, as 8 bit sRGB."""
    small = pyvips.Image.thumbnail(str(picture), CELL).colourspace("srgb")
    if small.hasalpha():
        small = small.flatten(background=255)
    small = small.cast("uchar").gravity("centre", CELL, max(small.height, 1), extend="background", background=255)
    # One line whatever its length: what does not fit is cut, not made too small to read.
    line = pyvips.Image.text(html.escape(words), dpi=110)
    line = line.crop(0, 0, min(line.width, CELL), min(line.height, LINE)).invert()
    line = line.gravity("west", CELL, LINE, extend="background", background=255)
    return small.join(line.bandjoin([line, line]).copy(interpretation="srgb"), "vertical")
