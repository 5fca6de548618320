"""One frame of a film, dreamed alone: how it will look, and how long the whole film will take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from reverie.film.film_job import FilmRun
from reverie.film.keyframes.balancing import balance_wishes
from reverie.film.keyframes.moments import read_schedule
from reverie.film.keyframes.table import hears_sound
from reverie.film.planning import prepare_film
from reverie.film.reading.frames import read_frames
from reverie.film.reading.survey import survey_film
from reverie.film.requests import FilmRequest, plan_film
from reverie.film.shots import Segment
from reverie.jobs.job import Progress
from reverie.jobs.networks import Networks
from reverie.settings.film import FilmSettings
from reverie.studio.dreams import Dream
from reverie.studio.filming import FilmAsked, FilmPlan, take_up_film
from reverie.studio.runs import ShownRun
from reverie.studio.timelines import clock_of, hear

if TYPE_CHECKING:
    from reverie.film.reading.opening import FilmFile
    from reverie.studio.stills import Reel
    from reverie.studio.workshop import Workshop


FRAMES = 4
"""How many frames are dreamed: the second one's motion is measured while the first is dreamed, and costs no time."""


AHEAD = 3
"""How many more are read: dreams and reading share the processor, as they do in the midst of a film."""


@dataclass(frozen=True)
class FrameTask:
    """A frame to try, `at` so many seconds from the beginning of the film. `parts` tell how long it took."""

    plan: FilmPlan
    at: float
    place: Path
    """A film that is not written: what may be written there is checked."""
    target: Path | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def recipe(self) -> FilmRequest:
        """What the film will be made by."""
        return self.plan.request


class FrameTry(ShownRun):
    """A frame dreamed as if it began its shot, and the next ones, which are only timed."""

    def __init__(self, task: FrameTask, run: FilmRun, number: int) -> None:
        super().__init__(task)
        self.run, self.number, self.parts = run, number, task.parts

    def __iter__(self) -> Iterator[Progress]:
        maker = self.run.maker
        left = len(maker.timing.times) - self.number
        count, segment = min(FRAMES, left), Segment(0, self.number, min(FRAMES + AHEAD, left), 0, opens=True)
        times = [time.monotonic()]
        for made in islice(maker.make(segment, None), count):
            times.append(time.monotonic())
            if made.number == self.number:
                self.picture = made.image
                progress = self.run.tell(made, segment, share=1 / count)
            yield replace(progress, share=(len(times) - 1) / count)
        first, *following = [after - before for before, after in pairwise(times)]
        self.parts.append({"first": first, "following": median(following[1:] or following) if following else None})
        yield replace(progress, share=1.0)  # what it took is told with a step


def prepare_frame(task: FrameTask, *, models: Networks | None = None) -> FrameTry:
    """The run of a frame that is tried; the network is loaded here. Raises what `prepare_film` raises."""
    models, plan = models or Networks(), task.plan
    request, motion = plan.request, plan.request.motion
    number = 0 if isinstance(motion, FilmSettings) else round(task.at * motion.rate)
    if plan.reel is not None and isinstance(motion, FilmSettings):
        start = find_start(plan.reel.film, task.at)
        if request.keyframes:
            request, motion = freeze(request, motion, plan.reel, task.at, models)
        end = start + (FRAMES + AHEAD) / plan.reel.film.rate
        motion = replace(motion, start=f"{float(start):.6f}s", end=f"{float(end):.6f}s")
        request = replace(request, motion=motion, keyframes="")
    run = prepare_film(plan_film(request, plan.asked.name, task.place, models), models=models)
    last = len(run.maker.timing.times) - 1
    return FrameTry(task, run, min(max(number, 0), last))


def find_start(film: FilmFile, at: float) -> Fraction:
    """The time from which on the frame that is shown at a time is the first, in a film of a steady rate."""
    return max(Fraction(0), Fraction(at) - Fraction(9, 10) / film.rate)


def freeze(
    request: FilmRequest, motion: FilmSettings, reel: Reel, at: float, models: Networks
) -> tuple[FilmRequest, FilmSettings]:
    """The request and its motion as the keyframes have them at a time of the film; their masks are left out."""
    film, (start, clock), dream = reel.film, clock_of(motion, reel), request.dream
    text = weigh(request, film, at, models)
    sound = hear(film, clock, start) if hears_sound(text) else None
    schedule = read_schedule(text, clock, sound, dream.objective or "", motion.fields())
    frame = max((n for n, each in enumerate(clock.seconds) if each <= at - start + 1e-6), default=0)
    moment = schedule.at(frame)
    settings = replace(dream.settings, **moment.settings)
    dream = replace(dream, settings=settings, objective=moment.objective or dream.objective)
    return replace(request, dream=dream), replace(motion, **moment.film)


def weigh(request: FilmRequest, film: FilmFile, at: float, models: Networks) -> str:
    """The keyframes with their wishes weighed, on the frame that is tried."""
    since = find_start(film, at)
    survey = survey_film(film, since, since + 3 / film.rate)
    frame = next(iter(read_frames(film, survey, 0, 1))).image
    model = models.load(request.dream.model, request.dream.settings.seed)
    return balance_wishes(request.keyframes, model, frame.to(model.device))


def start_frame(body: FilmAsked, at: float, workshop: Workshop) -> Dream:
    """Puts the try of a frame in the line."""
    plan = take_up_film(body, workshop)
    if plan.reel is not None:
        last = max(0.0, plan.reel.seconds - 1 / float(plan.reel.film.rate))
        at = min(at, last)
    task = FrameTask(plan, max(0.0, at), workshop.folder / f"try{body.ending}")
    return workshop.dreams.start("frame", plan.asked.title, task, prepare_frame, {})
