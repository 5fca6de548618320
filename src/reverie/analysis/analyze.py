"""The whole analysis, in the order it happens."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reverie._native.memory import peak_memory
from reverie.analysis.climb import Climb, Watch, climbed, shown
from reverie.analysis.flops import Flops, flops_of_step
from reverie.analysis.layers import LayerStatistics, layer_statistics
from reverie.analysis.machine import machine
from reverie.analysis.parameters import Parameters
from reverie.analysis.timing import Timing, timed
from reverie.analysis.variants import Variant
from reverie.errors import MissingExtra, SettingsError
from reverie.gradient.base import score_of
from reverie.image.resample import image_size, sized
from reverie.objectives.base import Objective
from reverie.settings import Settings
from reverie.types import Image

log = logging.getLogger("reverie")

AT = (0, 100, 200, 300)
"""The steps whose pictures the paper prints."""
TURNS = 7


@dataclass(frozen=True)
class Plan:
    """What to analyze: the objective, how it is dreamed, at which steps to keep the picture, how long to time."""

    wish: Objective
    settings: Settings = field(default_factory=Settings)
    at: tuple[int, ...] = AT
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
    plan: Plan
    parameters: Parameters
    photos: tuple[PhotoAnalysis, ...]
    timings: tuple[Timing, ...]
    flops: Flops | None
    machine: Mapping[str, Any]
    memory: int | None


def analyze(
    photos: Mapping[str, Image],
    variants: Sequence[Variant],
    plan: Plan,
    watch: Callable[[str, Image], Watch] = lambda name, image: iter,
) -> Analysis:
    """Dreams every photo (name -> (1, 3, h, w), 0..1) with the first variant and times all of them on the first photo.

    `watch(name, image)` may follow the steps of a photo's dream. Raises `MissingExtra` without matplotlib, which the
    report will need, `SettingsError` for a photo of several images, and what a dream raises.
    """
    require_matplotlib()
    first = variants[0].model
    score_of(first, plan.wish)  # refuses a layer that the network lacks
    images = {name: sized(image.to(first.device), plan.settings.size) for name, image in photos.items()}
    dreamed = tuple(
        photo_analysis(name, image, variants[0], plan, watch(name, image)) for name, image in images.items()
    )
    image = next(iter(images.values()))
    log.info("timing %s", ", ".join(variant.name for variant in variants))
    flops = flops_of_step(first, plan.wish, image)
    memory = [peak_memory()]  # before each variant begins a peak of its own
    timings = tuple(timed(variants, image, plan.wish, plan.settings, plan.turns))
    return Analysis(
        model=first.name,
        digest=first.digest,
        plan=plan,
        parameters=Parameters.of(first),
        photos=dreamed,
        timings=timings,
        flops=flops,
        machine=machine({variant.engine for variant in variants}),
        memory=max((peak for peak in [*memory, peak_memory(), *held(timings)] if peak), default=None),
    )


def photo_analysis(name: str, image: Image, variant: Variant, plan: Plan, watch: Watch) -> PhotoAnalysis:
    if len(image) != 1:
        raise SettingsError(f"{name} holds {len(image)} images; expected one")
    log.info("dreaming %s with %s", name, variant.name)
    statistics = layer_statistics(variant.model, image, plan.wish.layers)
    climb = climbed(variant.model, image, plan.wish, plan.settings, plan.at, watch)
    return PhotoAnalysis(name, image_size(image), shown(image), tuple(statistics), climb)


def held(timings: Sequence[Timing]) -> list[int | None]:
    """What the process held while variants warmed up that do not keep their memory on a graphics card."""
    return [timing.memory for timing in timings if not timing.device.startswith("cuda")]


def require_matplotlib() -> None:
    """At the start of the work, not after an hour of it."""
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        raise MissingExtra("reverie analyze", "analysis") from None
