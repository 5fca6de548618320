"""Expressions say what Python's arithmetic says, and what is no arithmetic is refused with its column."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import ReverieError, SettingsError, UnknownName
from reverie.film.keyframes.arithmetic import FUNCTIONS, VARIABLES
from reverie.film.keyframes.expressions import DEEPEST, LONGEST, parse_expression
from reverie.film.keyframes.schedules import make_variables
from reverie.film.keyframes.times import Clock

CLOCK = Clock.steady(10, 4)
SOUND = {name: [number / 10 for number in range(10)] for name in ("level", "low", "mid", "high", "flux")}
HERE = make_variables(CLOCK, SOUND)

numbers = st.integers(0, 20).map(str) | st.floats(0.01, 20).map(lambda number: f"{number:.4f}") | st.just("t")
sums = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(inner.map("({})".format), st.sampled_from(["2", "3", "-1"])).map("**".join),
        st.tuples(inner, inner).map(lambda pair: f"min({pair[0]}, {pair[1]})"),
    ),
    max_leaves=8,
)


@given(sums)
def test_arithmetic_is_pythons(words: str) -> None:
    expected = []
    for frame in range(10):
        try:
            expected.append(eval(words, {"t": float(frame), "min": min}))
        except (ZeroDivisionError, OverflowError):
            expected.append(math.nan)
    if all(map(math.isfinite, expected)):
        assert parse_expression(words).evaluate(HERE) == pytest.approx(np.array(expected, float), rel=1e-9, abs=1e-9)
    else:
        with pytest.raises(SettingsError, match="has no value at frame"):
            parse_expression(words).evaluate(HERE)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("-2**2", -4),
        ("2**-1", 0.5),
        ("2**3**2", 512),
        ("-7 % 3", 2),
        ("7 - 2 - 1", 4),
        ("8/4/2", 1),
        ("--3", 3),
        ("+3", 3),
        ("1 < 2", 1),
        ("1 >= 2", 0),
        ("1 + 1 == 2", 1),
        ("2 != 2", 0),
        ("where(t >= 0, 5, 1/0)", 5),
        ("clip(7, 0, 2)", 2),
        ("max(1, 4, 2)", 4),
        ("pow(2, 3)", 8),
        ("mod(7, 4)", 3),
        ("sin(pi/2)", 1),
        ("arctan(1)*4", math.pi),
        ("log(e)", 1),
        (".5e1", 5),
        ("max_f", 9),
        ("fps", 4),
        ("s*fps - t", 0),
        ("audio.low*10 - t", 0),
    ],
)
def test_what_expressions_say(words: str, value: float) -> None:
    assert parse_expression(words).evaluate(HERE) == pytest.approx(value, abs=1e-12)


def test_every_variable_and_function_can_be_said() -> None:
    for name in VARIABLES:
        assert parse_expression(name).evaluate(HERE).shape == (10,)
    for name, function in FUNCTIONS.items():
        arguments = ", ".join(["0.5"] * function.least)
        assert np.isfinite(parse_expression(f"{name}({arguments})").evaluate(HERE)).all()


@pytest.mark.parametrize(
    ("words", "column"),
    [
        *[
            ("", 1),
            ("1 +", 4),
            ("2 3", 3),
            ("t^2", 2),
            ("(1", 3),
            ("1)", 2),
            ("sin()", 5),
            ("1 < 2 < 3", 7),
            ("2**", 4),
        ],
        *[("a b", 1), ("€", 1), ("t.x", 1), ("foo(1)", 1), ("sin(1, 2)", 1), ("1e999", 1), ("min(1)", 1), ("'a'", 1)],
    ],
)
def test_what_is_no_arithmetic_is_refused_with_its_column(words: str, column: int) -> None:
    with pytest.raises(ReverieError, match=f"column {column}\\b") as refused:
        parse_expression(words)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "words", ["__import__('os')", "t.__class__", "().x", "lambda: 1", "[1]", "t if t else 1", "t;1"]
)
def test_nothing_is_run(words: str) -> None:
    with pytest.raises(ReverieError):
        parse_expression(words)


@pytest.mark.parametrize(
    "words", ["(" * 99 + "1" + ")" * 99, "-" * 99 + "1", "2**" * 99 + "2", "sin(" * 99 + "t" + ")" * 99]
)
def test_depth_is_bounded(words: str) -> None:
    with pytest.raises(SettingsError, match="less within each other"):
        parse_expression(words)
    assert parse_expression("(" * DEEPEST + "1" + ")" * DEEPEST).evaluate(HERE)[0] == 1


def test_length_is_bounded_and_long_sums_are_no_trouble() -> None:
    with pytest.raises(SettingsError, match="at most"):
        parse_expression("1" + "+1" * LONGEST)
    assert parse_expression("+".join(["1"] * 900)).evaluate(HERE)[0] == 900


@pytest.mark.parametrize(("words", "frame"), [("1/t", 0), ("1/(t - 3)", 3), ("sqrt(5 - t)", 6), ("exp(t*100)", 8)])
def test_what_has_no_value_names_the_frame(words: str, frame: int) -> None:
    with pytest.raises(SettingsError, match=f"frame {frame}\\b"):
        parse_expression(words).evaluate(HERE)


@pytest.mark.parametrize(
    "words", ["1/0 > 1", "where(1/0, 1, 2)", "min(1/0, 1)", "0*(1/0)", "(1/0)**0", "clip(1/0, 0, 1)"]
)
def test_what_has_no_value_is_not_hidden(words: str) -> None:
    with pytest.raises(SettingsError, match="no value at frame 0"):
        parse_expression(words).evaluate(HERE)


def test_names_are_suggested_and_sound_needs_a_film() -> None:
    with pytest.raises(UnknownName, match="did you mean audio.low"):
        parse_expression("audio.lw")
    with pytest.raises(UnknownName, match="did you mean floor"):
        parse_expression("flor(t)")
    with pytest.raises(SettingsError, match="audio.flux"):
        parse_expression("1 + audio.flux").evaluate(make_variables(CLOCK))
