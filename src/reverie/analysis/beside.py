"""Pictures with a file of numbers beside them that says how they were made: where they go, how both are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reverie._native.files import write_file
from reverie.errors import ImageFileError
from reverie.image.formats import check_output
from reverie.jobs.places import free_path, name_wish


def place_picture(output: Path | None, name: str, read: Sequence[Path], made_by: str) -> Path:
    """Where a picture goes: the output, or a free name. `read` are the files that it is made of.

    Raises `ImageFileError` where it cannot be written, and where a file beside it is not of `made_by`, a command.
    """
    target = output or free_path(Path(), name_wish(name), ".png")
    check_output(target, read)
    for beside in (numbers_beside(target), page_beside(target)):
        if beside.exists() and made_by not in beside.read_text("utf-8", "replace"):
            raise ImageFileError(f"{beside} is there already and not of {made_by}: name another picture with -o")
    return target


def numbers_beside(target: Path) -> Path:
    """Where the numbers of a picture go."""
    return target.with_suffix(".json")


def page_beside(target: Path) -> Path:
    """Where the page of a picture goes."""
    return target.with_suffix(".html")


def write_numbers(numbers: Mapping[str, Any], target: Path) -> None:
    """Writes the numbers of a picture beside it."""
    write_file(numbers_beside(target), (json.dumps(numbers, indent=2) + "\n").encode())
