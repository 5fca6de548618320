"""A panorama says that it is one, in both of the ways, and the samples are where the boxes say."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from filming import END, encode, make_source, read_frames, read_sounds, read_times, shape
from reverie.errors import FilmError
from reverie.film.libraries import import_av
from reverie.film.writing.boxes import Box, read_movie, shift_chunks
from reverie.film.writing.formats import check_film_output
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.film.writing.soundtrack import Excerpt
from reverie.film.writing.spherical import V1_UUID, write_spherical
from reverie.settings.film import Encoding

av = import_av()


def make_panorama(target: Path, sphere: str, **encoding: Any) -> None:
    web = target.suffix == ".webm"
    film = make_source(target.with_name("s.webm" if web else "s.mp4"), "libopus" if web else "aac")
    form, frames = check_film_output(target, Encoding(**encoding), film, False), shape(32, 64)
    reel = Reel(encode(target.parent, form, frames, [range(6), range(6, 12)]), form, frames, END)
    join_film(target, reel, "", Excerpt(film), sphere)


def read_projection(path: Path) -> tuple[int, int]:
    """FFmpeg's numbers of the projection and of how two eyes share a frame."""
    sides = {side.type.name: bytes(side) for side in read_frames(path)[0].side_data}
    return struct.unpack("<I", sides["SPHERICAL"][:4])[0], struct.unpack("<I", sides["STEREO3D"][:4])[0]


def pixels_of(path: Path) -> list[bytes]:
    return [frame.reformat(format="rgb24").to_ndarray().tobytes() for frame in read_frames(path)]


WAYS = [
    ("a.mp4", {}),
    ("a.mp4", {"codec": "h265"}),
    ("a.mp4", {"codec": "av1"}),
    ("a.mov", {}),
    ("a.mov", {"codec": "h264"}),
    ("a.mkv", {}),
    ("a.mkv", {"codec": "prores"}),
    ("a.webm", {}),
]


@pytest.mark.parametrize("sphere, eyes", [("mono", 0), ("top-bottom", 2)])
@pytest.mark.parametrize("name, encoding", WAYS)
def test_a_panorama_stays_one(tmp_path: Path, name: str, encoding: dict[str, Any], sphere: str, eyes: int) -> None:
    make_panorama(tmp_path / name, sphere, **encoding)
    make_panorama(tmp_path / f"flat{name[1:]}", "", **encoding)
    assert read_projection(tmp_path / name) == (0, eyes)
    both = tmp_path / name, tmp_path / f"flat{name[1:]}"
    one, other = (pixels_of(path) for path in both)
    assert one == other and len(one) == 12
    assert read_times(both[0]) == read_times(both[1]) and read_sounds(both[0]) == read_sounds(both[1])


def test_the_xml_of_the_first_version_is_there(tmp_path: Path) -> None:
    make_panorama(tmp_path / "a.mp4", "top-bottom")
    tracks = list(read_movie(tmp_path / "a.mp4").find(b"trak", b"uuid"))
    assert len(tracks) == 1 and tracks[0].body.startswith(V1_UUID)
    text = tracks[0].body[16:].decode()
    found = dict(re.findall(r"<GSpherical:(\w+)>([^<]*)<", text))
    assert found["Spherical"] == found["Stitched"] == "true"
    assert found["ProjectionType"] == "equirectangular" and found["StereoMode"] == "top-bottom"


def test_a_movie_box_behind_the_samples_is_changed_in_its_place(tmp_path: Path) -> None:
    source = make_source(tmp_path / "s.mp4")
    data = source.path.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    before = pixels_of(source.path)
    write_spherical(source.path, "mono")
    assert read_projection(source.path) == (0, 0)
    assert pixels_of(source.path) == before


def test_what_was_said_before_is_said_once(tmp_path: Path) -> None:
    source = make_source(tmp_path / "s.mp4")
    write_spherical(source.path, "mono")
    write_spherical(source.path, "top-bottom")
    assert read_projection(source.path) == (0, 2)
    assert source.path.read_bytes().count(b"sv3d") == source.path.read_bytes().count(V1_UUID) == 1


def test_what_is_no_mp4_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"RIFF0000AVI LIST", b"\0\0\0\x08moov"):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(FilmError, match="expected an MP4"):
            write_spherical(tmp_path / "a", "mono")


def movie_of(kind: bytes, offsets: list[int]) -> tuple[Box, Box]:
    letter = "I" if kind == b"stco" else "Q"
    table = Box(kind, struct.pack(f">II{len(offsets)}{letter}", 0, len(offsets), *offsets))
    inner = table
    for parent in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        inner = Box(parent, children=[inner])
    return inner, table


def test_chunks_behind_the_box_move_and_others_stay() -> None:
    for kind, letter in ((b"stco", "I"), (b"co64", "Q")):
        movie, table = movie_of(kind, [50, 1000, 2000])
        assert shift_chunks(movie, 100, 30) == 30
        assert struct.unpack(f">3{letter}", table.body[8:]) == (50, 1030, 2030)


def test_offsets_that_leave_32_bits_become_longer() -> None:
    movie, table = movie_of(b"stco", [1000, 2**32 - 20])
    assert shift_chunks(movie, 100, 30) == 30 + 2 * 4
    assert table.kind == b"co64" and struct.unpack(">2Q", table.body[8:]) == (1038, 2**32 + 18)
