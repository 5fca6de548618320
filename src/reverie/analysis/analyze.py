"""The whole analysis, in the order it happens."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reverie._native.memory import peak_memory
from reverie.analysis.climb import Climb, record_climb, shrink_for_page
from reverie.analysis.flops import Flops, count_step_flops
from reverie.analysis.layers import LayerStatistics, measure_layers
from reverie.analysis.machine import inspect_machine
from reverie.analysis.parameters import Parameters
from reverie.analysis.timing import Timing, time_variants
from reverie.analysis.variants import Variant
from reverie.errors import MissingExtra, SettingsError
from reverie.image.resample import image_size
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.outcomes import Watch
from reverie.recipe.inputs import whole_objective
from reverie.settings import Settings
from reverie.types import Image

log = logging.getLogger("reverie")

SNAPSHOT_STEPS = (0, 100, 200, 300)
"""The steps whose pictures the paper prints."""
TURNS = 7


@dataclass(frozen=True)
class AnalysisPlan:
    """What to measure: at which steps of each octave to keep the picture, and in how many turns to time a step."""

    at: tuple[int, ...] = SNAPSHOT_STEPS
    turns: int = TURNS

    def __post_init__(self) -> None:
        for step in self.at:
            if step < 0:
                raise SettingsError(f"at is {step}; expected 0 (where an octave begins) or more")
        if not 1 <= self.turns <= 10_000:
            raise SettingsError(f"turns is {self.turns}; expected 1 to 10000")


@dataclass(frozen=True, eq=False)
class PhotoAnalysis:
    """One photo: what the layers answer to it, and how its dream climbs. `picture` is it, small enough for a page."""

    name: str
    size: tuple[int, int]
    picture: Image
    layers: tuple[LayerStatistics, ...]
    climb: Climb


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything a report tells."""

    model: str
    digest: str
    objective: str
    settings: Settings
    plan: AnalysisPlan
    parameters: Parameters
    photos: tuple[PhotoAnalysis, ...]
    timings: tuple[Timing, ...]
    flops: Flops | None
    machine: Mapping[str, Any]
    memory: int | None


def analyze_runs(
    runs: Mapping[str, MemoryRun], variants: Sequence[Variant], plan: AnalysisPlan, watch: Watch = iter
) -> Analysis:
    """Dreams every photo by its run, made with the first variant, and times all variants on the first photo.

    `runs` by what a page calls the photos. `watch` reads a run's progress. Raises
    `MissingExtra` without matplotlib, which the report will need, and what a dream raises.
    """
    require_matplotlib()
    dreamed = tuple(analyze_photo(name, run, variants[0], plan, watch) for name, run in runs.items())
    first = next(iter(runs.values()))
    log.info("timing %s", ", ".join(variant.name for variant in variants))
    flops = count_step_flops(first.model, whole_objective(first.recipe).resolved(first.model), first.start)
    memory = [peak_memory()]  # before each variant begins a peak of its own
    timings = tuple(time_variants(variants, first, plan.turns))
    return Analysis(
        model=first.model.name,
        digest=first.model.digest,
        objective=words_of(first),
        settings=first.recipe.settings,
        plan=plan,
        parameters=Parameters.of(first.model),
        photos=dreamed,
        timings=timings,
        flops=flops,
        machine=inspect_machine({variant.engine for variant in variants}),
        memory=max((peak for peak in [*memory, peak_memory(), *find_host_memory_peaks(timings)] if peak), default=None),
    )


def words_of(run: MemoryRun) -> str:
    """What a run dreams of, in words; of regions, region by region."""
    wishes = run.recipe.wishes
    return wishes if isinstance(wishes, str) else "; ".join(f"{file}: {words}" for file, words in wishes.items())


def analyze_photo(name: str, run: MemoryRun, variant: Variant, plan: AnalysisPlan, watch: Watch) -> PhotoAnalysis:
    """What the layers answer to one photo, and how its dream climbs."""
    log.info("dreaming %s with %s", name, variant.name)
    layers = whole_objective(run.recipe).resolved(run.model).layers
    statistics = measure_layers(run.model, run.start, layers)
    climb = record_climb(run, plan.at, watch)
    return PhotoAnalysis(name, image_size(run.start), shrink_for_page(run.start), tuple(statistics), climb)


def find_host_memory_peaks(timings: Sequence[Timing]) -> list[int | None]:
    """What the process held while variants warmed up that do not keep their memory on a graphics card."""
    return [timing.memory for timing in timings if not timing.device.startswith("cuda")]


def require_matplotlib() -> None:
    """At the start of the work, not after an hour of it."""
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        raise MissingExtra("reverie analyze", "analysis") from None
