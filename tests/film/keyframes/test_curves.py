"""Easing goes from 0 to 1 as CSS says, and the shares of keyframes are together 1 at every frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.curves import BEZIERS, EASINGS, Arrival, check_order, measure_reach, read_easing, share_out

SHARES = np.linspace(0, 1, 201)
handles = st.floats(0, 1)


@given(handles, handles, handles, handles)
def test_a_curve_with_handles_inside_rises_from_0_to_1(x1: float, y1: float, x2: float, y2: float) -> None:
    eased = read_easing(bezier=[x1, y1, x2, y2])(SHARES)
    assert (eased[0], eased[-1]) == (0, 1) and eased.min() >= 0 and eased.max() <= 1
    assert np.all(np.diff(eased) >= -1e-12)


@given(handles, handles, handles, handles, st.floats(0, 1))
def test_a_curve_is_the_bezier_curve_of_its_handles(x1: float, y1: float, x2: float, y2: float, along: float) -> None:
    """Bernstein's polynomials say where a point of the curve is; the easing of its x is its y, as far as x tells."""
    weights = np.array([3 * (1 - along) ** 2 * along, 3 * (1 - along) * along**2, along**3])
    x, y = (float(weights @ np.array([first, second, 1.0])) for first, second in ((x1, x2), (y1, y2)))
    near = np.array([max(0.0, x - 1e-9), min(1.0, x + 1e-9)])
    low, high = read_easing(bezier=[x1, y1, x2, y2])(near)
    assert low - 1e-6 <= y <= high + 1e-6


def test_css_has_these_points() -> None:
    """From the polynomials of cubic-bezier(0.42, 0, 0.58, 1) at the middle, and of linear handles everywhere."""
    assert EASINGS["in-out"](np.array([0.5])) == pytest.approx(0.5)
    assert read_easing(bezier=[1 / 3, 1 / 3, 2 / 3, 2 / 3])(SHARES) == pytest.approx(SHARES)
    assert EASINGS["in"](np.array([0.5])) < 0.5 < EASINGS["out"](np.array([0.5]))
    assert EASINGS["in"](SHARES) == pytest.approx(1 - EASINGS["out"](SHARES[::-1]))


def test_hold_jumps_at_the_end_and_linear_is_the_time() -> None:
    assert not EASINGS["hold"](SHARES)[:-1].any() and EASINGS["hold"](SHARES)[-1] == 1
    assert np.array_equal(EASINGS["linear"](SHARES), SHARES)


def test_the_names_of_css_are_known() -> None:
    assert read_easing("ease-in-out") is EASINGS["in-out"] and read_easing("ease-in") is EASINGS["in"]
    assert read_easing() is EASINGS["linear"] and set(BEZIERS) < set(EASINGS)


@pytest.mark.parametrize(
    "bezier",
    [[], [0, 0, 1], [2, 0, 1, 1], [0, 0, -0.1, 1], ["0", 0, 1, 1], [0, True, 1, 1], 3, [0, float("nan"), 1, 1]],
)
def test_what_is_no_curve_is_refused(bezier: Any) -> None:
    with pytest.raises(SettingsError, match="four numbers"):
        read_easing(bezier=bezier)


def test_an_unknown_easing_is_named_with_its_neighbors_and_two_are_one_too_many() -> None:
    with pytest.raises(UnknownName, match="did you mean linear"):
        read_easing("liner")
    with pytest.raises(SettingsError, match="one of them"):
        read_easing("in", [0, 0, 1, 1])


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6, unique=True), st.sampled_from(sorted(EASINGS)))
def test_shares_are_together_one(times: list[float], name: str) -> None:
    times = sorted(times)
    seconds = np.array(sorted({*np.linspace(0, 12, 40).tolist(), *times}))
    arrivals = [Arrival(start, end, EASINGS[name]) for start, end in zip([0.0, *times], times, strict=False)]
    shares = share_out(arrivals, seconds)
    assert np.sum(shares, axis=0) == pytest.approx(1)
    for time, share in zip(times, shares, strict=True):  # each is there alone at its own time
        assert share[seconds.tolist().index(time)] == pytest.approx(1)


def test_a_cut_takes_no_time() -> None:
    reached = measure_reach(Arrival(1.0, 1.0, EASINGS["linear"]), np.array([0.0, 0.99, 1.0, 2.0]))
    assert reached.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("times", "words"), [([0.0, 0.0], "two keyframes at 0 s"), ([1.0, 0.5], "backwards")])
def test_keyframes_run_forwards(times: list[float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_order("jitter", times)
