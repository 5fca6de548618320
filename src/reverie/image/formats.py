"""The file formats that can be written, their limits, and the check of an output path."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reverie.errors import ImageFileError
from reverie.image.opening import escape_path


@dataclass(frozen=True)
class Format:
    """A file format: what it can hold, and libvips's options for writing it."""

    ending: str
    max_side: int = 2**31 - 1  # pixels
    alpha: bool = True  # whether it has an alpha channel
    high_depth: bool = True  # whether it has more than 8 bits a channel
    quality: int | None = None  # the default, 1..100; None: the format is lossless
    options: dict[str, Any] = field(default_factory=dict)  # of libvips's saver


PNG = Format(".png")
TIFF = Format(".tif", options={"compression": "deflate", "predictor": "horizontal"})
JPEG = Format(".jpg", 65_500, False, False, 95, {"subsample_mode": "off", "optimize_coding": True})
WEBP = Format(".webp", 16_383, True, False, 95, {"smart_subsample": True})
# Above effort 2 an AVIF takes ten times as long and is no smaller.
AVIF = Format(".avif", 16_384, True, True, 90, {"subsample_mode": "off", "compression": "av1", "effort": 2})
_FORMATS = {
    ".png": PNG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".avif": AVIF,
}

WRITABLE_ENDINGS = tuple(_FORMATS)
"""The endings of the files that can be written."""


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Check, before any work, that a picture can be written to a path and that it would not overwrite an input.

    Raises ImageFileError for an unknown ending, a folder that is missing or not writable, and a path that is one of the
    `inputs`, under whatever name.
    """
    path = Path(path)
    name = escape_path(path)
    find_format(path)
    try:
        if path.is_dir():
            raise ImageFileError(f"{name} is a folder; expected the name of a picture")
        if path.exists() and not path.is_file():
            raise ImageFileError(f"{name} is not a regular file")
        if not path.parent.is_dir():
            raise ImageFileError(f"{escape_path(path.parent)} is no folder; make it first")
        if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            raise ImageFileError(f"the folder {escape_path(path.parent)} cannot be written to")
        same = any(_is_same_file(path, Path(source)) for source in inputs)
    except ImageFileError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # too long a name; a zero byte in it; a loop of links
        reason = getattr(error, "strerror", None) or error
        raise ImageFileError(f"{name} cannot be written: {reason}") from None
    if same:
        raise ImageFileError(f"{name} is the input itself; expected another name for the output")


def _is_same_file(path: Path, source: Path) -> bool:
    """Return whether two paths lead to one file: links are followed, and names of files that do not exist compared."""
    if path.exists() and source.exists():
        return path.samefile(source)
    return path.resolve() == source.resolve()


def find_format(path: Path) -> Format:
    """Return the format that a path's ending names; raises ImageFileError for an ending that is none."""
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        got = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise ImageFileError(f"{escape_path(path)} {got}; expected one of {', '.join(WRITABLE_ENDINGS)}")
    return form
