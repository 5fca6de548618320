"""Opening a film tells what it is, and what is none is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from film.clips import Picture, flat, moving, write_clip
from reverie._native.files import hash_file
from reverie.errors import FilmError
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import ColorTags, open_film
from reverie.film.reading.survey import survey_film
from reverie.film.writing.spherical import write_spherical


def test_a_film_is_told_by_its_header(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(5), rate=30)
    film = open_film(path)
    assert film.size == (48, 64) and film.rate == 30 and film.digest == hash_file(path)
    assert (film.kind, film.depth, film.alpha, film.hdr, film.rotation) == ("container", 8, False, "", 0)
    assert film.colors == ColorTags(6, 6, 6, False) and film.sounds == () and not film.spherical
    assert film.sample_aspect == 1


def test_a_large_film_is_taken_for_709(tmp_path: Path) -> None:
    assert open_film(write_clip(tmp_path / "a.mp4", moving(2, (720, 64)))).colors.matrix in (1, 6)
    assert open_film(write_clip(tmp_path / "b.mp4", moving(2, (720, 1280)))).colors == ColorTags(1, 1, 1, False)


def test_pixels_that_are_not_square_are_told_upright(tmp_path: Path) -> None:
    def turn(stream: object) -> None:
        stream.set_display_rotation(-90)  # type: ignore[attr-defined]
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)  # type: ignore[attr-defined]

    film = open_film(write_clip(tmp_path / "a.mp4", moving(2), set_up=turn))
    assert film.sample_aspect == Fraction(3, 4) and film.size == (64, 48)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello " * 100, "no film"),
        ("text.txt", b"hello " * 100, "is a text"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n", "no film"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FilmError, match=expected) as caught:
        open_film(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match="does not exist"):
        open_film(tmp_path / "none.mp4")


TURNS: dict[str, tuple[tuple[int, ...], Callable[[Picture], Picture]]] = {
    "right": ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
    "mirror": ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
    "over": ((1, 0, 0, -1), lambda picture: picture[::-1]),
    "diagonal": ((0, 1, 1, 0), lambda picture: picture.transpose(1, 0, 2)),
    "other diagonal": ((0, -1, -1, 0), lambda picture: np.rot90(picture, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", TURNS)
def test_mirrors_of_phones_are_undone(tmp_path: Path, name: str) -> None:
    (a, b, c, d), expected = TURNS[name]
    matrix = [65536 * a, 65536 * b, 0, 65536 * c, 65536 * d, 0, 0, 0, 1 << 30]
    picture = flat(40)
    picture[:12, :16] = 250
    path = write_clip(tmp_path / "a.mp4", [picture] * 2, qp=1, set_up=lambda stream: stream.set_display_matrix(matrix))
    film = open_film(path)
    frame = next(read_frames(film, survey_film(film)))
    assert frame.pixels.shape[:2] == film.size
    assert np.abs(frame.pixels.astype(int) - expected(picture)).max() < 12


@pytest.mark.parametrize("stereo", ["mono", "top-bottom"])
def test_a_sphere_is_known(tmp_path: Path, stereo: str) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(3))
    assert not open_film(path).spherical
    write_spherical(path, stereo)
    film = open_film(path)
    assert film.spherical and film.stereo == ("" if stereo == "mono" else stereo)
