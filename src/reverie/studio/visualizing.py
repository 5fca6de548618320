"""What a wish looks like by itself, from noise, as a job of the one door."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.jobs.places import name_wish
from reverie.jobs.plans import plan_visualization
from reverie.models.catalog import DEFAULT_MODEL
from reverie.models.spec import ModelSpec
from reverie.objectives.blending import read_wishes
from reverie.settings import VisualSettings
from reverie.studio.asking import check_network, find_weights
from reverie.studio.dreams import Dream
from reverie.studio.refusals import NotAllowed

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


class VisualAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page asks for: a wish, a network, and the settings that it changed."""

    objective: str
    model: str = DEFAULT_MODEL
    weights: str | None = None
    engine: str = ModelSpec.engine
    settings: dict[str, Any] = {}


def start_visualization(asked: VisualAsked, state: dict[str, Any], workshop: Workshop) -> Dream:
    """Puts the picture of a wish in the line. Raises `NotAllowed`, `NotThere`, `WordingError`, `SettingsError`."""
    check_network(asked.model)
    if any(wish.files for wish in read_wishes(asked.objective)):
        raise NotAllowed("a wish with files is shown by `reverie visualize`: leave out the guide")
    device = workshop.options.device
    spec = ModelSpec(asked.model, find_weights(asked.weights, workshop), asked.engine, device)
    target = workshop.gallery.reserve(name_wish(asked.objective))
    job = plan_visualization(asked.objective, spec, VisualSettings.of(asked.settings), target)
    return workshop.dreams.start("visualize", asked.objective, replace(job, allow_code=False), prepare_safely, state)


def prepare_safely(job: Job, **how: Any) -> Any:
    """The run of a job; as the door makes it."""
    return prepare(job, **how)
