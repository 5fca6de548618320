"""A picture's size as users say it: a number of pixels, or its height and width as in "225x375"."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Meta

from reverie.errors import SettingsError

if TYPE_CHECKING:
    Shape: TypeAlias = str | tuple[int, int]
else:  # a pair is held as text; msgspec could not check it either: it crashes on numbers with bounds, texts and tuples
    Shape = Annotated[
        str,
        Meta(
            pattern="^[1-9][0-9]*x[1-9][0-9]*$",
            description="height x width in pixels; a picture of another shape is distorted",
        ),
    ]
"""A height and a width in pixels as a text, "225x375", or as a pair, which settings turn into the text."""

AnySize: TypeAlias = int | str | tuple[int, int]
"""A size: a number, which means the longest side or the side of a square, or a height and a width, as text or pair."""

SHAPE_EXAMPLE = "height x width as in 225x375"
"""How a shape is written, for messages."""


def parse_shape(size: Any) -> tuple[int, int] | None:
    """The (height, width) that a text such as "225x375", or a pair of whole numbers, says; None if it says none."""
    if isinstance(size, str):
        match = re.fullmatch(r"\s*([0-9]+)\s*[xX×]\s*([0-9]+)\s*", size)
        return (int(match[1]), int(match[2])) if match and len(size) < 100 else None
    if not isinstance(size, (tuple, list)) or len(size) != 2 or any(isinstance(side, bool) for side in size):
        return None
    try:
        return operator.index(size[0]), operator.index(size[1])
    except TypeError:
        return None


def format_shape(shape: tuple[int, int]) -> str:
    """A (height, width) as settings hold it: "225x375"."""
    return f"{shape[0]}x{shape[1]}"


def find_canvas_size(asked: AnySize) -> tuple[int, int]:
    """The (height, width) of a picture that is made from nothing: a number is the side of a square."""
    return (asked, asked) if isinstance(asked, int) else read_shape(asked)


def read_shape(size: str | tuple[int, int]) -> tuple[int, int]:
    """The (height, width) of a shape; raises `SettingsError` for what is none."""
    shape = parse_shape(size)
    if shape is None:
        raise SettingsError(f"size is {size!r}; expected {SHAPE_EXAMPLE}")
    return shape
