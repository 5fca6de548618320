"""Octaves and frequency bands: what is taken apart comes together again, and the sizes are those asked for."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reverie.ascent.octaves import SMALLEST_SIDE, octave_sizes
from reverie.image.pyramid import merge_laplacian, split_laplacian

sides = st.integers(1, 70)


@given(sides, sides, st.integers(1, 8))
def test_split_then_merge_is_the_identity(height: int, width: int, levels: int) -> None:
    image = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height * width))
    bands = split_laplacian(image, levels)
    assert 1 <= len(bands) <= levels
    assert torch.allclose(merge_laplacian(bands), image, atol=1e-5)


def test_a_band_holds_what_the_coarser_ones_do_not() -> None:
    wave = torch.arange(64.0).expand(1, 3, 64, 64)
    for step, loudest in ((1, 0), (16, 3)):
        bands = split_laplacian(torch.sin(torch.pi * wave / step), 4) if step > 1 else split_laplacian((-1) ** wave, 4)
        strengths = [float(band.square().mean()) for band in bands]
        assert strengths.index(max(strengths)) == loudest


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.none() | st.integers(1, 12), st.floats(1.01, 5))
def test_octaves_grow_to_the_size_of_the_picture(size: tuple[int, int], octaves: int | None, scale: float) -> None:
    sizes = octave_sizes(size, octaves, scale)
    assert sizes[-1] == size
    assert sizes == sorted(set(sizes))
    assert min(min(each) for each in sizes) >= 1
    for small, large in itertools.pairwise(sizes):
        for side in (0, 1):
            assert abs(large[side] / scale - small[side]) <= 1 + 1 / scale or small[side] == 1


@given(st.tuples(st.integers(400, 4000), st.integers(400, 4000)), st.integers(1, 8), st.floats(1.2, 1.5))
def test_octaves_are_as_many_as_asked_for(size: tuple[int, int], octaves: int, scale: float) -> None:
    assert len(octave_sizes(size, octaves, scale)) == octaves


@given(st.integers(SMALLEST_SIDE, 4000), st.integers(SMALLEST_SIDE, 4000), st.floats(1.05, 2))
def test_uncounted_octaves_begin_at_about_the_smallest_side(height: int, width: int, scale: float) -> None:
    smallest = min(octave_sizes((height, width), None, scale)[0])
    assert SMALLEST_SIDE / scale**0.5 - 1 <= smallest <= SMALLEST_SIDE * scale**0.5 + 1


def test_a_small_picture_has_one_octave() -> None:
    assert octave_sizes((100, 3000), None, 1.3) == [(100, 3000)]
    assert octave_sizes((1, 1), 5, 1.3) == [(1, 1)]


@pytest.mark.parametrize("octaves", [None, 3, 5])
def test_larger_octaves_come_after_the_size_of_the_picture(octaves: int | None) -> None:
    sizes = octave_sizes((300, 400), octaves, 2.0, larger=2)
    assert sizes[-3:] == [(300, 400), (600, 800), (1200, 1600)]
    assert octaves is None or len(sizes) == octaves
