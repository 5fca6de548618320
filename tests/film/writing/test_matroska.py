"""How wide a pixel is, is said without moving a picture."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from filming import make_film, read_times, shape
from reverie.film.libraries import import_av
from reverie.film.writing.matroska import (
    CRC,
    INFO,
    PADDING,
    SEEK,
    SEEK_HEAD,
    SEEK_POSITION,
    TRACKS,
    Element,
    list_elements,
    read_number,
    write_pixel_aspect,
)
from reverie.settings.film import Encoding

av = import_av()
CLUSTER = 0x1F43B675


def split_segment(data: bytes) -> tuple[int, list[Element]]:
    """From where positions are counted, and the elements of a file's segment."""
    _, behind = read_number(data, next(list_elements(data)).end, True)
    _, base = read_number(data, behind, False)
    return base, list(list_elements(data, base))


@pytest.mark.parametrize("name, encoding", [("a.mkv", {}), ("a.mkv", {"lossless": True}), ("a.webm", {})])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(1, 2), Fraction(64, 45)])
def test_nothing_but_the_description_changes(
    tmp_path: Path, name: str, encoding: dict[str, Any], aspect: Fraction
) -> None:
    make_film(tmp_path / name, shape(48, 90), Encoding(**encoding))
    square, times = (tmp_path / name).read_bytes(), read_times(tmp_path / name)
    assert write_pixel_aspect(tmp_path / name, aspect)
    data = (tmp_path / name).read_bytes()
    assert len(data) == len(square) and read_times(tmp_path / name) == times
    (base, before), (same, after) = split_segment(square), split_segment(data)
    assert base == same and [each for each in before if each.name == CLUSTER] == [
        each for each in after if each.name == CLUSTER
    ]
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect


def test_the_list_of_elements_and_the_checksums_are_set_right(tmp_path: Path) -> None:
    make_film(tmp_path / "a.mkv", shape(sample_aspect=Fraction(2)), Encoding())
    base, parts = split_segment((tmp_path / "a.mkv").read_bytes())
    by_name = {element.name: element for element in reversed(parts)}
    seeks = [element for element in list_elements(by_name[SEEK_HEAD].data) if element.name == SEEK]
    positions = {
        int.from_bytes(inner.data, "big")
        for seek in seeks
        for inner in list_elements(seek.data)
        if inner.name == SEEK_POSITION
    }
    assert {by_name[INFO].start - base, by_name[TRACKS].start - base} <= positions
    for name in (SEEK_HEAD, TRACKS):
        first, *_ = list_elements(by_name[name].data)
        assert first.name == CRC
        assert int.from_bytes(first.data, "little") == zlib.crc32(by_name[name].data[first.end :])


def test_without_room_nothing_is_written(tmp_path: Path) -> None:
    make_film(tmp_path / "a.mkv", shape(), Encoding())
    data = bytearray((tmp_path / "a.mkv").read_bytes())
    data[next(part.start for part in split_segment(bytes(data))[1] if part.name == PADDING)] += 1  # another element
    (tmp_path / "a.mkv").write_bytes(data)
    assert not write_pixel_aspect(tmp_path / "a.mkv", Fraction(2))
    assert (tmp_path / "a.mkv").read_bytes() == data


def test_elements_are_read_as_they_were_written() -> None:
    for size in (0, 1, 126, 127, 128, 16382, 16383, 70000):
        for name in (0xAE, 0x54B0, 0x1654AE6B):
            (element,) = list_elements(Element(name, bytes(size)).encode())
            assert (element.name, len(element.data)) == (name, size)
