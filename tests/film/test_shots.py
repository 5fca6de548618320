"""Shots and segments: every frame once, in order, at fixed places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reverie.film.shots import SEGMENT, derive_seed, list_shots, plan_segments


@given(count=st.integers(1, 400), cuts=st.sets(st.integers(1, 399)))
def test_every_frame_is_in_one_segment_of_one_shot(count: int, cuts: set[int]) -> None:
    own = sorted(cut for cut in cuts if cut < count)
    segments = plan_segments(own, count)
    frames = [number for each in segments for number in range(each.first, each.first + each.count)]
    assert frames == list(range(count))
    assert all(0 < each.count <= SEGMENT for each in segments)
    assert [each.number for each in segments] == list(range(len(segments)))
    assert [each.first for each in segments if each.opens] == [0, *own]
    shots = list_shots(segments)
    assert len(shots) == len(own) + 1 and [each for shot in shots for each in shot] == segments


def test_segments_of_a_shot_do_not_depend_on_what_follows_it() -> None:
    assert plan_segments([100], 200)[:3] == plan_segments([100, 150], 300)[:3]


def test_a_seed_is_made_of_the_run_and_the_frame() -> None:
    seeds = {derive_seed(seed, number) for seed in range(3) for number in range(50)}
    assert len(seeds) == 150 and all(0 <= seed < 2**63 for seed in seeds)
