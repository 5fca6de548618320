"""From frame to frame: what was dreamed of one is moved along the motion, and the next one's dream begins from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from reverie.film.fine import FinePixels, coarse, double, move_fine, update_fine
from reverie.film.flow import Motion, to_image, to_pixels
from reverie.film.frame_dream import FrameDreamer
from reverie.film.freshness import Freshness, age, count_more_steps, to_mask
from reverie.film.holding import Strengths, hold, measure_strengths
from reverie.film.keyframes.moments import Moment
from reverie.film.shots import derive_seed
from reverie.film.writing.store import State
from reverie.objectives.masks import Mask
from reverie.recipe.film import Motion as MotionSettings
from reverie.settings import Settings
from reverie.types import Image

Pixels: TypeAlias = NDArray[np.float32]
"""A picture as OpenCV has it, (h, w, c)."""


@dataclass(frozen=True, eq=False)
class View:
    """What one eye sees of a frame: the photo (1, 3, h, w), and the motion since the frame before.

    `disparity`: for the right eye, where each pixel is in what the left one sees.
    """

    photo: Image
    motion: Motion | None = None
    disparity: Motion | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """What is remembered of a shot: the detail on its fine grid, and how strong its first frame's dream was.

    `strengths` is None as long as the shot is too dark, or too light, to tell; `fresh`, as long as nothing moved.
    """

    fine: FinePixels | None = None
    strengths: Strengths | None = None
    fresh: Freshness | None = None

    def to_state(self, name: str) -> State:
        """As tensors, whose names begin with `name`."""
        fine, fresh = (None if each is None else torch.from_numpy(each) for each in (self.fine, self.fresh))
        parts = {"fine": fine, "strengths": self.strengths, "fresh": fresh}
        return {f"{name}.{part}": value for part, value in parts.items() if value is not None}

    @classmethod
    def from_state(cls, state: State, name: str) -> Memory:
        """What `to_state` wrote."""
        fine, fresh = state.get(f"{name}.fine"), state.get(f"{name}.fresh")
        return cls(
            None if fine is None else fine.numpy(),
            state.get(f"{name}.strengths"),
            None if fresh is None else fresh.numpy(),
        )


@dataclass(frozen=True, eq=False)
class Carrier:
    """Dreams a view from what is remembered of the one before.

    The first frame of a shot is dreamed as a picture is. Each later one begins from `carry` times the dream before,
    moved; where the motion is not to be trusted, and something came into sight, it begins from the photo. A few steps
    then suffice, and what is dreamed stays where it is on the things it was dreamed of. Where much came into sight
    lately, that has some more steps of its own.
    """

    dreamer: FrameDreamer
    settings: MotionSettings

    @property
    def around(self) -> bool:
        return self.dreamer.recipe.settings.around

    def dream(self, number: int, view: View, memory: Memory, moment: Moment) -> tuple[Image, Memory]:
        """The view's dream in full strength (1, 3, h, w), and what the next one begins from."""
        own = change_motion(self.settings, moment)
        settings = replace(self.dreamer.recipe.settings, **moment.settings)
        if memory.strengths is None or memory.fine is None or own.carry == 0:
            return self.open_shot(view, moment, {} if own.carry == 0 else self.chance(settings, number))
        fine = self.move(memory.fine, view.motion)
        carried = coarse(fine) * np.float32(own.carry) * trust_of(view.motion)
        fresh = None if view.motion is None else age(memory.fresh, view.motion, self.around)
        remembered = Memory(fine, memory.strengths, fresh)
        return self.dream_from(carried, remembered, number, view, moment)

    def dream_beside(
        self, number: int, view: View, memory: Memory, left: Memory, moment: Moment
    ) -> tuple[Image, Memory]:
        """The right eye's dream, which begins from the left one's, so that both see the same.

        Where the right eye sees what the left one does not, it goes on with its own.
        """
        if left.fine is None or left.strengths is None or view.disparity is None:
            return self.dream(number, view, memory, moment)
        fine, seen = self.move(left.fine, view.disparity), trust_of(view.disparity)
        pixels = coarse(fine) * seen
        if memory.fine is not None:
            own = change_motion(self.settings, moment)
            carried = coarse(self.move(memory.fine, view.motion)) * np.float32(own.carry) * trust_of(view.motion)
            pixels = pixels + carried * (1 - seen)
        return self.dream_from(pixels, Memory(fine, left.strengths), number, view, moment)

    def dream_from(
        self, carried: Pixels, moved: Memory, number: int, view: View, moment: Moment
    ) -> tuple[Image, Memory]:
        """The dream that begins from a detail (h, w, 3), by a few small steps; `moved` is the memory it comes from."""
        assert moved.fine is not None
        own, settings = change_motion(self.settings, moment), replace(self.dreamer.recipe.settings, **moment.settings)
        begin, changed = to_image(carried), self.chance(settings, number) | ease_steps(settings, own)
        dreamed = self.dreamer.dream(view.photo, begin, moment, changed) if own.frame_steps else view.photo + begin
        if moved.fresh is not None and (more := count_more_steps(moved.fresh, own.frame_steps)):
            changed |= self.chance(settings, -number) | {"steps": more}
            dreamed = self.catch_up(dreamed, to_mask(moved.fresh), view.photo, moment, changed)
        held = hold(dreamed, view.photo, moved.strengths)
        return held, replace(moved, fine=update_fine(moved.fine, to_pixels(held - view.photo), self.around))

    def catch_up(self, dreamed: Image, where: Mask, photo: Image, moment: Moment, changed: dict[str, Any]) -> Image:
        """The dream, gone on with where something is fresh.

        Steps are as large there as they are in a picture of that alone: where all has a share in them, most goes to
        what is strong already, and what crosses the picture fast would leave it before it is dreamed.
        """
        more = self.dreamer.dream(photo, dreamed - photo, moment, changed, where)
        return torch.where(where > 0, more, dreamed)

    def move(self, fine: FinePixels, motion: Motion | None) -> FinePixels:
        """A detail on its fine grid, moved; where nothing is known of a motion, it stays."""
        return fine if motion is None else move_fine(fine, motion, self.around)

    def open_shot(self, view: View, moment: Moment, changed: dict[str, Any]) -> tuple[Image, Memory]:
        """A first frame's dream, which is a picture's, and the memory of a shot that it begins."""
        held = hold(self.dreamer.dream(view.photo, None, moment, changed), view.photo)
        strengths = measure_strengths(held - view.photo, view.photo)
        return held, Memory(double(to_pixels(held - view.photo), self.around), strengths)

    def chance(self, settings: Settings, number: int) -> dict[str, Any]:
        """The seed of a frame: the same shifts at every frame would engrave themselves."""
        return {"seed": derive_seed(settings.seed, number)}


def change_motion(settings: MotionSettings, moment: Moment) -> Any:
    """The film's own settings at a moment."""
    return replace(settings, **moment.film) if moment.film else settings


def ease_steps(settings: Settings, own: MotionSettings) -> dict[str, Any]:
    """The steps of a frame that begins from a dream: few, and small, so that the picture is quiet."""
    return {"steps": max(1, own.frame_steps), "step_size": max(1e-9, settings.step_size * own.frame_step_size)}


def trust_of(motion: Motion | None) -> Pixels:
    """How far a motion is to be trusted (h, w, 1), 0..1; that of none, everywhere."""
    return np.ones((1, 1, 1), np.float32) if motion is None else motion.trust[..., None]
