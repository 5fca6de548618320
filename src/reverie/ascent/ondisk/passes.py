"""One pass over an octave of a picture on disk: gradient ascent on every block, then the blocks are blended.

In the order it happens: `scales` are recorded on a few sample windows; `dream` climbs one block and writes its detail;
`assemble` blends the details of all blocks into one raster.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native.files import write_file
from reverie.ascent.ondisk.blocks import Blocks, clip_to_window, neighboring_blocks, shift_span
from reverie.ascent.ondisk.masks import SoftMask
from reverie.ascent.ondisk.raster import Raster, Span, draft_raster, split_into_rectangles
from reverie.ascent.ondisk.regions import RIM_SHARE, Region, constant_weights
from reverie.ascent.ondisk.resampling import read_resized
from reverie.ascent.ondisk.window_gradient import (
    batch_gradients,
    center_window,
    choose_sample_windows,
    draw_grid_shifts,
    record_scales,
    replay_scales,
    select_inner_pixels,
    select_region_pixels,
)
from reverie.ascent.ondisk.workspace import Workspace
from reverie.ascent.steps import ascend
from reverie.gradient.compose import MeasureOverride, wrap_style
from reverie.gradient.keeping import kept
from reverie.gradient.masks import regional
from reverie.gradient.tiling import Window
from reverie.objectives.base import Objective
from reverie.settings import Settings
from reverie.types import Gradient, Image, Model

Scales = list[list[float]]
"""For every step, the scales by which the gradient was divided: for each region, of each frequency band and overall."""

SAMPLES_PER_SIDE = 3
"""Sample windows along each side, on which the scales are recorded: 3 x 3, which together cost as much as a block."""

PASSES_PER_OCTAVE = 3
"""Number of passes that share the steps of an octave; `blocks` says why there is more than one."""

MIN_SAMPLE_SIDE = 128
"""Smallest side of a sample window in pixels: a smaller one says little about a picture."""


@dataclass(frozen=True)
class Stage:
    """Which pass this is: its number among those of all octaves, from 0."""

    number: int

    @property
    def octave(self) -> int:
        """The octave's number, from 0."""
        return self.number // PASSES_PER_OCTAVE

    @property
    def part(self) -> int:
        """Which of the octave's passes it is, from 0."""
        return self.number % PASSES_PER_OCTAVE

    @property
    def prefix(self) -> str:
        """Prefix of the names of its files."""
        return f"{self.number:03d}-"

    def steps(self, whole: int) -> int:
        """How many of an octave's `whole` steps this pass takes."""
        return whole * (self.part + 1) // PASSES_PER_OCTAVE - whole * self.part // PASSES_PER_OCTAVE


@dataclass(frozen=True, eq=False)
class Pass:
    """All that is needed to dream any block of one pass: to the same pixels, in any order and in any process."""

    stage: Stage
    base: Raster
    """The photograph at the octave's size."""
    before: Raster | None
    """The detail of the pass before, at the size of its octave; None where nothing was dreamed yet."""
    work: Workspace
    regions: tuple[Region, ...]
    """Either one region without a mask, or any number of regions with masks."""
    settings: Settings

    @classmethod
    def of(
        cls,
        stage: Stage,
        rasters: tuple[Raster, Raster | None],
        work: Workspace,
        wish: tuple[Model, Sequence[tuple[Objective, SoftMask | None]]],
        settings: Settings,
    ) -> Pass:
        """A pass from `rasters` (`base`, `before`) and `wish` (the model, and each objective with its mask)."""
        model, objectives = wish
        size, jitter = rasters[0].size, settings.jitter
        regions = tuple(Region.of(model, objective, mask, size, jitter) for objective, mask in objectives)
        return cls(stage, *rasters, work, regions, settings)

    @property
    def steps(self) -> int:
        """How many steps this pass takes."""
        return self.stage.steps(self.settings.steps)

    @cached_property
    def blocks(self) -> Blocks:
        """How this pass cuts the octave: each pass has its borders elsewhere."""
        # Blocks begin where the grids of all layers do, and (up to 16 pixels) those of the Laplacian pyramid.
        steps = [region.parts.plan.step for region in self.regions]
        grid = math.lcm(*steps, 2 ** min(4, max(0, self.settings.laplacian_levels - 1)))
        return Blocks(self.base.size, self.work.block, grid, self.stage.part / PASSES_PER_OCTAVE)

    @cached_property
    def windows(self) -> list[tuple[Window, Window]]:
        """The blocks, row by row: (window of rows, window of columns) of each."""
        return list(itertools.product(self.blocks.rows, self.blocks.columns))

    @cached_property
    def samples(self) -> list[tuple[Window, Window]]:
        """Sample windows spread over the whole picture; the picture itself where it is one block."""
        if len(self.windows) == 1:
            return self.windows
        count = max(1, min(SAMPLES_PER_SIDE, self.work.block // MIN_SAMPLE_SIDE))
        return choose_sample_windows(*self.windows[0], self.work.block // count, self.blocks.step, count)

    @cached_property
    def measured_windows(self) -> list[tuple[Window, Window]]:
        """The samples, and about as many more windows on the regions, which may be small and lie between them."""
        if len(self.windows) == 1:
            return self.samples
        (row, column), step = self.samples[0], self.blocks.step
        down, across = (each.seen[1] - each.seen[0] for each in (row, column))
        masks, many = [each.mask for each in self.regions if each.mask is not None], len(self.samples)
        places = [place for mask in masks for place in mask.places(max(1, many // len(masks)))]
        more = [
            (center_window(y, down, row.side, step), center_window(x, across, column.side, step)) for y, x in places
        ]
        return list(dict.fromkeys([*self.samples, *more]))

    @cached_property
    def style(self) -> Settings:
        """The settings, with no more Laplacian levels than the smallest window can be halved to (4 pixels)."""
        least = min(high - low for pair in [*self.windows, *self.samples] for low, high in (each.seen for each in pair))
        bands = int(math.log2(max(1, least) / 4)) + 1 if least >= 4 else 1
        return replace(self.settings, laplacian_levels=min(self.settings.laplacian_levels, bands))

    def grid_shifts(self, padding: int) -> Iterator[tuple[int, int]]:
        """The jitter of each step, the same in every window of this pass."""
        return draw_grid_shifts(f"{self.settings.seed} {self.stage.number}", self.settings.jitter, padding)

    def read_base(self, row: Window, column: Window) -> Image:
        """The photograph in a window (1, 3, h, w), without alpha, on the model's device."""
        return self.base.read(row.seen, column.seen)[:, :3].to(self.regions[0].parts.model.device)

    def gradient(
        self,
        pairs: Sequence[tuple[Window, Window]],
        measured: Sequence[tuple[Region, MeasureOverride, MeasureOverride]],
    ) -> Gradient:
        """The gradient of a batch of windows; each region comes with the measures of its bands and of its whole."""
        photos = torch.cat([self.read_base(*pair) for pair in pairs])  # (n, 3, h, w)
        gradients, weights = [], []
        for region, bands, whole in measured:
            parts = region.parts
            # Each window of the batch has the neurons of its own place, and all have the same jitter.
            own = batch_gradients([parts.gradient(*pair, self.grid_shifts(parts.padding)) for pair in pairs])
            gradients.append(kept(wrap_style(own, self.style, bands, whole), photos, region.keep))
            weights.append(region.weights(pairs).to(photos.device))
        if all(region.mask is None for region, _, _ in measured):
            return gradients[0]
        return regional(gradients, [constant_weights(each) for each in weights])

    def start(self, row: Window, column: Window) -> Image:
        """The canvas (1, 3, h, w) of a window before the first step: the photograph plus the enlarged detail so far."""
        base = self.read_base(row, column)
        if self.before is None:
            return base
        return (base + read_resized(self.before, self.base.size, row.seen, column.seen).to(base.device)).clamp(0, 1)

    @cached_property
    def scales(self) -> Scales:
        """The scales of all steps: recorded once, on sample windows, and kept in a file for every later block."""
        path = self.work.path(f"{self.stage.prefix}scales.json")
        if not path.exists():
            write_file(path, json.dumps(list(self.record_steps())).encode())
        found: Scales = json.loads(path.read_text("utf-8"))
        return found

    def record_steps(self) -> Iterator[list[float]]:
        """Climbs the sample windows as one batch, as if they were the picture; yields the scales of each step."""
        pairs, count = self.measured_windows, len(self.samples)
        scales: list[float] = []
        canvas = torch.cat([self.start(*pair) for pair in pairs])
        # Frequency bands are measured on the samples of the whole picture, the overall scale where a region lies.
        bands = select_inner_pixels(count, 0 if pairs == self.windows else RIM_SHARE)
        wholes = [
            bands if region.mask is None else select_region_pixels(region.pixels_to_measure(pairs))
            for region in self.regions
        ]
        measured = [
            (region, record_scales(scales, bands), record_scales(scales, whole))
            for region, whole in zip(self.regions, wholes, strict=True)
        ]
        gradient = self.gradient(pairs, measured)
        # The score of the picture, for max_score: that of the samples over their share of its pixels.
        share = count * canvas.shape[2] * canvas.shape[3] / (self.base.height * self.base.width)
        for step in ascend(canvas, gradient, self.steps, self.settings.step_size):
            score = float(step.score[:count].sum()) / share
            ended = self.settings.max_score is not None and score > self.settings.max_score
            if ended and self.stage.part:  # the pass before ended with that step
                break
            yield scales.copy()
            scales.clear()
            if ended:
                break

    def region_scales(self, region: int) -> Iterator[float]:
        """The scales of one region, in the order in which its gradient asks for them."""
        for step in self.scales:
            each = len(step) // len(self.regions)
            yield from step[region * each : (region + 1) * each]

    def block(self, row: int, column: int) -> Raster:
        """The raster that holds the detail of a block."""
        y, x = self.blocks.rows[row].seen, self.blocks.columns[column].seen
        path = self.work.path(f"{self.stage.prefix}block-{row:04d}-{column:04d}.raw")
        return Raster(path, y[1] - y[0], x[1] - x[0], 3, "int16")

    def places(self) -> Iterable[tuple[int, int]]:
        """The (row, column) of every block."""
        return itertools.product(range(len(self.blocks.rows)), range(len(self.blocks.columns)))

    def dream(self, row: int, column: int) -> None:
        """Dreams one block and writes its detail to its file; does nothing if the file is complete."""
        block = self.block(row, column)
        if not block.there:
            detail = self.dream_window(self.blocks.rows[row], self.blocks.columns[column])
            with draft_raster(block) as draft:
                draft.write((0, block.height), (0, block.width), detail)

    def dream_window(self, row: Window, column: Window) -> Image:
        """The detail (1, 3, h, w) of a window: the canvas after all steps of this pass, less the photograph."""
        base, canvas = self.read_base(row, column), self.start(row, column)
        pair, measured = (row, column), []
        for number, region in enumerate(self.regions):
            if region.mask is None or bool(region.weights([pair]).any()):
                # One iterator for both: a region asks for the scales of its bands, then for its overall one.
                replayed = replay_scales(self.region_scales(number))
                measured.append((region, replayed, replayed))
        if not measured:
            return canvas - base
        gradient = self.gradient([pair], measured)
        for step in ascend(canvas, gradient, len(self.scales), self.settings.step_size):
            canvas = step.image
        return canvas - base

    def assemble(self, detail: Raster) -> None:
        """Blends the details of all blocks, which must be complete, into one raster."""
        with draft_raster(detail) as draft:
            for row, column in self.places():
                owned = self.blocks.rows[row].owned, self.blocks.columns[column].owned
                for rows, columns in split_into_rectangles(
                    (owned[0][1] - owned[0][0], owned[1][1] - owned[1][0]), 1024
                ):
                    span = shift_span(rows, owned[0][0]), shift_span(columns, owned[1][0])
                    draft.write(*span, self.blend_rectangle(row, column, span))

    def blend_rectangle(self, row: int, column: int, span: tuple[Span, Span]) -> Float[Tensor, "1 3 h w"]:
        """A rectangle that a block owns: the sum of its detail and its neighbors', each times its blending weight."""
        (top, bottom), (left, right) = span
        total = torch.zeros(1, 3, bottom - top, right - left)
        for y, x in itertools.product(
            neighboring_blocks(row, self.blocks.rows), neighboring_blocks(column, self.blocks.columns)
        ):
            windows = self.blocks.rows[y], self.blocks.columns[x]
            rows, columns = clip_to_window(windows[0], span[0]), clip_to_window(windows[1], span[1])
            if rows and columns:
                starts = windows[0].seen[0], windows[1].seen[0]
                down = self.blocks.fade(windows[0])[slice(*shift_span(rows, -starts[0]))]
                across = self.blocks.fade(windows[1])[slice(*shift_span(columns, -starts[1]))]
                part = self.block(y, x).read(shift_span(rows, -starts[0]), shift_span(columns, -starts[1]))
                place = total[..., slice(*shift_span(rows, -top)), slice(*shift_span(columns, -left))]
                place += part * down[:, None] * across
        return total
