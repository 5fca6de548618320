"""How a dream climbs: its score at every step, and its picture at some."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from reverie.ascent.octaves import dream_steps, whole
from reverie.errors import SettingsError
from reverie.gradient.base import score_of
from reverie.gradient.compose import dream_gradient
from reverie.image.resample import image_size, sized
from reverie.objectives.base import Objective
from reverie.settings import Settings
from reverie.types import Gradient, Image, Model, Score, Step

log = logging.getLogger("reverie")

SHOWN = 640
"""The longest side of a picture kept for the report, in pixels."""

Watch = Callable[[Iterator[Step]], Iterator[Step]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The picture after `step` steps of an octave, at most SHOWN pixels a side, and its score at the octave's size."""

    octave: int
    step: int
    score: float
    picture: Image


@dataclass
class Octave:
    """The scores of one octave: `scores[n]` is the picture's after n steps, as the step saw it, jitter included."""

    number: int
    size: tuple[int, int]
    scores: list[float] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Climb:
    """A whole dream as it was climbed. Octaves that were too small for the network are missing."""

    octaves: tuple[Octave, ...]
    snapshots: tuple[Snapshot, ...]
    picture: Image
    score_start: float
    score_end: float


def checked_at(at: Sequence[int], steps: int) -> tuple[int, ...]:
    """The steps at which to keep the picture, lowest first; one beyond the last becomes it, with a word to the log.

    Raises `SettingsError` for a negative one.
    """
    for step in at:
        if step < 0:
            raise SettingsError(f"at is {step}; expected 0 (where an octave begins) to {steps} (its last step)")
    beyond = [step for step in sorted(set(at)) if step > steps]
    if beyond:
        there = f"there are {steps} steps in an octave"
        log.warning("%s: the picture at %s is that after the last", there, ", ".join(map(str, beyond)))
    return tuple(sorted({min(step, steps) for step in at}))


def climbed(
    model: Model, image: Image, wish: Objective, settings: Settings, at: Sequence[int], watch: Watch = iter
) -> Climb:
    """Dreams the image (1, 3, h, w) and keeps what a report shows. `watch` is handed the steps and hands them on."""
    keeper = Keeper(model, image, wish, checked_at(at, settings.steps))
    gradient = keeper.seeing(dream_gradient(model, wish, settings))
    for step in watch(dream_steps(image, gradient, settings)):
        keeper.took(step)
    return keeper.climb()


class Keeper:
    """Looks at the canvas before every step, and at the step after it."""

    def __init__(self, model: Model, image: Image, wish: Objective, at: tuple[int, ...]) -> None:
        self.image, self.at, self.score = image, at, score_of(model, wish)
        self.octaves: list[Octave] = []
        self.snapshots: list[Snapshot] = []
        self.canvas: Image = image
        self.last: Step | None = None

    def seeing(self, gradient: Gradient) -> Gradient:
        """The same gradient, its canvas remembered: the stream of steps has none from before the first."""

        def watched(image: Image) -> tuple[Score, Image]:
            answer = gradient(image)
            self.canvas = image
            return answer

        return watched

    def took(self, step: Step) -> None:
        if not self.octaves or self.octaves[-1].number != step.octave:
            self.finish()
            self.octaves.append(Octave(step.octave, image_size(step.image)))
        if step.number in self.at:
            self.keep(step.octave, step.number, self.canvas)
        self.octaves[-1].scores.append(float(step.score.mean()))
        self.last = step

    def finish(self) -> None:
        """The picture after an octave's last step, where one so late is asked for."""
        if self.last is not None and self.at and self.at[-1] > self.last.number:
            self.keep(self.last.octave, self.last.number + 1, self.last.image)

    def keep(self, octave: int, number: int, canvas: Image) -> None:
        step = Step(canvas, canvas.new_zeros(1), number, 0, before=canvas)
        picture = shown(whole(step, self.image))
        self.snapshots.append(Snapshot(octave, number, self.score_at(canvas), picture))

    def score_at(self, canvas: Image) -> float:
        return float(self.score(canvas.detach()).mean())

    def climb(self) -> Climb:
        self.finish()
        end = self.image if self.last is None else whole(self.last, self.image)
        scores = self.score_at(self.image), self.score_at(end)
        return Climb(tuple(self.octaves), tuple(self.snapshots), shown(end), *scores)


def shown(picture: Image) -> Image:
    """The picture, small enough for a page, where the report is made."""
    return sized(picture, min(SHOWN, max(image_size(picture)))).detach().cpu()
