"""What a page asks for, as a request of a dream: words, settings, and files by the keys of what was dropped."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reverie.errors import SettingsError
from reverie.models.catalog import DEFAULT_MODEL, KERAS, RANDOM_WEIGHTS, names_code, names_keras_file
from reverie.models.spec import ModelSpec
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.recipe.request import Request, check_words, read_request
from reverie.studio.refusals import NotAllowed
from reverie.studio.uploads import Upload

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


class GuideAsked(msgspec.Struct, frozen=True):
    """A guide picture, by its key, and its weight."""

    key: str
    weight: float = 1.0


class MaskAsked(msgspec.Struct, frozen=True):
    """A mask, by its key, and the wish there; empty: that of the whole."""

    key: str
    objective: str = ""


class DreamAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page asks for. `input` is the key of a picture, or a film; None: the portrait that comes with Reverie.

    `settings` are those that the visitor changed; all else is the preset's.
    """

    input: str | None = None
    objective: str = ""
    preset: str = ""
    model: str = DEFAULT_MODEL
    weights: str | None = None
    engine: str = ModelSpec.engine
    settings: dict[str, Any] = {}
    guides: list[GuideAsked] = []
    guide_mean: bool = False
    masks: list[MaskAsked] = []


@dataclass(frozen=True)
class Asked:
    """A request whose files lie in the gallery, and are read from there alone."""

    request: Request
    name: str
    """What the recipe calls its input."""
    title: str
    """What its visitor called it."""

    @property
    def path(self) -> Path:
        """Where the input is."""
        return input_path(self.name)


def read_asked(body: Any, kind: type[Any]) -> Any:
    """A value of a `Struct` from what came as JSON; raises `SettingsError` for another shape."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"what was asked for cannot be read: {error}") from None


def take_up(asked: DreamAsked, workshop: Workshop) -> Asked:
    """The request, its inputs kept in the gallery. All that needs no network is checked here.

    Raises `NotThere` for a key that is none, `NotAllowed` for code and for files that nobody dropped, and what
    `read_request` and `check_words` raise.
    """
    uploads, gallery = workshop.uploads, workshop.gallery
    check_network(asked.model)
    source = None if asked.input is None else uploads.find(asked.input)
    own = asked.masks and all(each.objective.strip() for each in asked.masks)  # nothing is left for the whole's wish
    words: dict[str, Any] = {
        "model": asked.model,
        "weights": find_weights(asked.weights, workshop),
        "engine": asked.engine,
        "objective": None if own else asked.objective.strip() or None,
        "guide": [f"{each.weight}*{keep_picture(each.key, workshop)}" for each in asked.guides] or None,
        "guide_mean": asked.guide_mean or None,
        "mask": [(str(keep_picture(each.key, workshop)), each.objective.strip()) for each in asked.masks] or None,
    }
    request = read_request(words, asked.settings, asked.preset or None)
    check_words(request)
    check_files(request, workshop)
    request = replace(request, model=replace(request.model, device=workshop.options.device))
    if source is None:
        return Asked(request, EXAMPLE, "astronaut.jpg")
    return Asked(request, str(gallery.keep_input(source)), source.name)


def keep_picture(key: str, workshop: Workshop) -> Path:
    """Where a picture that was dropped is kept in the gallery."""
    return workshop.gallery.keep_input(workshop.uploads.find(key))


def find_weights(key: str | None, workshop: Workshop) -> str | None:
    """The file of weights that were dropped; "random" stands for itself."""
    if key is None or key == RANDOM_WEIGHTS:
        return key
    found: Upload = workshop.uploads.find(key)
    return str(workshop.gallery.keep_input(found))


def check_network(name: str) -> None:
    """Raises `NotAllowed` for a network that is code, or a file: a page may have neither run, or read."""
    if names_code(name) or (names_keras_file(name) and not name.startswith(f"{KERAS}:")):
        raise NotAllowed(f"the network {name} is a file or code of this machine: dream with it by `reverie dream`")


def check_files(request: Request, workshop: Workshop) -> None:
    """Raises `NotAllowed` where an objective names a file that is none of the gallery's."""
    from reverie.objectives.parser import objective

    wishes = [request.objective, *(own for _, own in request.masks)]
    for file in (name for words in wishes if words for name in objective(words).files):
        if not workshop.gallery.owns(Path(file)):
            raise NotAllowed(f"the wish names the file {file}, which was not dropped here: drop it as a guide")


def command_of(request: Request, name: str, settings: Mapping[str, Any]) -> str:
    """The command line that dreams the same; `settings` are those that differ from the usual ones."""
    words = ["reverie", "dream", *([] if name == EXAMPLE else [name])]
    spec = request.model
    own = request.masks and all(wish for _, wish in request.masks)
    said: list[tuple[str, Any]] = [("objective", None if own else request.objective)]
    said += [("guide", f"{weight:g}*{file}") for weight, file in request.guides]
    said += [("guide-mean", True)] if request.guide_mean else []
    said += [("mask", f"{file}:{own}" if own else file) for file, own in request.masks]
    said += [("model", spec.name if spec.name != DEFAULT_MODEL else None), ("weights", spec.weights)]
    said += [("engine", spec.engine if spec.engine != ModelSpec.engine else None)]
    said += [(key.replace("_", "-"), value) for key, value in settings.items()]
    return " ".join([*map(shlex.quote, words), *spell_flags(said)])


def spell_flags(said: Sequence[tuple[str, Any]]) -> list[str]:
    """Flags as a shell takes them; what is None is left out, and a switch has no value."""
    return [
        f"--{name}" if value is True else f"--no-{name}" if value is False else f"--{name} {shlex.quote(str(value))}"
        for name, value in said
        if value is not None
    ]
