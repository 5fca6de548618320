"""The comment of a GIF, which holds the recipe: GIF has no other place for a text (GIF89a, 24)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

MARK = b"REVERIE\n"
"""What the comment begins with, so that no other's is taken for a recipe."""

_EXTENSION, _COMMENT = b"\x21", b"\xfe"


def insert_comment(source: Path, target: Path, text: str) -> None:
    """Copy a GIF with a text as its comment, which `read_comment` finds; without one, if the text is empty."""
    with source.open("rb") as file, target.open("wb") as copy:
        copy.write(read_header(file))
        if text:
            data = MARK + text.encode()
            pieces = [data[first : first + 255] for first in range(0, len(data), 255)]
            copy.write(_EXTENSION + _COMMENT + b"".join(bytes([len(each)]) + each for each in pieces) + b"\0")
        shutil.copyfileobj(file, copy)


def read_comment(path: Path) -> str | None:
    """Read the text that `insert_comment` put into a GIF; None if there is none before the first frame."""
    with path.open("rb") as file:
        read_header(file)
        while file.read(1) == _EXTENSION:
            kind, data = file.read(1), read_blocks(file)
            if kind == _COMMENT and data.startswith(MARK):
                return data.removeprefix(MARK).decode("utf-8", "replace")
    return None


def read_header(file: BinaryIO) -> bytes:
    """Read what a GIF begins with: its header, and the colors that its frames share."""
    header = file.read(13)
    flags = header[10] if len(header) == 13 else 0
    return header + file.read(3 * 2 ** (flags % 8 + 1) if flags & 128 else 0)


def read_blocks(file: BinaryIO) -> bytes:
    """Read data that lies in blocks of at most 255 bytes, up to the empty one."""
    data = b""
    while (size := file.read(1)) not in (b"", b"\0"):
        data += file.read(size[0])
    return data
