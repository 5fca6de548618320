"""What came into sight lately has steps of its own, and nothing else is changed by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import reverie as rv
from reverie.film.flow import Motion
from reverie.film.frame_dream import FrameDreamer
from reverie.film.freshness import MOST, Freshness, age, confine_wish, count_more_steps, to_mask
from reverie.film.keyframes.moments import Moment
from reverie.objectives.masks import Regions
from reverie.objectives.parser import objective


def motion(trust: float, right: float = 0) -> Motion:
    """All of a small frame comes from so many pixels further right."""
    offsets = np.zeros((8, 10, 2), np.float32)
    offsets[..., 0] = right
    return Motion(offsets, np.full((8, 10), trust, np.float32))


def spot() -> Freshness:
    fresh = np.zeros((8, 10), np.float32)
    fresh[4, 5] = 1
    return fresh


def test_what_cannot_be_trusted_is_new_and_grows_old() -> None:
    fresh = age(None, motion(0))
    assert (fresh == 1).all()
    older = age(fresh, motion(1))
    assert (older < fresh).all() and (age(older, motion(1)) < older).all()
    assert (age(older, motion(0)) == 1).all()


def test_freshness_moves_along() -> None:
    moved = age(spot(), motion(1, right=2))
    assert moved[4, 3] > 0.9 and np.count_nonzero(moved) == 1


def test_more_steps_come_with_more_that_is_fresh_up_to_a_limit() -> None:
    counts = [count_more_steps(np.full((8, 10), share, np.float32), 3) for share in (0, 0.01, 0.1, 0.3, 0.9, 1)]
    assert counts == sorted(counts) and counts[0] == counts[1] == 0 and counts[-1] == counts[-2] == MOST * 3
    assert count_more_steps(np.ones((8, 10), np.float32), 0) == 0


def test_own_masks_are_confined() -> None:
    own, left = objective("fire2^2"), torch.zeros(1, 1, 4, 5)
    left[..., :2] = 1
    right = to_mask(np.ones((8, 10), np.float32)) * (torch.arange(10) > 5)
    ((_, mask),) = confine_wish(Regions(((own, left),)), right, rv.Settings()).regions
    assert mask.shape == right.shape and not mask.round(decimals=4).any()


@pytest.mark.bundled
def test_nothing_is_dreamed_outside() -> None:
    photo = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1))
    where = torch.zeros(1, 1, 40, 48)
    where[..., 10:30, 20:40] = 1
    recipe = rv.Recipe("film.mp4", objective="fire2^2", settings=rv.Settings(octaves=2, steps=2, feather=0.1))
    dreamer = FrameDreamer(recipe, rv.Networks(), "cpu")
    dreamed = dreamer.dream(photo, torch.zeros_like(photo), Moment({}, {}), {}, where)
    assert torch.equal(
        (dreamed != photo).any(1, keepdim=True) & (where == 0), torch.zeros(1, 1, 40, 48, dtype=torch.bool)
    )
    assert not torch.equal(dreamed, photo)
