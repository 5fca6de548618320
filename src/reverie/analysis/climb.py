"""How a dream climbs: its score at every step, and its picture at some."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reverie.errors import SettingsError
from reverie.gradient.base import make_score_function
from reverie.image.resample import image_size, resize_longest_side
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.outcomes import Watch
from reverie.recipe.inputs import whole_objective
from reverie.types import Image, Step

log = logging.getLogger("reverie")

LONGEST_SIDE = 640
"""The longest side of a picture kept for the report, in pixels."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The picture after `step` steps of an octave, at most SHOWN pixels a side, and its score at the octave's size."""

    octave: int
    step: int
    score: float
    picture: Image


@dataclass
class OctaveScores:
    """The scores of one octave: `scores[n]` is the picture's after n steps, as the step saw it, jitter included."""

    number: int
    size: tuple[int, int]
    scores: list[float] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Climb:
    """A whole dream as it was climbed. Octaves that were too small for the network are missing."""

    octaves: tuple[OctaveScores, ...]
    snapshots: tuple[Snapshot, ...]
    picture: Image
    score_start: float
    score_end: float


def check_snapshot_steps(at: Sequence[int], steps: int) -> tuple[int, ...]:
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


def record_climb(run: MemoryRun, at: Sequence[int], watch: Watch = iter) -> Climb:
    """Does a run and keeps what a report shows. `watch` reads its progress as it goes."""
    keeper = Keeper(run, check_snapshot_steps(at, run.recipe.settings.steps))
    for _ in watch(run):
        if run.last is not None:
            keeper.took(run.last)
    return keeper.climb()


class Keeper:
    """Looks at the picture before every step, and at the step after it."""

    def __init__(self, run: MemoryRun, at: tuple[int, ...]) -> None:
        self.run, self.at = run, at
        self.score = make_score_function(run.model, whole_objective(run.recipe), run.start)
        self.octaves: list[OctaveScores] = []
        self.snapshots: list[Snapshot] = []
        self.last: Step | None = None

    def took(self, step: Step) -> None:
        """One more step."""
        if not self.octaves or self.octaves[-1].number != step.octave:
            self.finish()
            self.octaves.append(OctaveScores(step.octave, image_size(step.image)))
        if step.number in self.at:
            self.keep(step, step.number, step.before)
        self.octaves[-1].scores.append(float(step.score.mean()))
        self.last = step

    def finish(self) -> None:
        """The picture after an octave's last step, where one so late is asked for."""
        if self.last is not None and self.at and self.at[-1] > self.last.number:
            self.keep(self.last, self.last.number + 1, self.last.image)

    def keep(self, step: Step, number: int, canvas: Image) -> None:
        """The picture of some step, at the photo's size, and its score at the octave's."""
        picture = shrink_for_page(self.run.whole(replace(step, image=canvas)))
        self.snapshots.append(Snapshot(step.octave, number, self.score_at(canvas), picture))

    def score_at(self, canvas: Image) -> float:
        """The score of a picture, without a step's random shift."""
        return float(self.score(canvas.detach()).mean())

    def climb(self) -> Climb:
        """What was kept, once the last step is taken."""
        self.finish()
        end = self.run.image()
        scores = self.score_at(self.run.start), self.score_at(end)
        return Climb(tuple(self.octaves), tuple(self.snapshots), shrink_for_page(end), *scores)


def shrink_for_page(picture: Image) -> Image:
    """The picture, small enough for a page, where the report is made."""
    return resize_longest_side(picture, min(LONGEST_SIDE, max(image_size(picture)))).detach().cpu()
