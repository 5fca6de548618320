"""Saying in a Matroska or WebM file how wide a pixel is, which FFmpeg writes only for a stream that PyAV cannot make.

The elements go into the track's description; the room for them comes of the padding that FFmpeg leaves before it
(RFC 8794 and RFC 9559).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

SEGMENT, SEEK_HEAD, INFO, TRACKS, TRACK = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0xAE
SEEK, SEEK_POSITION, VIDEO, PADDING, CRC = 0x4DBB, 0x53AC, 0xE0, 0xEC, 0xBF
WIDTH, HEIGHT, DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2

_HEAD_BYTES = 1 << 20
"""Of the file, which hold all that stands before the pictures; the recipe comes after the tracks and need not."""


@dataclass(frozen=True)
class Element:
    """An element: its identifier, what it holds, and where it begins and ends in the bytes that it was read from."""

    name: int
    data: bytes
    start: int = 0
    end: int = 0

    def encode(self) -> bytes:
        """The bytes of the element; padding has its size in eight of them, whatever that is."""
        name = self.name.to_bytes((self.name.bit_length() + 7) // 8, "big")
        length = 8 if self.name == PADDING else -(-(len(self.data) + 1).bit_length() // 7)
        return name + (len(self.data) | 1 << 7 * length).to_bytes(length, "big") + self.data


def read_number(data: bytes, place: int, marked: bool) -> tuple[int, int]:
    """Read a number of variable length, with the bit that marks its length or without, and where it ends."""
    length = 9 - data[place].bit_length()
    value = int.from_bytes(data[place : place + length], "big")
    return value if marked else value & ~(1 << 7 * length), place + length


def list_elements(data: bytes, place: int = 0) -> Iterator[Element]:
    """Yield elements one after the other, up to one that is not whole."""
    while place < len(data):
        name, behind = read_number(data, place, True)
        size, first = read_number(data, behind, False)
        if first + size > len(data):
            return
        yield Element(name, data[first : first + size], place, first + size)
        place = first + size


def write_pixel_aspect(path: Path, aspect: Fraction) -> bool:
    """Say in a finished file how wide a pixel is, as a multiple of its height; False if there is no room for it.

    It is said as the size at which the pictures are to be shown, in whole pixels.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        _, behind = read_number(head, next(list_elements(head)).end, True)
        _, base = read_number(head, behind, False)  # positions are counted from where the segment's elements begin
        parts = {element.name: element for element in reversed(list(list_elements(head, base)))}
        if not {SEEK_HEAD, PADDING, INFO, TRACKS} <= parts.keys():
            return False
        padding, tracks = parts[PADDING], parts[TRACKS]
        changed = add_aspect(tracks, aspect).encode()
        growth = len(changed) - (tracks.end - tracks.start)
        room = len(padding.data) - growth
        if room < 0 or parts[INFO].start != padding.end or tracks.start != parts[INFO].end:
            return False
        moved = {parts[name].start - base: growth for name in (INFO, TRACKS)}
        file.seek(parts[SEEK_HEAD].start)
        file.write(move_seeks(head[parts[SEEK_HEAD].start : parts[SEEK_HEAD].end], moved))
        file.seek(padding.start)
        file.write(replace(padding, data=bytes(room)).encode() + head[parts[INFO].start : parts[INFO].end] + changed)
    return True


def add_aspect(tracks: Element, aspect: Fraction) -> Element:
    """Add the size at which pictures are shown to the track that has some."""
    children = []
    for track in list_elements(tracks.data):
        inner = list(list_elements(track.data)) if track.name == TRACK else []
        if any(element.name == VIDEO for element in inner):
            shown = [add_display_size(element, aspect) if element.name == VIDEO else element for element in inner]
            track = Element(TRACK, b"".join(element.encode() for element in shown))
        if track.name != CRC:
            children.append(track.encode())
    data = b"".join(children)
    return Element(TRACKS, encode_crc(data) + data if has_crc(tracks.data) else data)


def add_display_size(video: Element, aspect: Fraction) -> Element:
    """Add the size at which pictures are shown; that which is there, for one of two eyes, is made wider."""
    kept = {element.name: element for element in list_elements(video.data) if element.name != DISPLAY_UNIT}
    width, height = (
        int.from_bytes(kept.pop(shown, kept[coded]).data, "big")
        for shown, coded in ((DISPLAY_WIDTH, WIDTH), (DISPLAY_HEIGHT, HEIGHT))
    )
    sizes = {DISPLAY_WIDTH: round(width * aspect), DISPLAY_HEIGHT: height}
    added = [Element(name, size.to_bytes(4, "big")) for name, size in sizes.items()]
    return Element(VIDEO, b"".join(element.encode() for element in [*kept.values(), *added]))


def move_seeks(head: bytes, moved: dict[int, int]) -> bytes:
    """Set right where elements are, in a list of them: by position, how much earlier they begin now."""
    (whole,) = list_elements(head)
    changed = bytearray(head)
    offset = len(head) - len(whole.data)
    for seek in list_elements(whole.data):
        for element in list_elements(seek.data) if seek.name == SEEK else ():
            position = int.from_bytes(element.data, "big")
            if element.name == SEEK_POSITION and position in moved:
                end = offset + seek.end - len(seek.data) + element.end
                size = len(element.data)
                changed[end - size : end] = (position - moved[position]).to_bytes(size, "big")
    if has_crc(whole.data):
        changed[offset : offset + 6] = encode_crc(bytes(changed[offset + 6 :]))
    return bytes(changed)


def has_crc(data: bytes) -> bool:
    """Whether elements begin with the checksum of those behind it."""
    return data[:1] == bytes([CRC])


def encode_crc(data: bytes) -> bytes:
    """The element with the checksum of data: six bytes."""
    return bytes([CRC, 0x84]) + zlib.crc32(data).to_bytes(4, "little")
