"""One picture's way through many wishes: what is dreamed of it changes, and the photo stays where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import tomli_w
import torch

from reverie.film.carrying import Carrier, Memory, View, change_motion
from reverie.film.fine import double
from reverie.film.flow import to_pixels
from reverie.film.keyframes.moments import Schedule
from reverie.film.making import Made, Timing, closing_share, show_over
from reverie.film.shots import Segment, plan_segments
from reverie.film.writing.store import State
from reverie.settings.film import MorphSettings
from reverie.types import Image


@dataclass(eq=False)
class MorphMaker:
    """Dreams a photo again and again, each time from the dream before; the schedule says of what."""

    photo: Image
    carrier: Carrier
    settings: MorphSettings
    schedule: Schedule

    def __post_init__(self) -> None:
        self.timing = Timing.steady(self.settings.seconds, self.settings.rate)
        self.segments = plan_segments([], len(self.timing.times))
        self.size = self.photo.shape[-2], self.photo.shape[-1]

    def make(self, segment: Segment, state: State | None) -> Iterator[Made]:
        memory, first = Memory.from_state(state or {}, "morph"), (state or {}).get("first")
        view = View(self.photo)
        for number in range(segment.first, segment.first + segment.count):
            moment = self.schedule.at(number)
            held, memory = self.carrier.dream(number, view, memory, moment)
            if first is None:
                first = held - self.photo
            elif self.settings.loop:
                share = closing_share(number, len(self.timing.times))
                held = (self.photo + torch.lerp(held - self.photo, first, share)).clamp(0, 1)
                memory = replace(memory, fine=double(to_pixels(held - self.photo)))
            shown = show_over(held, self.photo, change_motion(self.settings, moment).strength)
            yield Made(number, shown, None, memory.to_state("morph") | {"first": first})


def spread_wishes(objectives: Sequence[str], loop: bool) -> str:
    """Keyframes of wishes one after another, in even steps over a film, as TOML text; of a loop, the first again."""
    wishes = [*objectives, objectives[0]] if loop else list(objectives)
    steps = max(1, len(wishes) - 1)
    tables = [{"at": f"{100 * number / steps:g}%", "objective": wish} for number, wish in enumerate(wishes)]
    return tomli_w.dumps({"wish": tables})
