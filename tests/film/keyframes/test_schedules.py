"""A value over time says the same however it is said, and schedules are read as Deforum reads them."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.curves import Values
from reverie.film.keyframes.schedules import make_variables, read_values
from reverie.film.keyframes.times import Clock

CLOCK = Clock.steady(61, 25)


def read(said: Any, clock: Clock = CLOCK) -> Values:
    return read_values("x", said, clock, make_variables(clock))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(-5, 5)), min_size=1, max_size=6, unique_by=lambda pair: pair[0])
)
def test_numbers_of_a_schedule_are_joined_by_straight_lines(pairs: list[tuple[int, float]]) -> None:
    pairs = sorted(pairs)
    frames, values = zip(*pairs, strict=True)
    expected = np.interp(np.arange(61), frames, values)  # which holds the ends, as Deforum does
    assert read(", ".join(f"{frame}:({value!r})" for frame, value in pairs)) == pytest.approx(expected, abs=1e-12)
    tables = [{"at": frame, "value": value} for frame, value in pairs]
    assert read(tables) == pytest.approx(expected, abs=1e-12)


def test_an_expression_of_a_schedule_has_its_own_value_at_each_frame_until_the_next() -> None:
    frames = np.arange(61)
    values = read("0:(0.01), 30:(0.03*sin(t)), 50:(7)")
    reached = 0.03 * np.sin(30)
    assert values[:30] == pytest.approx(0.01 + frames[:30] / 30 * (reached - 0.01))
    assert values[30:50] == pytest.approx(0.03 * np.sin(frames[30:50]))
    assert np.all(values[50:] == 7)


def test_a_constant_is_joined_by_a_line_and_frames_may_be_computed() -> None:
    assert read("0:(1/3), max_f/2:(2/3), max_f:(1)") == pytest.approx(1 / 3 + np.arange(61) / 90)


def test_spaces_lines_and_a_last_comma_do_not_matter() -> None:
    assert np.array_equal(read(" 0 : (1) ,\n 10:\t(2),"), read("0:(1),10:(2)"))
    assert np.array_equal(read("0: 1, 10: 2"), read("0:(1),10:(2)"))


def test_an_expression_is_asked_only_where_it_stands() -> None:
    assert read("0:(1), 10:(100/t)")[20] == 5
    with pytest.raises(SettingsError, match="frame 0"):
        read("0:(100/t), 10:(1)")


def test_before_the_first_frame_its_value_stands() -> None:
    assert np.all(read("20:(t)")[:21] == 20) and read("20:(t)")[40] == 40


def test_what_lies_beyond_the_end_is_approached_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "reverie"):
        assert read("0:(0), 120:(t)")[60] == pytest.approx(60)
        assert read([{"at": 0, "value": 0}, {"at": "120", "value": 2}])[60] == pytest.approx(1)
    assert [record.message for record in caplog.records] == [
        "x has a keyframe at 4.8 s, and the film ends at 2.44 s: it is not reached"
    ] * 2
    caplog.clear()
    read([{"at": 0, "value": 0}, {"at": "2.44s", "value": 2}])  # the end of the last frame
    assert not caplog.records


def test_keyframes_ease_and_hold() -> None:
    values = read([{"at": "0s", "value": 8}, {"at": "50%", "value": 32, "ease": "in-out"}, {"at": "2s", "value": 8}])
    assert (values[0], values[15], values[30], values[50], values[60]) == (8, 20, 32, 8, 8)
    assert np.all(np.diff(values[:31]) >= 0) and values[5] - 8 < 32 / 6
    held = read([{"at": 0, "value": 1}, {"at": 10, "value": 2, "ease": "hold"}])
    assert np.all(held[:10] == 1) and np.all(held[10:] == 2)


def test_keyframes_mix_expressions() -> None:
    values = read([{"at": 0, "value": "t"}, {"at": 10, "value": "100 + t"}])
    assert values[:11] == pytest.approx(np.arange(11) + 10 * np.arange(11))


def test_keyframes_of_an_uneven_film_are_joined_over_its_seconds() -> None:
    clock = Clock((0.0, 0.1, 0.2, 1.0), 4)
    assert read([{"at": "0s", "value": 0}, {"at": "1s", "value": 10}], clock) == pytest.approx(np.array([0, 1, 2, 10]))


def test_a_number_is_the_same_at_every_frame() -> None:
    assert np.all(read(3) == 3) and np.all(read("3") == 3) and np.all(read("0:(3)") == 3)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("0:(1), 0:(2)", "frame 0 is named twice"),
        ("5:(1), 3:(2)", "frame 3 comes after frame 5"),
        ("-1:(1)", "no frame: -1"),
        ("t:(1)", "'t' is no frame"),
        ("0:(1) 5:(2)", "column 7"),
        ("0:", "column 3"),
        ("0:('Euler a')", "column 4"),
        (True, "x is True"),
        ([], r"x is \[\]"),
        (float("nan"), "x is nan"),
        ([1, 2], r"x is \[1, 2\]"),
        ([{"at": 0}], "expected one such"),
        ([{"at": 0, "value": [1]}], "expected one such"),
        ([{"at": 0, "value": 1}, {"at": "0s", "value": 2}], "two keyframes at 0 s"),
        ([{"at": "1s", "value": 1}, {"at": "0s", "value": 2}], "runs backwards"),
        ([{"at": "soon", "value": 1}], "x: 'soon' is no time"),
    ],
)
def test_what_says_no_value_is_refused_by_name(said: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        read(said)
    assert "\n" not in str(refused.value)


def test_an_unknown_part_of_a_keyframe_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean value"):
        read([{"at": 0, "valeu": 1}])


def test_sound_is_a_number_for_each_frame() -> None:
    clock = Clock.steady(3, 25)
    variables = make_variables(clock, {name: [0.0, 0.5, 1.0] for name in ("level", "low", "mid", "high", "flux")})
    assert read_values("x", "1 + 2*audio.low", clock, variables).tolist() == [1, 2, 3]
