"""Films, zooms and morphs: what the page asked for, as jobs of films."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reverie.errors import FilmError, SettingsError, UnknownName, WordingError
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.keyframes.table import parse_table
from reverie.film.looking import read_span
from reverie.film.planning import prepare_film
from reverie.film.requests import FilmRequest, FilmWords, plan_film
from reverie.film.writing.formats import ENDINGS
from reverie.jobs.networks import Networks
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.film import FilmRecipe
from reverie.settings.film import FilmSettings, MorphSettings
from reverie.studio.asking import Asked, DreamAsked, take_up
from reverie.studio.dreams import Dream
from reverie.studio.refusals import NotAllowed, NotThere
from reverie.studio.stills import Reel
from reverie.studio.unfinished import find_begun, note_down

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

LONGEST = 1_000_000
"""The most frames of a zoom or a morph."""


class FilmAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page asks for of a film: the dream of its frames, whose input is the film or the photo, and the rest.

    `motion` and `encoding` are the settings that were changed. `wishes`: those of a morph, in even steps.
    """

    dream: DreamAsked
    kind: Literal["film", "zoom", "morph"] = "film"
    motion: dict[str, Any] = {}
    encoding: dict[str, Any] = {}
    ending: str = ".mp4"
    keyframes: str = ""
    wishes: list[str] = []


@dataclass(frozen=True)
class FilmPlan:
    """A film's request, its input in the gallery. `reel` is the film, None of a photo's zoom or morph."""

    request: FilmRequest
    asked: Asked
    kind: str
    reel: Reel | None = None


def take_up_film(body: FilmAsked, workshop: Workshop) -> FilmPlan:
    """The request of a film; all that needs no network, and no look through the film, is checked here.

    Raises `NotThere`, `NotAllowed`, `FilmError`, `SettingsError`, and what `take_up` raises.
    """
    reel = find_reel(body, workshop)
    if body.ending not in ENDINGS:
        raise SettingsError(f"a film ends in {body.ending!r}; expected one of {', '.join(ENDINGS)}")
    asked = take_up(body.dream, workshop)
    request = FilmRequest.read(asked.request, body.kind, FilmWords(body.motion, body.encoding))
    request = replace(request, keyframes=body.keyframes)
    check_keyframes(request.keyframes, workshop)
    motion = request.motion
    if isinstance(motion, FilmSettings):
        read_span(motion)
    elif motion.seconds * motion.rate > LONGEST:
        raise SettingsError(f"{motion.seconds:g} s at {motion.rate:g} frames a second are too many frames")
    if isinstance(motion, MorphSettings):
        request = spread_over(request, body.wishes, workshop)
    return FilmPlan(request, asked, body.kind, reel)


def find_reel(body: FilmAsked, workshop: Workshop) -> Reel | None:
    """The film that was dropped; None where a photo is wanted. Raises `NotThere`, `FilmError` for the other."""
    key = body.dream.input
    upload = None if key is None else workshop.uploads.find(key)
    if body.kind == "film":
        if upload is None:
            raise NotThere("no film was dropped yet: drop one")
        if upload.reel is None:
            raise FilmError(f"{upload.name} is a picture; expected a film: drop one, or choose a zoom or a morph")
        return upload.reel
    if upload is not None and upload.kind != "picture":
        raise FilmError(f"{upload.name} is no picture; a {body.kind} begins with a photo: drop one")
    return None


def spread_over(request: FilmRequest, wishes: Sequence[str], workshop: Workshop) -> FilmRequest:
    """The request of a morph through these wishes; raises `SettingsError` for fewer than two."""
    named = [each.strip() for each in wishes if each.strip()]
    check_wishes(named, workshop)
    if len(named) < 2 and not (request.keyframes and parse_table(request.keyframes).wishes):
        raise SettingsError("a morph goes from wish to wish: name two at least")
    return request.with_wishes(named)


def check_keyframes(text: str, workshop: Workshop) -> None:
    """Raises `NotAllowed` where keyframes name a file that is none of the gallery's, and what `parse_table` raises."""
    if not text:
        return
    table = parse_table(text)
    told = [*table.wishes, *table.masks]
    check_wishes([str(each["objective"]) for each in told if each.get("objective")], workshop)
    for name in table.curves:
        with suppress(WordingError, UnknownName):  # a setting's name, or none at all, which is told later
            check_owned(parse_objective(name).files, workshop)
    check_owned([str(each["file"]) for each in table.masks if each.get("file")], workshop)


def check_wishes(wishes: Sequence[str], workshop: Workshop) -> None:
    """Raises `WordingError`, and `NotAllowed` where one names a file that is none of the gallery's."""
    for words in wishes:
        check_owned(parse_objective(words).files, workshop)


def check_owned(files: Sequence[str], workshop: Workshop) -> None:
    """Raises `NotAllowed` for a file that is none of the gallery's."""
    for file in files:
        if not workshop.gallery.owns(Path(file)):
            raise NotAllowed(f"the keyframes name the file {file}, which was not dropped here")


@dataclass(eq=False)
class FilmTask:
    """A film to make: a request, or, of one that was begun before, its whole recipe."""

    title: str
    kind: str
    target: Path
    device: str
    request: FilmRequest | None = None
    name: str = ""
    begun: FilmRecipe | None = None
    stage: str = ""
    """What is done before the first frame, for the page."""
    lasting = True
    """It goes on while nobody looks, unless others wait."""
    unwanted: bool = field(default=False)

    @property
    def recipe(self) -> Any:
        """What shall be made."""
        return self.begun or self.request

    def stop(self) -> None:
        """Ends the look through the film, if that is what is done."""
        self.unwanted = True

    def tell_look(self, frames: int) -> None:
        """Notes how far the look through the film is; raises `KeyboardInterrupt` once nobody wants it any more."""
        if self.unwanted:
            raise KeyboardInterrupt
        if frames % 10 == 0:
            self.stage = f"Looking through the film: {frames} frames"


def prepare_film_task(task: FilmTask, *, models: Networks | None = None) -> FilmRun:
    """The run of a film: its network is loaded, and it is looked through, here. Raises what `prepare_film` raises."""
    task.unwanted, task.stage, models = False, "Loading the network", models or Networks()
    if task.begun is not None:
        job = FilmJob(task.begun, task.target, None, task.device)  # as it was begun, to the pixel
    else:
        assert task.request is not None
        job = plan_film(task.request, task.name, task.target, models)
    task.stage = "Getting ready"
    run = prepare_film(job, models=models, watch=task.tell_look)
    note_down(run, task.title)
    task.stage = ""
    return run


def start_film(body: FilmAsked, state: dict[str, Any], workshop: Workshop) -> Dream:
    """Puts a film in the line. `state` is what the page asked for, as it said it."""
    plan = take_up_film(body, workshop)
    stem = "dream" if body.kind == "film" else body.kind
    target = workshop.gallery.reserve(f"{Path(plan.asked.title).stem}-{stem}", body.ending)
    task = FilmTask(plan.asked.title, plan.kind, target, workshop.options.device, plan.request, plan.asked.name)
    return start_task(task, state, workshop)


def begin_again(name: str, workshop: Workshop) -> Dream:
    """Goes on with a film that was begun before, by this studio or one that is closed; raises `NotThere`."""
    found = find_begun(name, workshop)
    task = FilmTask(found.title, found.recipe.kind, found.target, workshop.options.device, begun=found.recipe)
    return start_task(task, {}, workshop)


def start_task(task: FilmTask, state: dict[str, Any], workshop: Workshop) -> Dream:
    """Puts a film in the line; once it is over, a page is told where it was to go, also where it was stopped."""
    dream = workshop.dreams.start("film", task.title, task, prepare_film_task, state)
    dream.result["target"] = task.target.name
    return dream
