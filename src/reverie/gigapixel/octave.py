"""One octave of a picture on disk: one pass over its blocks, each dreamed through all steps, then faded together."""

from __future__ import annotations

import itertools
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent import ascend
from reverie.composition import styled
from reverie.gigapixel.blocks import Blocks, shared
from reverie.gigapixel.parts import Parts, recording, replaying, sample, shifts, together
from reverie.gigapixel.raster import Raster, Span, drafted, rectangles
from reverie.gigapixel.resampling import window
from reverie.gigapixel.work import Work, write_whole
from reverie.nearness import kept, weight_of_keep
from reverie.objectives import Objective
from reverie.settings import Settings
from reverie.tiling import Window
from reverie.types import CHANGE, Image, Model

Scales = list[list[float]]
"""For every step what its gradient was measured by: each frequency band, then the whole."""

SAMPLES = 3
"""The scales are recorded on so many windows a side, spread over the picture: together they cost as much as a block."""

LEAST_SAMPLE = 128
"""Pixels a side below which a window says little about a picture."""


@dataclass(frozen=True, eq=False)
class Octave:
    """What is needed to dream any block of one octave: the same pixels, whoever does it and when."""

    number: int
    base: Raster
    before: Raster | None
    """The detail of the octave before, at its own size; None where nothing was dreamed yet."""
    work: Work
    parts: Parts
    settings: Settings
    keep: float = 0
    """How strongly every block stays near to the photograph."""

    @classmethod
    def of(
        cls,
        number: int,
        rasters: tuple[Raster, Raster | None],
        work: Work,
        wish: tuple[Model, Objective],
        settings: Settings,
    ) -> Octave:
        """An octave from the photograph at its size, and the detail of the one before."""
        model, objective = wish
        parts = Parts.of(model, objective.without(CHANGE), rasters[0].size, settings.jitter)
        return cls(number, *rasters, work, parts, settings, weight_of_keep(objective))

    @property
    def prefix(self) -> str:
        return f"{self.number:02d}-"

    @cached_property
    def blocks(self) -> Blocks:
        grid = math.lcm(self.parts.plan.step, 2 ** min(4, max(0, self.settings.laplacian_levels - 1)))
        return Blocks(self.base.size, self.work.block, grid)

    @cached_property
    def windows(self) -> list[tuple[Window, Window]]:
        return list(itertools.product(self.blocks.rows, self.blocks.columns))

    @cached_property
    def samples(self) -> list[tuple[Window, Window]]:
        """The windows on which the scales are recorded: the picture itself where it is one block."""
        if len(self.windows) == 1:
            return self.windows
        count = max(1, min(SAMPLES, self.work.block // LEAST_SAMPLE))
        return sample(*self.windows[0], self.work.block // count, self.blocks.step, count)

    @cached_property
    def style(self) -> Settings:
        """The settings, with no more frequency bands than the smallest window has."""
        least = min(high - low for pair in [*self.windows, *self.samples] for low, high in (each.seen for each in pair))
        bands = int(math.log2(max(1, least) / 4)) + 1 if least >= 4 else 1
        return replace(self.settings, laplacian_levels=min(self.settings.laplacian_levels, bands))

    def shifts(self) -> Iterator[tuple[int, int]]:
        return shifts(f"{self.settings.seed} {self.number}", self.settings.jitter, self.parts.room)

    def base_at(self, row: Window, column: Window) -> Image:
        return self.base.read(row.seen, column.seen)[:, :3].to(self.parts.model.device)

    def start(self, row: Window, column: Window) -> Image:
        """The photograph in a window, and what the octave before dreamed there."""
        base = self.base_at(row, column)
        if self.before is None:
            return base
        return (base + window(self.before, self.base.size, row.seen, column.seen).to(base.device)).clamp(0, 1)

    @cached_property
    def scales(self) -> Scales:
        """Recorded once, on the samples advanced together as if they were the picture; read back afterwards."""
        path = self.work.path(f"{self.prefix}scales.json")
        if not path.exists():
            write_whole(path, json.dumps(list(self.record())))
        found: Scales = json.loads(path.read_text("utf-8"))
        return found

    def record(self) -> Iterator[list[float]]:
        pairs = self.samples
        scales: list[float] = []
        canvas = torch.cat([self.start(*pair) for pair in pairs])
        gradient = together([self.parts.gradient(*pair, self.shifts()) for pair in pairs])
        gradient = styled(gradient, self.style, recording(scales, 0 if pairs == self.windows else 1 / 8))
        gradient = kept(gradient, torch.cat([self.base_at(*pair) for pair in pairs]), self.keep)
        share = canvas.shape[0] * canvas.shape[2] * canvas.shape[3] / (self.base.height * self.base.width)
        for step in ascend(canvas, gradient, self.settings.steps, self.settings.step_size):
            yield scales.copy()
            scales.clear()
            if self.settings.max_score is not None and float(step.score.sum()) / share > self.settings.max_score:
                break

    def block(self, row: int, column: int) -> Raster:
        """Where the detail of a block is kept."""
        y, x = self.blocks.rows[row].seen, self.blocks.columns[column].seen
        path = self.work.path(f"{self.prefix}block-{row:04d}-{column:04d}.raw")
        return Raster(path, y[1] - y[0], x[1] - x[0], 3, "int16")

    def places(self) -> Iterable[tuple[int, int]]:
        """The blocks by row and column."""
        return itertools.product(range(len(self.blocks.rows)), range(len(self.blocks.columns)))

    def dream(self, row: int, column: int) -> None:
        """Dreams one block into its file, unless it is there."""
        block = self.block(row, column)
        if not block.there:
            detail = self.dreamed(self.blocks.rows[row], self.blocks.columns[column])
            with drafted(block) as draft:
                draft.write((0, block.height), (0, block.width), detail)

    def dreamed(self, row: Window, column: Window) -> Image:
        """What is dreamed in a window: the canvas after all steps, less the photograph."""
        gradient = self.parts.gradient(row, column, self.shifts())
        gradient = styled(gradient, self.style, replaying(itertools.chain.from_iterable(self.scales)))
        base = self.base_at(row, column)
        gradient = kept(gradient, base, self.keep)
        steps = ascend(self.start(row, column), gradient, len(self.scales), self.settings.step_size)
        return deque(steps, maxlen=1)[0].image - base

    def assemble(self, detail: Raster) -> None:
        """The blocks, all there, faded into one raster."""
        with drafted(detail) as draft:
            for row, column in self.places():
                owned = self.blocks.rows[row].owned, self.blocks.columns[column].owned
                for rows, columns in rectangles((owned[0][1] - owned[0][0], owned[1][1] - owned[1][0]), 1024):
                    span = moved(rows, owned[0][0]), moved(columns, owned[1][0])
                    draft.write(*span, self.faded(row, column, span))

    def faded(self, row: int, column: int, span: tuple[Span, Span]) -> Float[Tensor, "1 3 h w"]:
        """A rectangle that a block owns, its neighbors faded in."""
        (top, bottom), (left, right) = span
        total = torch.zeros(1, 3, bottom - top, right - left)
        for y, x in itertools.product(around(row, self.blocks.rows), around(column, self.blocks.columns)):
            windows = self.blocks.rows[y], self.blocks.columns[x]
            rows, columns = shared(windows[0], span[0]), shared(windows[1], span[1])
            if rows and columns:
                starts = windows[0].seen[0], windows[1].seen[0]
                down = self.blocks.fade(windows[0])[slice(*moved(rows, -starts[0]))]
                across = self.blocks.fade(windows[1])[slice(*moved(columns, -starts[1]))]
                part = self.block(y, x).read(moved(rows, -starts[0]), moved(columns, -starts[1]))
                place = total[..., slice(*moved(rows, -top)), slice(*moved(columns, -left))]
                place += part * down[:, None] * across
        return total


def moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by


def around(number: int, windows: list[Window]) -> range:
    """A block's number and those of its neighbors."""
    return range(max(0, number - 1), min(len(windows), number + 2))
