"""Surprise me: a sheet of small dreams of one photograph, their wishes and settings drawn by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.image.resample import limit_longest_side
from reverie.jobs.door import prepare
from reverie.jobs.job import Job, Progress
from reverie.jobs.networks import Networks
from reverie.jobs.surprise import apply_surprise
from reverie.models.layer_names import list_main_layers
from reverie.models.receptive_field import measure_geometry
from reverie.recipe.request import Request, make_recipe
from reverie.recipe.surprise import Surprise, draw_surprises
from reverie.studio.asking import Asked, DreamAsked, take_up
from reverie.studio.dreaming import shrink
from reverie.studio.dreams import Dream
from reverie.studio.pictures import as_data_url, encode_jpeg
from reverie.studio.runs import ShownRun

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

SIDE, SHOWN = 320, 320
"""The longest side that tries are dreamed at, and shown at, in pixels."""


@dataclass(frozen=True)
class TriesTask:
    """So many tries of a photograph. `parts` are those that are made."""

    asked: Asked
    count: int
    seed: int
    device: str
    target: Path | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def recipe(self) -> Request:
        """What they all begin from."""
        return self.asked.request


class TriesRun(ShownRun):
    """Tries, one after another, in memory: nothing is written."""

    def __init__(self, task: TriesTask, models: Networks, surprises: list[Surprise]) -> None:
        super().__init__(task)
        self.asked, self.parts, self.device = task.asked, task.parts, task.device
        self.models, self.surprises = models, surprises

    def __iter__(self) -> Iterator[Progress]:
        for number in range(len(self.parts), len(self.surprises)):
            yield from self.make(number)

    def make(self, number: int) -> Iterator[Progress]:
        """One of the tries."""
        drawn, count = self.surprises[number], len(self.surprises)
        request = apply_surprise(shrink(self.asked.request, SIDE), drawn)
        model = self.models.load(request.model, request.settings.seed)
        recipe = make_recipe(request, self.asked.name, model)
        run = prepare(Job(recipe, None, request.memory, self.device), models=self.models)
        for progress in run:
            share = (number + progress.share) / count
            yield replace(progress, share=share, place=f"try {number + 1}/{count}")
        self.picture = limit_longest_side(run.image(), SHOWN)
        picture = as_data_url(encode_jpeg(self.picture))
        told = {"objective": request.objective or "", "settings": dict(drawn.settings)}
        self.parts.append({"number": number, "picture": picture, **told})


def prepare_tries(task: TriesTask, *, models: Networks | None = None) -> TriesRun:
    """The run of tries; the network is loaded here."""
    models, request = models or Networks(), task.asked.request
    model = models.load(request.model, request.settings.seed)
    drawn = draw_surprises(measure_geometry(model, list_main_layers(model)), task.seed, task.count)
    return TriesRun(task, models, drawn)


def start_tries(body: DreamAsked, count: int, seed: int, workshop: Workshop) -> Dream:
    """Puts a sheet of tries in the line: the photograph and the network are the page's, all else is drawn."""
    asked = take_up(DreamAsked(input=body.input, model=body.model, weights=body.weights, engine=body.engine), workshop)
    task = TriesTask(asked, count, seed, workshop.options.device)
    return workshop.dreams.start("tries", asked.title, task, prepare_tries, {})
