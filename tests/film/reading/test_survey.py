"""A survey tells a film's times exactly, finds its cuts and no others, and counts what is broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from film.clips import flat, moving, write_clip
from reverie.errors import FilmError
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import Survey, survey_film


def survey(path: Path) -> Survey:
    return survey_film(open_film(path))


def test_a_survey_tells_times_and_end(tmp_path: Path) -> None:
    seen = survey(write_clip(tmp_path / "a.mp4", moving(12)))
    assert [time * seen.time_base for time in seen.times] == [Fraction(number, 25) for number in range(12)]
    assert seen.end * seen.time_base == Fraction(12, 25)
    assert seen.rate == 25 and seen.seconds[3] == pytest.approx(0.12)
    assert (seen.cuts, seen.lost) == ((), ())


def test_a_survey_is_what_its_text_says(tmp_path: Path) -> None:
    seen = survey(write_clip(tmp_path / "a.mp4", [*moving(5), *moving(5, seed=9)]))
    assert Survey.from_json(seen.to_json()) == seen


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_times_that_vary_are_exact(tmp_path: Path, ending: str) -> None:
    times = [0, 40, 41, 100, 350, 360, 400, 1000]
    seen = survey(write_clip(tmp_path / f"a.{ending}", moving(8), times))
    assert [time * seen.time_base * 1000 for time in seen.times] == times


@pytest.mark.parametrize(("codec", "form"), [("libx264", "h264"), ("libx265", "hevc"), ("mpeg4", "m4v")])
def test_frames_without_times_are_counted(tmp_path: Path, codec: str, form: str) -> None:
    quiet = {"x265-params": "log-level=none:keyint=5"} if codec == "libx265" else {"g": 5}
    seen = survey(write_clip(tmp_path / f"a.{form}", moving(12), codec=codec, form=form, **quiet))
    assert [float(time * seen.time_base) for time in seen.times] == pytest.approx([n / 25 for n in range(12)])
    assert seen.lost == () and seen.end * seen.time_base == Fraction(12, 25)


def test_a_cut_is_found_once(tmp_path: Path) -> None:
    assert survey(write_clip(tmp_path / "a.mp4", [*moving(7), *moving(8, seed=5)])).cuts == (7,)


def test_a_pan_is_no_cut(tmp_path: Path) -> None:
    assert survey(write_clip(tmp_path / "a.mp4", moving(16))).cuts == ()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(tmp_path: Path, length: int) -> None:
    frames = moving(14)
    frames[5 : 5 + length] = [flat(255)] * length
    assert survey(write_clip(tmp_path / "a.mp4", frames)).cuts == ()


def test_a_part_begins_and_ends_where_it_is_told(tmp_path: Path) -> None:
    film = open_film(write_clip(tmp_path / "a.mp4", [*moving(20), *moving(20, seed=3)], g=5))
    whole = survey_film(film)
    part = survey_film(film, Fraction(4, 10), Fraction(1))
    assert part.times == whole.times[10:25]
    assert part.end == whole.times[25]
    assert part.cuts == (10,)
    watched: list[int] = []
    assert survey_film(film, Fraction(41, 100), watch=watched.append).times == whole.times[11:]
    assert watched == list(range(1, 30))


def test_where_nothing_is_left_is_told(tmp_path: Path) -> None:
    film = open_film(write_clip(tmp_path / "a.mp4", moving(5)))
    with pytest.raises(FilmError, match="0.2 s long"):
        survey_film(film, Fraction(3))
    with pytest.raises(FilmError, match="no frame"):
        survey_film(film, Fraction(3), Fraction(2))


def test_a_film_that_flashes_is_known(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(80, 120, (30, 192, 256, 3), dtype=np.uint8)
    seen = survey(write_clip(tmp_path / "a.mp4", noise))
    assert seen.flash < 1 and seen.cuts == ()
    frames = [flat(255 if number % 4 < 2 else 0) for number in range(50)]
    assert survey(write_clip(tmp_path / "b.mp4", frames)).flash > 5
