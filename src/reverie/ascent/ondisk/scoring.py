"""What a picture on disk scores: the sum of what each window contributes, every neuron counted once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch

from reverie.ascent.ondisk.disk_dream import Job
from reverie.ascent.ondisk.raster import Span
from reverie.gradient.base import score_of
from reverie.gradient.tiling import Plan, Window
from reverie.objectives.base import Objective
from reverie.objectives.penalties import KeepTerm, weight_of_keep
from reverie.types import CHANGE, Image

Read = Callable[[Span, Span], Image]
"""A rectangle of a picture."""


def score_on_disk(job: Job, read: Read, photo: Read) -> float | None:
    """The score of a picture of the job's size, in windows no larger than its blocks; None where it is no number.

    `photo` is what `keep` keeps near to. It is that of the whole picture if a quarter of a block shows all that a
    neuron sees.
    """
    wish = job.objective.objective.resolved(job.model)
    plan = Plan.of(job.model, wish.without(CHANGE), job.block, job.block // 4)
    grids, keep, total = plan.grids(job.model, *job.size), weight_of_keep(wish), 0.0
    for row, column in itertools.product(*map(plan.windows, job.size)):
        own = Objective(tuple(plan.shares(wish.without(CHANGE), grids, row, column)))
        if own.terms:
            with torch.no_grad():
                total += float(score_of(job.model, own)(read(row.seen, column.seen).to(job.model.device)))
        if keep:
            place = owned(row), owned(column)
            change = read(*place) - photo(*place)
            total += keep * float(KeepTerm()(change)) * change[0, 0].numel() / math.prod(job.size)
    return total if math.isfinite(total) else None


def owned(window: Window) -> Span:
    """The pixels that a window owns, without those beyond the picture's end."""
    return window.owned[0], min(window.owned[1], window.side)
