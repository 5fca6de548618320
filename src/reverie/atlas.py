"""Contact sheets: many small pictures in reading order, each with its name below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyvips
import torch

from reverie.errors import SettingsError
from reverie.sheet import inked
from reverie.types import Image, Resized

GAP = 8
"""White between the pictures and around them, in pixels."""

LABEL = 20
"""The height of the strip that a name is written in, in pixels."""

TALL = "   |"
"""What is as high as any letter, and as deep."""


def sheet(pictures: Sequence[Image], labels: Sequence[str], columns: int | None = None) -> Resized:
    """The pictures, each (1, 3, h, w), on white, row by row; a place is as large as the largest of them needs.

    `columns`: how many side by side; None: so many that the sheet is about a square.
    """
    if columns is not None and columns < 1:
        raise SettingsError(f"columns is {columns}; expected at least 1")
    height = max(picture.shape[2] for picture in pictures)
    width = max(picture.shape[3] for picture in pictures)
    cell = (height + LABEL + GAP, width + GAP)
    across = min(columns or columns_for(len(pictures), cell), len(pictures))
    rows = math.ceil(len(pictures) / across)
    paper = torch.ones(1, 3, rows * cell[0] + GAP, across * cell[1] + GAP)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        top, left = GAP + number // across * cell[0], GAP + number % across * cell[1]
        low, right = top + height, left + (width - picture.shape[3]) // 2
        paper[:, :, low - picture.shape[2] : low, right : right + picture.shape[3]] = picture.cpu()
        paper[:, :, low : low + LABEL, left : left + width] = written(label, (LABEL, width))
    return paper


def columns_for(count: int, cell: tuple[int, int]) -> int:
    """How many cells (height, width) side by side make so many of them about a square."""
    return max(1, round(math.sqrt(count * cell[0] / cell[1])))


def written(text: str, size: tuple[int, int]) -> Image:
    """Black words on a white strip (1, 3, height, width), in its middle; smaller where they would not fit."""
    height, width = size
    strip = torch.ones(1, 3, height, width)
    if not text:
        return strip
    ink = lettered(text)
    shrink = min((height - 4) / ink.height, (width - 2) / ink.width, 1)
    if shrink < 1:
        ink = ink.resize(shrink)
    shade = torch.from_numpy(np.array(ink.numpy())).float().reshape(ink.height, ink.width)[:height, :width] / 255
    top, left = (height - shade.shape[0]) // 2, (width - shade.shape[1]) // 2
    strip[:, :, top : top + shade.shape[0], left : left + shade.shape[1]] -= shade
    return strip


def lettered(text: str) -> pyvips.Image:
    """One line, light on black, as high whatever its letters: so all names of a row stand on the same line."""
    ink, line = inked(text, dpi=96), inked(text + TALL, dpi=96)
    return line.crop(0, 0, min(ink.width, line.width), line.height)


def numbers_of(words: str | None, count: int) -> list[int]:
    """The channels that words name among so many: "0:64", "3,17,61", or both; None: all. Raises `SettingsError`."""
    if words is None:
        return list(range(count))
    found: dict[int, None] = {}
    for part in words.split(","):
        first, colon, end = (each.strip() for each in part.partition(":"))
        texts = [each for each in (first, end) if each] if colon else [first]
        if not all(text.isdecimal() and len(text) < 10 for text in texts):
            raise SettingsError(f'channels is {words!r}; expected something like "0:64" or "3,17,61"')
        start = int(first or 0)
        stop = (int(end) if end else count) if colon else start + 1
        if not start < stop or start >= count or (stop > count and not colon):
            raise SettingsError(f"channels is {words!r}; the layer has the channels 0 to {count - 1}")
        found |= dict.fromkeys(range(start, min(stop, count)))
    return list(found)
