"""A photograph's dream: what the page asked for, as a job of the one door."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.jobs.door import prepare
from reverie.jobs.job import Job, Run
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks
from reverie.recipe.presets import find_preset
from reverie.recipe.request import Request, make_recipe, suiting_preset
from reverie.settings import Settings
from reverie.studio.asking import Asked, DreamAsked, command_of, take_up
from reverie.studio.dreams import Dream
from reverie.studio.restoring import differing

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


@dataclass(frozen=True)
class DreamTask:
    """A photograph to dream, and its place in the gallery."""

    asked: Asked
    target: Path | None
    device: str
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def recipe(self) -> Request:
        """What shall be made; it becomes a recipe once the network is there."""
        return self.asked.request


def prepare_dream(task: DreamTask, *, models: Networks | None = None) -> Run:
    """The run of a dream; the network is loaded here. Raises what `prepare` raises."""
    models, request = models or Networks(), task.asked.request
    model = models.load(request.model, request.settings.seed)
    recipe = make_recipe(request, task.asked.name, model)
    run = prepare(Job(recipe, task.target, request.memory, task.device), models=models)
    if isinstance(run, MemoryRun):
        run.keep_octaves()
    return run


def start_dream(body: DreamAsked, state: dict[str, Any], workshop: Workshop) -> Dream:
    """Puts a dream in the line. `state` is what the page asked for, as it said it."""
    asked = take_up(body, workshop)
    target = workshop.gallery.reserve(f"{Path(asked.title).stem}-dream")
    task = DreamTask(asked, target, workshop.options.device)
    dream = workshop.dreams.start("dream", asked.title, task, prepare_dream, state)
    dream.result["command"] = command_of(asked.request, asked.name, said_settings(asked.request))
    return dream


def said_settings(request: Request) -> dict[str, Any]:
    """The settings of a request that the command line would not choose by itself."""
    wishes = [own or request.objective for _, own in request.masks] or [request.objective]
    usual = Settings.of(find_preset(suiting_preset(wishes, bool(request.guides))).settings)
    return differing({**Settings().as_dict(), **request.settings.as_dict()}, usual.as_dict())


def restyle(dream: Dream, settings: dict[str, Any]) -> None:
    """Changes how strong a finished dream is, or which sizes of features are shown; nothing is dreamed again."""
    run: Any = dream.ticket.run
    run.restyle(**settings)


def save_again(dream: Dream) -> None:
    """Writes a dream that was changed in the place of what it was."""
    run: Any = dream.ticket.run
    task = dream.ticket.job
    if run is not None and task.target is not None:
        run.save(task.target)


def shrink(request: Request, side: int) -> Request:
    """The request for a picture whose longest side is so many pixels."""
    return replace(request, settings=replace(request.settings, size=side))
