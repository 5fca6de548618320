"""Animated pictures and folders of frames show what was dreamed, for as long, and hold the recipe."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from filming import END, TIMES, draw, encode, fade, make_film, make_source, read_frames, read_times, shape
from reverie.errors import FilmError, RecipeError
from reverie.film.writing.animations import round_times
from reverie.film.writing.formats import check_film_output
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.film.writing.soundtrack import Excerpt
from reverie.image.film_text import read_film_text
from reverie.image.gpano import Sphere
from reverie.settings.film import Encoding

RECIPE = 'wish = "fire8"\nand = "ümläut"\n'
SECONDS = [time / 90000 for time in TIMES]


def open_stack(path: Path) -> tuple[np.ndarray, list[int]]:
    """The frames of an animated picture, (frames, h, w, bands), and how many milliseconds each is shown."""
    picture = pyvips.Image.new_from_file(str(path), n=-1)
    samples = picture.numpy().reshape(-1, picture.get("page-height"), picture.width, picture.bands)
    return samples, picture.get("delay")


def samples_of(number: int, top: int = 255) -> np.ndarray:
    return (draw(number)[0].permute(1, 2, 0).clamp(0, 1) * top).round().numpy()


def test_a_webp_shows_every_frame_for_its_time(tmp_path: Path) -> None:
    make_film(tmp_path / "a.webp", shape(), Encoding(lossless=True))
    frames, delays = open_stack(tmp_path / "a.webp")
    assert len(frames) == len(TIMES) and sum(delays) == round(1000 * END / 90000)
    assert np.cumsum([0, *delays[:-1]]).tolist() == [round(1000 * second) for second in SECONDS]
    assert all((frame[..., :3] == samples_of(number)).all() for number, frame in enumerate(frames))


def test_a_gif_is_near_and_leaves_out_what_no_browser_shows(tmp_path: Path) -> None:
    make_film(tmp_path / "a.gif", shape(), Encoding())
    frames, delays = open_stack(tmp_path / "a.gif")
    assert len(frames) < len(TIMES) and min(delays) >= 20 and sum(delays) == pytest.approx(1000 * END / 90000, abs=10)
    assert np.abs(frames[0, ..., :3] - samples_of(0)).mean() < 12


@pytest.mark.parametrize("depth", [8, 16])
def test_an_apng_is_exact(tmp_path: Path, depth: int) -> None:
    make_film(tmp_path / "a.apng", shape(alpha=True, depth=depth), Encoding())
    frames = read_frames(tmp_path / "a.apng")
    top = 2**depth - 1
    assert [float(time) for time in read_times(tmp_path / "a.apng")] == pytest.approx(SECONDS, abs=1e-4)
    for number, frame in enumerate(frames):
        samples = frame.to_ndarray().astype(int)
        assert (samples[..., :3] == samples_of(number, top)).all()
        assert (samples[..., 3] == (fade()[0, 0] * top).round().numpy()).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_a_folder_holds_every_frame_as_it_was_dreamed(tmp_path: Path, depth: int) -> None:
    make_film(tmp_path / "frames", shape(alpha=True, depth=depth), Encoding())
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [*(f"{number:05}.png" for number in range(1, 13)), "recipe.toml"]
    for number, name in enumerate(names[:-1]):
        samples = pyvips.Image.new_from_file(str(tmp_path / "frames" / name)).numpy()
        assert samples.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert (samples[..., :3] == samples_of(number, 2**depth - 1)).all()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp", "a.apng", "frames"])
def test_the_recipe_comes_back(tmp_path: Path, name: str) -> None:
    make_film(tmp_path / name, shape(), Encoding())
    assert read_film_text(tmp_path / name) == RECIPE
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["0.segment", "1.segment", name])


def test_what_holds_no_recipe_is_told(tmp_path: Path) -> None:
    source = make_source(tmp_path / "s.mp4")
    pyvips.Image.black(8, 8).gifsave(str(tmp_path / "a.gif"))
    pyvips.Image.black(8, 8).pngsave(str(tmp_path / "a.png"))
    (tmp_path / "a.txt").write_text("REVERIE")
    paths = [source.path, *(tmp_path / name for name in ("a.gif", "a.png", "a.txt", "missing.mp4")), tmp_path]
    for path in paths:
        with pytest.raises(RecipeError, match=path.name):
            read_film_text(path)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng", "frames"])
def test_sound_is_left_out_with_a_word(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        make_film(tmp_path / name, shape(), Encoding(), Excerpt(make_source(tmp_path / "s.mp4")))
    assert "no sound" in caplog.text


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "frames"])
def test_an_older_one_stays_if_the_new_one_fails(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    make_film(target, shape(), Encoding())
    form = check_film_output(target, Encoding(), None, False)
    paths = encode(tmp_path, form, shape(), [range(6), range(6, 12)])
    paths[1].write_bytes(b"broken")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(FilmError):
        join_film(target, Reel(paths, form, shape(), END), "new = 1")
    assert read_film_text(target) == RECIPE and sorted(path.name for path in tmp_path.rglob("*")) == before


def test_frames_of_a_panorama_say_so(tmp_path: Path) -> None:
    form = check_film_output(tmp_path / "frames", Encoding(), None, False)
    reel = Reel(encode(tmp_path, form, shape(32, 64), [range(2)]), form, shape(32, 64), 6000)
    join_film(tmp_path / "frames", reel, "", None, "mono")
    picture: Any = pyvips.Image.new_from_file(str(tmp_path / "frames" / "00001.png"))
    sphere = Sphere.read(picture.get("xmp-data"), 64, 32)
    assert sphere is not None and sphere.is_whole


def test_rounded_times_add_up() -> None:
    times = [Fraction(number, 3) for number in range(31)]
    shown = round_times(times, 2)
    assert sum(length for _, length in shown) == 10 and min(length for _, length in shown) >= 2
    assert round_times([Fraction(0), Fraction(1)]) == [(0, 1)] == round_times([Fraction(0), Fraction(0)])
