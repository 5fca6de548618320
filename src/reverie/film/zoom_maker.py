"""A dream that feeds on itself: each picture is the one before, moved, and dreamed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reverie.film.carrying import ease_steps
from reverie.film.fine import FinePixels, coarse, double, update_fine
from reverie.film.flow import to_image, to_pixels
from reverie.film.frame_dream import FrameDreamer
from reverie.film.holding import hold, measure_strengths
from reverie.film.keyframes.moments import Schedule
from reverie.film.libraries import import_cv2
from reverie.film.making import Made, Timing, closing_share
from reverie.film.shots import Segment, derive_seed, plan_segments
from reverie.film.writing.store import State
from reverie.settings.film import ZoomSettings
from reverie.types import Image

MOST_GAIN = 1.25
"""By how much a picture's bands are made stronger at most, so that it stays as sharp and rich as the first one."""

SOFT_BORDER = 0.08
"""How soft the border is at most with which the first picture comes back, as a share of its shorter side."""

Affine = NDArray[Any]
"""Where a point of one picture is in the next: (3, 3), in pixels from the middle."""


@dataclass(eq=False)
class ZoomMaker:
    """Zooms, turns and shifts through a dream without an end.

    A film that loops meets its first picture again: it appears, small if the film zooms in, and fills the frame.
    """

    photo: Image
    dreamer: FrameDreamer
    settings: ZoomSettings
    schedule: Schedule

    def __post_init__(self) -> None:
        self.timing = Timing.steady(self.settings.seconds, self.settings.rate)
        self.segments = plan_segments([], len(self.timing.times))
        self.size = self.photo.shape[-2], self.photo.shape[-1]

    def make(self, segment: Segment, state: State | None) -> Iterator[Made]:
        for number in range(segment.first, segment.first + segment.count):
            image, state = self.begin() if state is None else self.go_on(number, state)
            yield Made(number, image, None, state)

    def begin(self) -> tuple[Image, State]:
        """The first picture: the photo's dream."""
        image = self.dreamer.dream(self.photo, None, self.schedule.at(0), {})
        middle = mean_picture(image)
        fine = torch.from_numpy(double(to_pixels(image)))
        strengths = measure_strengths(image - middle, torch.full_like(middle, 0.5))
        assert strengths is not None  # gray leaves room everywhere
        return image, {"fine": fine, "first": fine, "strengths": strengths}

    def go_on(self, number: int, state: State) -> tuple[Image, State]:
        """The next picture, from what the one before left."""
        own = replace(self.settings, **self.schedule.at(number).film)
        first = state["first"].numpy()
        fine = move_picture(state["fine"].numpy(), self.moves[number])
        share = closing_share(number, len(self.timing.times)) if own.loop else 0.0
        if share:
            back, there = self.first_seen_at(number, first)
            fine = fine + (back - fine) * (there * np.float32(share))
        moved = to_image(coarse(fine)).clamp(0, 1)
        held = self.dream_on(number, moved, own, share, state)
        after = torch.from_numpy(update_fine(fine, to_pixels(held)))
        return held, {**state, "fine": after}

    def dream_on(self, number: int, moved: Image, own: ZoomSettings, share: float, state: State) -> Image:
        """A moved picture, dreamed on by a few steps; the nearer it is to the first one again, the smaller they are."""
        if not own.frame_steps or share == 1:
            return moved
        moment = self.schedule.at(number)
        settings = replace(self.dreamer.recipe.settings, **moment.settings)
        changed: dict[str, Any] = ease_steps(settings, own) | {"seed": derive_seed(settings.seed, number)}
        changed["step_size"] = max(1e-9, changed["step_size"] * (1 - share))
        dreamed = self.dreamer.dream(moved, None, moment, changed)
        middle = mean_picture(to_image(coarse(state["first"].numpy())))
        return hold_picture(dreamed, middle, state)

    @cached_property
    def moves(self) -> list[Affine]:
        """How each picture moves from the one before; one more leads from the last to the first again."""
        count = len(self.timing.times)
        owns = [replace(self.settings, **self.schedule.at(number % count).film) for number in range(count + 1)]
        return [make_move(own, self.size) for own in owns]

    def first_seen_at(self, number: int, first: FinePixels) -> tuple[FinePixels, NDArray[np.float32]]:
        """The first picture as it is before it fills the frame again, and where it is (h, w, 1), 0..1."""
        way = np.eye(3)
        for move in self.moves[number + 1 :]:
            way = move @ way
        back = np.linalg.inv(way)
        height, width = first.shape[:2]
        # The border is hard in the end: what stands in it still would be gone at once when the film begins anew.
        beyond = 1 - float(move_picture(np.ones((height, width), np.float32), back, outside=0).mean())
        inside = move_picture(make_soft_frame(height, width, min(SOFT_BORDER, beyond / 4)), back, outside=0)
        return move_picture(first, back), inside[..., None].clip(0, 1)


def make_soft_frame(height: int, width: int, softness: float) -> NDArray[np.float32]:
    """1 within a picture of (height, width), and 0 toward its border; `softness`: a share of its shorter side."""
    border = max(1.0, softness * min(height, width))
    rows, columns = (np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) for side in (height, width))
    share = np.clip(np.minimum(rows[:, None], columns[None]) / border, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def make_move(own: ZoomSettings, size: tuple[int, int]) -> Affine:
    """The move that settings say, of a picture of (height, width)."""
    angle = np.deg2rad(own.rotate)
    cos, sin = own.zoom * np.cos(angle), own.zoom * np.sin(angle)
    shift_x, shift_y = own.shift_x * size[1], own.shift_y * size[0]
    return np.array([[cos, sin, shift_x], [-sin, cos, shift_y], [0, 0, 1]])  # y goes down: this is counterclockwise


def move_picture(fine: NDArray[np.float32], move: Affine, outside: float | None = None) -> NDArray[np.float32]:
    """A picture on the fine grid, moved; what comes in from outside is its mirror image, or a value."""
    cv2 = import_cv2()
    height, width = fine.shape[:2]
    center = np.array([[1, 0, (width - 2) / 2], [0, 1, (height - 2) / 2], [0, 0, 1]])
    double_shift = np.diag([2.0, 2.0, 1.0])
    matrix = center @ double_shift @ move @ np.linalg.inv(double_shift) @ np.linalg.inv(center)
    mode = cv2.BORDER_REFLECT_101 if outside is None else cv2.BORDER_CONSTANT
    moved: NDArray[np.float32] = cv2.warpAffine(
        fine, matrix[:2], (width, height), flags=cv2.INTER_CUBIC, borderMode=mode, borderValue=outside or 0
    )
    return moved


def mean_picture(image: Image) -> Image:
    """A picture of the size of another, everywhere of its mean color."""
    return image.mean((2, 3), keepdim=True).expand_as(image).contiguous()


def hold_picture(picture: Image, middle: Image, state: State) -> Image:
    """A picture with the brightness, the colors and the contrast of the first one."""
    gray = torch.full_like(middle, 0.5)
    shifted = hold(gray + (picture - middle), gray, state["strengths"], MOST_GAIN)
    return (middle + (shifted - gray)).clamp(0, 1)
