"""The pictures of a dreamed film: its frames, read and followed in a thread of their own, and the dream of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reverie.film.ahead import read_ahead
from reverie.film.calming import calm_picture
from reverie.film.carrying import Carrier, Memory, View, change_motion
from reverie.film.flow import FlowFinder, Gray
from reverie.film.keyframes.moments import Moment, Schedule
from reverie.film.making import Made, Timing, show_over
from reverie.film.reading.frames import Frame, read_frames
from reverie.film.reading.opening import FilmFile
from reverie.film.reading.survey import Survey
from reverie.film.shots import Segment, plan_segments
from reverie.film.writing.store import State
from reverie.gradient.compose import choose_resize
from reverie.image.resample import clamp_after_resize, resize, scale_size
from reverie.objectives.masks import compute_luma, make_gray
from reverie.settings.film import FilmSettings
from reverie.types import Image, ResizedImage


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame, brought to the size of the dream: what each eye sees of it, and its alpha (1, 1, h, w)."""

    number: int
    views: Sequence[View]
    alpha: Float[Tensor, "1 1 h w"] | None


@dataclass(eq=False)
class FilmMaker:
    """Dreams a film, segment by segment."""

    film: FilmFile
    survey: Survey
    carrier: Carrier
    settings: FilmSettings
    schedule: Schedule

    def __post_init__(self) -> None:
        survey = self.survey
        self.timing = Timing(survey.times, survey.end, survey.time_base, self.film.rate)
        self.segments = plan_segments(survey.cuts, len(survey.times))
        self.eyes = 2 if sees_twice(self.film, self.settings) else 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures, at the size of the dream; both eyes of a stereo film see as much."""
        asked = self.carrier.dreamer.recipe.settings.size
        height, width = scale_size((self.film.height, self.film.width), asked)
        return height // self.eyes * self.eyes, width

    def make(self, segment: Segment, state: State | None) -> Iterator[Made]:
        memories = [Memory.from_state(state or {}, f"eye{eye}") for eye in range(self.eyes)]
        calm = (state or {}).get("calm")
        for seen in read_ahead(self.see_frames(segment, follow=state is not None)):
            moment = self.schedule.at(seen.number)
            shown = []
            for eye, view in enumerate(seen.views):
                held, memories[eye] = self.dream_view(seen.number, eye, view, memories, moment)
                strength = change_motion(self.settings, moment).strength
                shown.append(show_over(held, view.photo, strength))
            picture = torch.cat(shown, dim=2)
            if self.settings.calm:
                picture, calm = calm_picture(picture, calm, float(self.timing.rate))
            after = {name: each for eye, own in enumerate(memories) for name, each in own.to_state(f"eye{eye}").items()}
            yield Made(seen.number, picture, seen.alpha, after | ({} if calm is None else {"calm": calm}))

    def dream_view(
        self, number: int, eye: int, view: View, memories: Sequence[Memory], moment: Moment
    ) -> tuple[Image, Memory]:
        """One eye's dream; the right one's begins from the left one's, which has been dreamed before it."""
        if eye:
            return self.carrier.dream_beside(number, view, memories[eye], memories[0], moment)
        return self.carrier.dream(number, view, memories[eye], moment)

    def see_frames(self, segment: Segment, follow: bool) -> Iterator[Seen]:
        """The segment's frames with the motion between them; `follow`: from the frame before the first one, too."""
        finder = None if self.settings.flow == "none" else FlowFinder(self.settings.flow, self.carrier.around)
        before: list[Gray] | None = None
        for frame in read_frames(self.film, self.survey, segment.first - follow, segment.count + follow):
            photos = [self.resize_eye(each) for each in frame.image.chunk(self.eyes, dim=2)]
            grays = [to_gray(photo) for photo in photos]
            if frame.number >= segment.first:
                yield Seen(frame.number, list(see_views(photos, grays, before, finder)), self.resize_alpha(frame))
            before = grays

    def resize_eye(self, photo: Image) -> ResizedImage:
        """What an eye sees, at the size of the dream; a sphere is resized around its seam."""
        resize_photo = clamp_after_resize(choose_resize(self.carrier.dreamer.recipe.settings))
        sized = resize_photo(photo, (self.size[0] // self.eyes, self.size[1]))
        return make_gray(sized) if self.carrier.dreamer.recipe.settings.gray else sized

    def resize_alpha(self, frame: Frame) -> Float[Tensor, "1 1 h w"] | None:
        """The frame's opacity at the size of the dream."""
        if frame.alpha is None:
            return None
        top = np.iinfo(frame.alpha.dtype).max
        return resize(torch.from_numpy(frame.alpha.astype(np.float32) / top)[None, None], self.size).clamp(0, 1)


def see_views(
    photos: Sequence[Image], grays: Sequence[Gray], before: Sequence[Gray] | None, finder: FlowFinder | None
) -> Iterator[View]:
    """What each eye sees, with the motion since the frame before, and between the eyes, if it is to be followed."""
    for eye, (photo, gray) in enumerate(zip(photos, grays, strict=True)):
        motion = finder.find_motion(before[eye], gray) if finder and before else None
        disparity = finder.find_motion(grays[0], gray) if finder and eye else None
        yield View(photo, motion, disparity)


def to_gray(photo: Image) -> Gray:
    """The luma of a photo (1, 3, h, w) as the search for motion takes it."""
    luma = compute_luma(photo)[0, 0] * 255
    return np.ascontiguousarray(luma.round().clamp(0, 255).byte().numpy())


def sees_twice(film: FilmFile, settings: FilmSettings) -> bool:
    """Whether the upper half of a frame is the left eye's, and the lower the right's."""
    return settings.stereo == "top-bottom" or (settings.stereo == "auto" and film.stereo == "top-bottom")
