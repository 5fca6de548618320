"""What flashes is rated badly, what is steady, moves or is noise is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from film.clips import Picture, flat, moving, write_clip
from reverie.film.reading.flashes import FlashMeter, measure_flashes
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film

LARGE = (180, 320)


def rate(frames: Iterable[Picture]) -> float:
    meter = FlashMeter(25)
    for frame in frames:
        meter.feed(frame)
    return meter.badness


def test_what_is_steady_or_noise_is_not_bad() -> None:
    noise = np.random.default_rng(1).integers(100, 140, (30, *LARGE, 3), dtype=np.uint8)
    assert rate([flat(128)] * 30) == 0
    assert rate([flat(255)] * 30) == 0
    assert rate(noise) < 0.5
    assert rate(moving(30, LARGE)) < 3


def test_what_flashes_is_bad() -> None:
    ten = rate([flat(255 if number % 4 < 2 else 0, LARGE) for number in range(50)])
    two = rate([flat(255 if number % 12 < 6 else 0, LARGE) for number in range(50)])
    faint = rate([flat(135 if number % 4 < 2 else 120, LARGE) for number in range(50)])
    assert ten > 20 > two > 3 > faint


def test_a_film_is_measured_as_its_survey_does(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [flat(255 if number % 4 < 2 else 0) for number in range(30)])
    assert measure_flashes(path) == survey_film(open_film(path)).flash > 15
