"""The score of a picture on disk: the sum over its windows, every neuron counted once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch

from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.raster import Span
from reverie.gradient.base import make_score_function
from reverie.gradient.tiling import TilePlan, Window
from reverie.objectives.base import Objective
from reverie.objectives.penalties import KeepTerm, sum_keep_weights
from reverie.types import CHANGE_LAYER, Image

ReadRectangle = Callable[[Span, Span], Image]
"""read(rows, columns) -> a rectangle of a picture, (1, 3, h, w)."""


def score_on_disk(job: DiskDream, read: ReadRectangle, photo: ReadRectangle) -> float | None:
    """The score of a picture of the job's size, computed in windows no larger than its blocks; None if NaN or inf.

    read: the picture whose score it is.
    photo: the photograph, which the penalty `keep` compares it with.

    It equals the score of the whole picture if a receptive field reaches no farther than a quarter of a block to
    either side.
    """
    objective = job.objective.objective.resolved(job.model)
    plan = TilePlan.of(job.model, objective.without(CHANGE_LAYER), job.block, job.block // 4)
    grids, keep, total = plan.grids(job.model, *job.size), sum_keep_weights(objective), 0.0
    for row, column in itertools.product(*map(plan.windows, job.size)):
        owned_terms = Objective(tuple(plan.shares(objective.without(CHANGE_LAYER), grids, row, column)))
        if owned_terms.terms:
            with torch.no_grad():
                total += float(
                    make_score_function(job.model, owned_terms)(read(row.seen, column.seen).to(job.model.device))
                )
        if keep:
            place = clip_owned_span(row), clip_owned_span(column)
            change = read(*place) - photo(*place)
            # its share of the mean over the picture
            total += keep * float(KeepTerm()(change)) * change[0, 0].numel() / math.prod(job.size)
    return total if math.isfinite(total) else None


def clip_owned_span(window: Window) -> Span:
    """The pixels that a window owns, clipped to the picture: the last window may own a length beyond its end."""
    return window.owned[0], min(window.owned[1], window.side)
