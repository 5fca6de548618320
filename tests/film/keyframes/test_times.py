"""Times in words: each is read as what it says, and what is none is refused in one line."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import SettingsError
from reverie.film.keyframes.times import Clock, format_time, parse_seconds, parse_time

CLOCK = Clock.steady(251, 25)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("0:10", 10.0),
        ("1:02:03.5", 3723.5),
        ("12.5s", 12.5),
        (".5s", 0.5),
        ("300", 12.0),
        ("50f", 2.0),
        (50, 2.0),
        ("50%", 5.0),
        ("12.5%", 1.25),
        (" 0:01 ", 1.0),
        (datetime.time(0, 0, 7), 7.0),  # as TOML reads 00:00:07 without quotes
    ],
)
def test_a_time_is_what_it_says(words: Any, seconds: float) -> None:
    assert parse_time(words, CLOCK) == seconds


@pytest.mark.parametrize("words", ["", "x", "-1s", "0:75", "1:60:00", "1:30f", "2.5", 2.5, "1e3", True, None, "9" * 50])
def test_what_is_no_time_is_refused(words: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_time(words, CLOCK)
    assert "\n" not in str(refused.value)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_seconds_are_exact(hours: int, minutes: int, seconds: int) -> None:
    assert parse_seconds(f"{hours}:{minutes}:{seconds}.001") == 3600 * hours + 60 * minutes + seconds + Fraction(
        1, 1000
    )


@pytest.mark.parametrize(("words", "seconds"), [("0:10", 10), ("90s", 90), ("10", 10), ("2.5", Fraction(5, 2))])
def test_a_bare_number_is_seconds_where_a_film_is_cut(words: str, seconds: Fraction) -> None:
    assert parse_seconds(words) == seconds


@pytest.mark.parametrize("words", ["10f", "50%", "", "a", "-3", "1:2:3:4", "1:70"])
def test_frames_and_shares_are_no_seconds(words: str) -> None:
    with pytest.raises(SettingsError, match="no time"):
        parse_seconds(words)


@given(st.integers(1, 500), st.fractions(min_value=Fraction(1, 2), max_value=240))
def test_a_steady_clock_has_even_times(frames: int, rate: Fraction) -> None:
    clock = Clock.steady(frames, rate)
    assert clock.frames == frames and clock.seconds[0] == 0 and clock.last == float(Fraction(frames - 1) / rate)
    assert [clock.find_second(number) for number in range(frames)] == list(clock.seconds)
    assert clock.find_second(frames + 4) == pytest.approx(float((frames + 4) / rate))


def test_frames_and_shares_of_an_uneven_film_are_found_by_its_own_times() -> None:
    clock = Clock((0.0, 0.5, 0.6, 2.0), 2)
    assert parse_time("2", clock) == 0.6 and parse_time("50%", clock) == 1.0 and parse_time("5", clock) == 3.0


@pytest.mark.parametrize(("seconds", "rate"), [((), 25), ((0.0, 0.0), 25), ((1.0, 0.5), 25), ((0.0,), 0), ((0.0,), -1)])
def test_a_clock_goes_forwards(seconds: tuple[float, ...], rate: float) -> None:
    with pytest.raises(SettingsError, match="expected"):
        Clock(seconds, rate)


def test_a_film_of_no_frames_or_no_rate_has_no_clock() -> None:
    for frames, rate in ((0, 25), (5, 0)):
        with pytest.raises(SettingsError, match="expected more"):
            Clock.steady(frames, rate)


def test_times_are_told_shortly() -> None:
    assert format_time(9.5) == "9.5 s"
