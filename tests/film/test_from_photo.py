"""A zoom that feeds on itself keeps its brightness and comes back; a morph leads from wish to wish."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

import reverie as rv
from reverie.film import shots
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.making import closing_share, exact_rate
from reverie.film.morph_maker import spread_wishes
from reverie.film.planning import prepare_film
from reverie.recipe.film import FilmRecipe, Motion
from reverie.settings.film import MorphSettings, ZoomSettings
from reverie.types import Image

pytestmark = pytest.mark.bundled

NETWORKS = rv.Networks()
STYLE = rv.Settings(size=64, octaves=2, steps=3, jitter=2)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "SEGMENT", 7)


def prepare(target: Path, motion: Motion, keyframes: str = "") -> FilmRun:
    recipe = FilmRecipe(
        rv.Recipe("example:astronaut", objective="fire2^2", settings=STYLE), motion, keyframes=keyframes
    )
    return prepare_film(FilmJob(recipe, target), models=NETWORKS)


def make_pictures(run: FilmRun) -> list[Image]:
    pictures, state = [], None
    for segment in run.maker.segments:
        for made in run.maker.make(segment, state):
            pictures.append(made.image)
            state = made.state
    return pictures


def measure_step(before: Image, after: Image) -> float:
    return float((after - before).abs().mean())


@pytest.mark.parametrize(
    "motion",
    [
        ZoomSettings(seconds=1, zoom=1.04, rotate=1, loop=True),
        ZoomSettings(seconds=1, zoom=0.97, loop=True),
        ZoomSettings(seconds=1, zoom=1, shift_x=0.01, loop=True),
        MorphSettings(seconds=1, loop=True),
    ],
)
def test_a_loop_comes_back_without_a_jump(motion: Motion, tmp_path: Path) -> None:
    keyframes = spread_wishes(["fire2^2", "fire3^2"], loop=True) if isinstance(motion, MorphSettings) else ""
    pictures = make_pictures(prepare(tmp_path / "loop.mp4", motion, keyframes))
    steps = [measure_step(*each) for each in pairwise(pictures)]
    assert len(pictures) == 25
    assert measure_step(pictures[-1], pictures[0]) < 1.25 * max(steps)
    assert measure_step(pictures[12], pictures[0]) > 1.2 * measure_step(pictures[-1], pictures[0])


@pytest.mark.parametrize("motion", [ZoomSettings(zoom=1.005), ZoomSettings(zoom=1, rotate=0.3)])
def test_the_border_of_a_slow_loop_does_not_jump_either(motion: ZoomSettings, tmp_path: Path) -> None:
    pictures = make_pictures(prepare(tmp_path / "loop.mp4", replace(motion, seconds=1, loop=True)))
    edges = [torch.cat([each[..., :2], each[..., -2:]], dim=-1) for each in pictures]
    steps = [measure_step(*each) for each in pairwise(edges)]
    assert measure_step(edges[-1], edges[0]) < 1.25 * max(steps)


def test_a_zoom_keeps_its_brightness_and_its_contrast(tmp_path: Path) -> None:
    pictures = make_pictures(prepare(tmp_path / "zoom.mp4", ZoomSettings(seconds=2, zoom=1.05)))
    means, contrasts = ([float(measure(each)) for each in pictures] for measure in (torch.mean, torch.std))
    assert max(means) - min(means) < 0.01
    assert max(contrasts) < 1.1 * contrasts[0] and min(contrasts) > 0.8 * contrasts[0]


def test_a_zoom_moves_what_was_there(tmp_path: Path) -> None:
    still = ZoomSettings(seconds=0.2, zoom=1, shift_x=0.125, frame_steps=0)
    pictures = make_pictures(prepare(tmp_path / "zoom.mp4", still))
    for before, after in pairwise(pictures):
        assert torch.allclose(after[..., 16:], before[..., 8:-8], atol=0.02)  # 8 of 64 pixels to the right


@pytest.mark.parametrize("motion", [ZoomSettings(seconds=0.8, loop=True), MorphSettings(seconds=0.8, loop=True)])
def test_stopped_and_called_again_it_is_never_stopped(motion: Motion, tmp_path: Path) -> None:
    keyframes = spread_wishes(["fire2^2", "fire3^2"], loop=True) if isinstance(motion, MorphSettings) else ""
    for name, stops in (("whole.mp4", ()), ("parts.mp4", (3, 9, 8))):
        for stop in stops:
            list(islice(prepare(tmp_path / name, motion, keyframes), stop))
        run = prepare(tmp_path / name, motion, keyframes)
        list(run)
        run.save()
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "parts.mp4").read_bytes()


def test_a_morph_goes_from_one_wish_to_the_other(tmp_path: Path) -> None:
    run = prepare(tmp_path / "tour.mp4", MorphSettings(seconds=1), spread_wishes(["fire2^2", "fire3^2"], loop=False))
    wishes = [run.maker.schedule.at(number).objective for number in (0, 12, 24)]  # type: ignore[attr-defined]
    assert wishes[0] == "fire2^2" and "fire2^2" in wishes[1] and "fire3^2" in wishes[1]
    assert "fire2^2" not in wishes[2]


def test_the_rates_of_television_are_exact() -> None:
    assert [exact_rate(rate) for rate in (29.97, 23.976, 59.94)] == [Fraction(n * 1000, 1001) for n in (30, 24, 60)]
    assert [exact_rate(rate) for rate in (24, 25.0, 12.5, 0.1)] == [24, 25, Fraction(25, 2), Fraction(1, 10)]


def test_a_loop_is_whole_after_its_last_picture() -> None:
    shares = [closing_share(number, 100) for number in range(101)]
    assert shares[:60] == [0] * 60 and shares[100] == 1 and shares == sorted(shares)
