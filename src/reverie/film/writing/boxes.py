"""The boxes that MP4 and QuickTime files are made of (ISO/IEC 14496-12): finding, changing and moving them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
"""The boxes that hold nothing but boxes, on the way to what is changed here."""

_PIECE = 1 << 22  # bytes that are moved at once


@dataclass
class Box:
    """A box of four letters: with others inside it (`children`), or with a `body`."""

    kind: bytes
    body: bytes = b""
    children: list[Box] = field(default_factory=list)

    @classmethod
    def parse(cls, kind: bytes, body: bytes) -> Box:
        """Read a box and all within it. Raises ValueError for sizes that lead out of it."""
        if kind not in PARENTS:
            return cls(kind, body)
        return cls(kind, children=[cls.parse(*each) for each in split_boxes(body)])

    def encode(self) -> bytes:
        """The bytes of the box."""
        body = self.body or b"".join(child.encode() for child in self.children)
        return struct.pack(">I", 8 + len(body)) + self.kind + body

    def find(self, *kinds: bytes) -> Iterator[Box]:
        """Yield the boxes within this one that a path of kinds leads to."""
        if not kinds:
            yield self
            return
        for child in self.children:
            if child.kind == kinds[0]:
                yield from child.find(*kinds[1:])


def split_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of boxes one after the other; what follows them is left out (QuickTime ends with zeros)."""
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == 0 and not any(data[place:]):
            return
        if size < 8 or place + size > len(data):
            raise ValueError(f"a box of {size} bytes")
        yield data[place + 4 : place + 8], data[place + 8 : place + size]
        place += size


def list_boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, first byte and size of the boxes of a file, of which a large one has its size behind its kind."""
    end, place = file.seek(0, 2), 0
    while place + 8 <= end:
        file.seek(place)
        size, kind = struct.unpack(">I4s", file.read(8))
        size = struct.unpack(">Q", file.read(8))[0] if size == 1 else size or end - place
        if size < 8:
            raise ValueError(f"a box of {size} bytes")
        yield kind, place, size
        place += size


def replace_movie(path: Path, changed: Box) -> None:
    """Put another movie box ("moov") into a file, in its place.

    What lies behind it, usually the samples, is moved, and the chunk offsets of all tracks are set right.
    """
    with path.open("r+b") as file:
        place, size = next((place, size) for kind, place, size in list_boxes(file) if kind == b"moov")
        end = file.seek(0, 2)
        shift = shift_chunks(changed, place, len(changed.encode()) - size)
        move_tail(file, place + size, end, shift)
        file.seek(place)
        file.write(changed.encode())


def shift_chunks(movie: Box, place: int, growth: int) -> int:
    """Add to the chunk offsets behind the movie box by how much it grows, and return that.

    32-bit offsets become 64-bit ones where they would not do any more, by which the box grows further.
    """
    tables = [box for kind in (b"stco", b"co64") for box in movie.find(b"trak", b"mdia", b"minf", b"stbl", kind)]
    offsets = {id(box): read_offsets(box) for box in tables}
    wider = sum(4 * len(offsets[id(box)]) for box in tables if box.kind == b"stco")
    if max((max(each, default=0) for each in offsets.values()), default=0) + growth + wider >= 2**32:
        growth += wider
        for box in tables:
            box.kind = b"co64"
    for box in tables:
        moved = [offset + growth if offset > place else offset for offset in offsets[id(box)]]
        letter = "I" if box.kind == b"stco" else "Q"
        box.body = box.body[:8] + struct.pack(f">{len(moved)}{letter}", *moved)
    return growth


def read_offsets(box: Box) -> tuple[int, ...]:
    """The chunk offsets of a table."""
    letter, width = ("I", 4) if box.kind == b"stco" else ("Q", 8)
    return struct.unpack(f">{(len(box.body) - 8) // width}{letter}", box.body[8:])


def move_tail(file: BinaryIO, first: int, end: int, shift: int) -> None:
    """Move the bytes from `first` to `end` to later in a file, from the last on, a piece at a time."""
    while end > first:
        start = max(first, end - _PIECE)
        file.seek(start)
        data = file.read(end - start)
        file.seek(start + shift)
        file.write(data)
        end = start


def read_movie(path: Path) -> Box:
    """Read the movie box of a file; raises ValueError if there is none."""
    with path.open("rb") as file:
        for kind, place, size in list_boxes(file):
            if kind == b"moov":
                file.seek(place + 8)
                return Box.parse(kind, file.read(size - 8))
    raise ValueError("no movie box")
