"""A network looked at: loaded in the queue, to see whether weights fit it, what it is made of and what it dreams of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reverie.errors import ReverieError, WeightsError
from reverie.jobs.job import Progress
from reverie.jobs.networks import Networks
from reverie.models.catalog import DEFAULT_MODEL, RANDOM_WEIGHTS
from reverie.models.describe import describe_model, sum_parameters
from reverie.models.load import load_model
from reverie.models.spec import ModelSpec
from reverie.objectives.default import default_objective
from reverie.studio.asking import check_network
from reverie.studio.runs import ShownRun

if TYPE_CHECKING:
    from reverie.studio.dreams import Dream
    from reverie.studio.workshop import Workshop


class LookAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network to look at. `weights` is the key of a file that was dropped; None: what it is built of is told."""

    model: str = DEFAULT_MODEL
    weights: str | None = None


@dataclass(frozen=True)
class LookTask:
    """A network and a file of weights for it, or None; `title` is what its visitor called the file.

    `told` is filled in once it is looked at.
    """

    recipe: ModelSpec
    title: str = ""
    target: Path | None = None
    told: dict[str, Any] = field(default_factory=dict)


class LookRun(ShownRun):
    """The run of a look: there are no steps in it."""

    def __iter__(self) -> Iterator[Progress]:
        return iter(())


def prepare_look(task: LookTask, *, models: Networks | None = None) -> LookRun:
    """Looks at a network. It is loaded with the file, or with random weights: nothing is downloaded to look at it.

    Raises `WeightsError` for a file that does not fit, and what `load_model` raises.
    """
    spec = task.recipe
    try:
        model = load_model(spec)
    except WeightsError as error:
        words = str(error).replace(str(spec.weights), task.title or str(spec.weights))
        raise WeightsError(words if task.title in words else f"{task.title}: {words}") from None
    rows, blocks = describe_model(model)
    task.told["network"] = {
        "name": spec.name,
        "objective": find_default(model),
        "parameters": sum_parameters(blocks)["trainable"],
        "layers": rows,
    }
    return LookRun(task)


def find_default(model: Any) -> str:
    """What a network dreams of unless told; empty where it has to be told."""
    try:
        return default_objective(model)
    except ReverieError:
        return ""


def start_look(asked: LookAsked, workshop: Workshop) -> Dream:
    """Puts a look at a network in the line."""
    check_network(asked.model)
    file = None if asked.weights in (None, RANDOM_WEIGHTS) else workshop.uploads.find(str(asked.weights))
    weights = RANDOM_WEIGHTS if file is None else str(file.path)
    spec = ModelSpec(asked.model, weights)
    task = LookTask(spec, file.name if file else "")
    dream = workshop.dreams.start("network", asked.model, task, prepare_look, {})
    dream.result = task.told
    return dream
