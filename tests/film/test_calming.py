"""Calmed pictures do not flash."""

from __future__ import annotations

import itertools

import torch

from reverie.film.calming import SLOWEST, calm_picture


def test_a_strobe_becomes_a_slow_change() -> None:
    before, means = None, []
    for number in range(20):
        picture, before = calm_picture(torch.full((1, 3, 45, 80), float(number % 2)), before, rate=25)
        means.append(float(picture.mean()))
    changes = [abs(after - early) for early, after in itertools.pairwise(means)]
    assert max(changes) <= SLOWEST / 25 + 1e-3


def test_what_changes_slowly_stays_as_it_is() -> None:
    photo = torch.rand(1, 3, 45, 80, generator=torch.Generator().manual_seed(1)) * 0.5
    _, before = calm_picture(photo, None, rate=25)
    calmed, _ = calm_picture(photo + 0.01, before, rate=25)
    assert torch.allclose(calmed, photo + 0.01, atol=1e-6)
