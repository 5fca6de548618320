"""What came into sight lately: it has been dreamed less than the rest, and is dreamed more until it has caught up."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from reverie.film.flow import Motion, place_of, sample
from reverie.gradient.masks import fit_mask
from reverie.objectives.base import Objective
from reverie.objectives.masks import Mask, Regions
from reverie.settings import Settings

Freshness: TypeAlias = NDArray[np.float32]
"""How new each pixel of a frame is, (h, w): 1 where it has just come into sight, toward 0 with every frame since."""

AGING = 0.95
"""What a frame leaves of the freshness: within a second of film little is left."""

LEAST, EACH, MOST = 0.02, 0.2, 2
"""More steps by the mean freshness of a frame: none below LEAST, as many again for every EACH, MOST times at most.

Most frames of most films are below: borders and the outlines of what moves catch up by themselves.
"""

FAINT = 0.05
"""The freshness below which a pixel is not dreamed again."""


def age(fresh: Freshness | None, motion: Motion, around: bool = False) -> Freshness:
    """The freshness after a motion: what was new is older, and what the motion cannot be trusted for is new."""
    came: Freshness = 1 - motion.trust
    if fresh is None:
        return came
    moved = sample(fresh, *place_of(motion.offsets), linear=True, around=around)
    return np.asarray(came + motion.trust * np.float32(AGING) * moved, np.float32)


def count_more_steps(fresh: Freshness, steps: int) -> int:
    """How many steps, beside those of every frame, what is fresh needs."""
    share = float(fresh.mean())
    return 0 if share < LEAST else round(steps * min(MOST, share / EACH))


def to_mask(fresh: Freshness) -> Mask:
    """The freshness as a mask (1, 1, h, w)."""
    mask = torch.from_numpy(fresh)[None, None]
    return mask * (mask >= FAINT)


def confine_wish(wish: Objective | Regions, mask: Mask, settings: Settings) -> Regions:
    """A wish for the pixels of a mask alone; its own masks, feathered already, are confined to it."""
    if isinstance(wish, Objective):
        return Regions(((wish, mask),))
    size = mask.shape[-2], mask.shape[-1]
    return Regions(
        tuple((own, fit_mask(each, size, settings.feather, settings.around) * mask) for own, each in wish.regions)
    )
