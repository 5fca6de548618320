"""Contact sheets: many pictures on one, each with its words below it."""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import pyvips

from reverie.image.writing import drafted

log = logging.getLogger("reverie")

CELL, WORDS, GAP = 320, 44, 8
"""The longest side of a picture, the height of the words below (two lines), and the space between, in pixels."""


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
    below = written(words).invert().embed(0, GAP // 2, CELL, GAP // 2 + WORDS, extend="background", background=255)
    return small.join(below.bandjoin([below, below]).copy(interpretation="srgb"), "vertical")


def written(words: str) -> pyvips.Image:
    """The words, light on black, in two lines at most; smaller where they are too many."""
    wide = {"width": CELL, "wrap": "word-char"}
    usual = inked(words, dpi=90, **wide)
    return usual if usual.height <= WORDS else inked(words, height=WORDS, **wide)


def inked(words: str, **how: Any) -> pyvips.Image:
    """The words, light on black, no larger than their ink; a black dot where no font is found to write them in."""
    try:
        return pyvips.Image.text(html.escape(words), font="sans", **how)
    except pyvips.Error:
        log.warning("no font was found to write %s in", words)
        return pyvips.Image.black(1, 1)
