"""Where a film is broken, its frames are still the same from wherever one begins, and what is cut off is told."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from film.clips import moving, write_clip
from reverie.errors import FilmError
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.survey import Survey, survey_film

COUNT = 48


def write(path: Path, size: tuple[int, int] = (96, 128), seed: int = 0, **ways: Any) -> Path:
    """A film of 48 frames with a keyframe at every twelfth."""
    noise = np.random.default_rng(seed).integers(0, 30, (COUNT, *size, 3), dtype=np.uint8)
    pictures = [picture + each for picture, each in zip(moving(COUNT, size, seed), noise, strict=True)]
    return write_clip(path, pictures, **{"g": 12, **ways})


def break_bytes(path: Path, place: float, count: int) -> Path:
    """Overwrite so many bytes from a share of the file on."""
    data = bytearray(path.read_bytes())
    begin = int(place * len(data))
    data[begin : begin + count] = np.random.default_rng(1).integers(0, 256, count, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


def look(path: Path) -> tuple[FilmFile, Survey]:
    film = open_film(path)
    return film, survey_film(film)


def check_same_from_everywhere(film: FilmFile, survey: Survey) -> list[bytes]:
    whole = [frame.pixels.tobytes() for frame in read_frames(film, survey)]
    assert len(whole) == len(survey.times)
    for first in range(len(whole)):
        for frame in read_frames(film, survey, first, 2):
            assert frame.pixels.tobytes() == whole[frame.number], (first, frame.number)
    return whole


@pytest.mark.parametrize(("place", "count"), [(0.5, 400), (0.4, 3000), (0.3, 9000)])
def test_broken_frames_repeat_the_one_before(
    tmp_path: Path, place: float, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.mov", movflags="")
    with caplog.at_level(logging.WARNING, "reverie"):
        film, survey = look(break_bytes(path, place, count))
    assert [time * survey.time_base for time in survey.times] == [Fraction(number, 25) for number in range(COUNT)]
    assert survey.end * survey.time_base == Fraction(COUNT, 25)
    frames = check_same_from_everywhere(film, survey)
    assert all(frames[number] == frames[number - 1] for number in survey.lost)
    assert ("frames of" in caplog.text) == bool(survey.lost)
    assert survey.lost or count < 3000


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.avi", "a.mpg"])
@pytest.mark.parametrize(("place", "count"), [(0.4, 3000), (0.6, 1000)])
def test_a_damaged_film_is_the_same_from_wherever_one_begins(
    tmp_path: Path, name: str, place: float, count: int
) -> None:
    choices: dict[str, dict[str, Any]] = {"a.mpg": {"codec": "mpeg2video"}, "a.avi": {"codec": "mpeg4", "bf": 2}}
    film, survey = look(break_bytes(write(tmp_path / name, **choices.get(name, {})), place, count))
    check_same_from_everywhere(film, survey)
    assert survey == Survey.from_json(survey.to_json())


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_a_truncated_film_is_read_as_far_as_it_goes(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    with caplog.at_level(logging.WARNING, "reverie"):
        film, survey = look(path)
    assert 20 < len(check_same_from_everywhere(film, survey)) < COUNT
    assert ("is truncated or damaged" in caplog.text) == (name == "a.mkv"), "MPEG-TS has no header that says a length"


def test_a_whole_film_is_not_called_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "reverie"):
        for name in ("a.mp4", "a.mkv", "a.ts", "a.avi"):
            _, survey = look(write(tmp_path / name))
            assert (survey.lost, survey.damaged, survey.restarts) == ((), (), False)
    assert not caplog.text


def test_films_strung_together_are_one(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.ts"), write(tmp_path / "b.ts", seed=4)
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    film, survey = look(path)
    assert [time * survey.time_base for time in survey.times] == [Fraction(number, 25) for number in range(2 * COUNT)]
    assert survey.restarts and survey.cuts == (COUNT,) and survey.lost == ()
    assert len(set(check_same_from_everywhere(film, survey))) == 2 * COUNT


def test_a_film_that_changes_its_size_is_refused_with_the_frame(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.ts"), write(tmp_path / "b.ts", size=(144, 176))
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(FilmError, match=f"at frame {COUNT}"):
        look(path)


def test_a_film_whose_index_is_cut_off_is_called_truncated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FilmError, match="is truncated or damaged"):
        open_film(path)
