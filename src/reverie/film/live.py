"""A camera's frames, dreamed while they come: what was dreamed goes along with the things, a few steps at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reverie.ascent.octaves import plan_octaves
from reverie.errors import ImageTooSmall, SizeRefused
from reverie.film.fine import FinePixels, coarse, double, move_fine, update_fine
from reverie.film.flow import Motion, place_of, sample, to_image, to_pixels
from reverie.film.holding import Strengths, hold, measure_strengths
from reverie.film.libraries import import_cv2
from reverie.film.live_motion import Pixels, Watcher, enlarge_motion, fit_frame, to_bytes
from reverie.film.live_steps import Climb, Pace, Weighted, dream_octave
from reverie.film.shots import derive_seed
from reverie.gradient.compose import ObjectiveLike, dream_gradient, make_finish, make_region_weights, parse_objective
from reverie.image.resample import image_size, resize
from reverie.models.spec import require_model
from reverie.objectives.masks import Regions
from reverie.objectives.penalties import sum_keep_weights
from reverie.settings import Settings
from reverie.settings.film import LiveSettings
from reverie.types import Gradient, Image, Model

KEEP_UP, FADED, CATCH_UP = 0.01, 0.8, 0.2
"""How much of a picture's whole dream each frame has: everywhere, more by what is not carried, and more where something
has just come into sight."""

FADING = 0.9
"""What a frame leaves of the freshness: within a few frames, what came into sight is dreamed as the rest is."""

TURNED = 0.6
"""How fresh everything is when another wish is dreamed of: the old dream goes as the new one comes."""

COHERENCE = (0.22, 0.23, 0.36, 0.44, 0.46), (0.28, 0.28, 0.33, 0.38, 0.5)
"""How strong a picture's dream is in each band, of light and of colors, as a share of what its steps would add up to if
all went the same way. So measured of three wishes and four pictures: from one to another it hardly changes, so that how
strong a dream shall become is known from its steps, before there is any."""

LEARNED = 0.2
"""The share of the latest step in what is known of an octave's."""

SELDOM = 3
"""Of how many frames one learns of an octave: it takes as long as moving what is remembered."""

LARGEST_STEP = 0.045
"""The most that a step changes a pixel by, about, 0..1, however few there are."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is dreamed of, and how. `gradient` is None for a wish that compares the dream with the frame (`keep`)."""

    model: Model
    wish: Any
    settings: Settings
    live: LiveSettings
    gradient: Gradient | None

    @classmethod
    def make(cls, model: Model, wish: ObjectiveLike, settings: Settings, live: LiveSettings) -> Plan:
        """Looks the wish up in the model; raises what `dream_gradient` does."""
        settings = replace(settings, panorama="off", overshoot=False, handover="detail")
        wish = parse_objective(wish).resolved(model)
        each = [own for own, _ in wish.regions] if isinstance(wish, Regions) else [wish]
        keeps = any(sum_keep_weights(own) for own in each)
        return cls(model, wish, settings, live, None if keeps else dream_gradient(model, wish, settings))

    def build_gradient(self, photo: Image, number: int) -> Gradient:
        """The gradient of a frame."""
        if self.gradient is not None:
            return self.gradient
        seeded = replace(self.settings, seed=derive_seed(self.settings.seed, number))  # else all shifts were the same
        return dream_gradient(self.model, self.wish, seeded, photo=photo)

    def finish(self, dreamed: Image, photo: Image) -> Image:
        """The dream without what nobody asked for: outside of masks, and of colors that shall be kept."""
        finish = make_finish(make_region_weights(self.wish, self.settings), self.settings)
        return finish(dreamed, photo)


@dataclass(frozen=True, eq=False)
class Remembered:
    """What goes on to the next frame: the detail on its fine grid, and how fresh each place is, at a small size."""

    fine: FinePixels
    fresh: NDArray[np.float32]


class LiveDreamer:
    """Dreams a camera's frames as they come, at a rate that holds: each has as many steps as there is time for.

    `wish`: words such as "fire8^2", or an objective. `settings`: how the dream looks; the size, the panorama and
    `max_score` are not looked at, and `steps` and `step_size` say how strong the dream becomes. `live`: its size and
    rate, and how the frames hang together.

    What is dreamed stays on the things that move, and lets go of what is hidden; what comes into sight is dreamed
    within a few frames; after a cut the dream begins anew. One thread at a time may call `dream` and `restart`,
    `change` any. Raises `SettingsError` for what is no model, `MissingExtra` without OpenCV, and what `dream_gradient`
    does.

    >>> import numpy as np
    >>> import reverie as rv
    >>> dreamer = rv.LiveDreamer(rv.load_model(), "fire5^2", live=rv.LiveSettings(size=64, steps=1))
    >>> frames = np.random.default_rng(0).integers(0, 255, (3, 48, 64, 3), np.uint8)
    >>> [dreamer.dream(frame).shape for frame in frames]
    [(48, 64, 3), (48, 64, 3), (48, 64, 3)]
    >>> dreamer.change(wish="class:espresso", live=rv.LiveSettings(size=64, strength=0.5))
    """

    def __init__(
        self, model: Model, wish: ObjectiveLike, settings: Settings | None = None, live: LiveSettings | None = None
    ) -> None:
        require_model(model)
        import_cv2()
        self._plan = Plan.make(model, wish, settings or Settings(), live or LiveSettings())
        self._changing = threading.Lock()
        self._pace = Pace()
        self._refused: set[tuple[int, int]] = set()
        self._turned = False
        self.restart()

    def restart(self) -> None:
        """Forgets what was dreamed: the next frame begins anew."""
        self._watcher = Watcher()
        self._remembered: Remembered | None = None
        self._steps: dict[tuple[int, int], Strengths] = {}
        self._number = 0

    @property
    def live(self) -> LiveSettings:
        """The settings in use."""
        return self._plan.live

    @property
    def settings(self) -> Settings:
        """The settings of the dream in use."""
        return self._plan.settings

    @property
    def milliseconds(self) -> dict[str, float]:
        """What the parts of the last frame took: see, follow, carry, steps, hold and show."""
        return {part: 1000 * seconds for part, seconds in self._pace.seconds.items()}

    @property
    def steps_taken(self) -> int:
        """How many steps the last frame had."""
        return self._pace.taken

    def change(
        self, wish: ObjectiveLike | None = None, settings: Settings | None = None, live: LiveSettings | None = None
    ) -> None:
        """Dreams on otherwise from the next frame on, without a jump: what is None stays as it is.

        An old wish's dream goes as the new one's comes. Raises what the constructor does, and changes nothing then.
        """
        with self._changing:
            old = self._plan
            chosen = settings or old.settings, live or old.live
            if wish is None and settings is None:
                self._plan = replace(old, live=chosen[1])
                return
            self._plan = Plan.make(old.model, old.wish if wish is None else wish, *chosen)
            self._turned = True

    def dream(self, frame: Any) -> Pixels:
        """The dream of the next frame: (h, w, 3), uint8, red, green and blue, of the live size.

        `frame`: a NumPy array (h, w, 3) of uint8, red, green and blue, of any size, or what else `open_image` takes.
        Raises `ImageFileError` for what is no picture, `ImageTooSmall` for one too small for the wish's layers, and
        `ScoreError` where a score becomes infinite.
        """
        plan, pace = self._plan, self._pace
        pace.begin()
        with pace.measure("see"):
            pixels = fit_frame(frame, plan.live.size)
            photo = to_image(np.asarray(pixels, np.float32) / np.float32(255))
        with pace.measure("follow"):
            motion = self._watcher.look(pixels, follow=plan.live.flow != "none")
        with pace.measure("carry"):
            remembered, detail = self._carry(plan, motion, photo)
        detail = self._climb(plan, photo, detail, remembered.fresh)
        with pace.measure("hold"):
            held = self._hold(plan, photo, detail)
            fine = update_fine(remembered.fine, to_pixels(held - photo))
            self._remembered = replace(remembered, fine=fine)
        with pace.measure("show"):
            shown = to_bytes(torch.lerp(photo, held, plan.live.strength))
        pace.end()
        self._number += 1
        return shown

    def _carry(self, plan: Plan, motion: Motion | None, photo: Image) -> tuple[Remembered, Image]:
        """What is remembered, moved to where it is now, and the detail (1, 3, h, w) that the frame begins from."""
        size, turned, last = image_size(photo), self._turned, self._remembered
        self._turned = False
        if motion is None or last is None or plan.live.carry == 0:
            shape = (size[0] // 2, size[1] // 2) if motion is None else motion.trust.shape
            blank = np.zeros((2 * size[0], 2 * size[1], 3), np.float32)
            return Remembered(blank, np.ones(shape, np.float32)), torch.zeros_like(photo)
        last = fit_remembered(last, size, motion.trust.shape)
        moved = sample(last.fresh, *place_of(motion.offsets), linear=True)
        fresh = 1 - motion.trust + motion.trust * np.float32(FADING) * moved
        large = enlarge_motion(motion, size)
        fine = move_fine(last.fine, large) if motion.offsets.any() else last.fine
        detail = coarse(fine) * (np.float32(plan.live.carry) * large.trust[..., None])
        return Remembered(fine, np.maximum(fresh, np.float32(TURNED * turned))), to_image(detail)

    def _climb(self, plan: Plan, photo: Image, detail: Image, fresh: NDArray[np.float32]) -> Image:
        """The detail (1, 3, h, w) after the frame's steps."""
        octaves = self._list_octaves(plan, photo)
        rounds = 2 if bool(fresh.min() >= 1) else 1  # what begins anew may take the time of two frames
        taken = self._pace.plan_steps(octaves, plan.live.steps, plan.live.rate, rounds)
        keep_up = KEEP_UP + FADED * (1 - plan.live.carry)
        shares = keep_up + CATCH_UP * torch.from_numpy(fresh)[None, None]
        whole = plan.settings.steps * plan.settings.step_size * len(octaves) * rounds
        step_size = min(whole / max(1, len(taken)), LARGEST_STEP / (keep_up + CATCH_UP))
        gradient = plan.build_gradient(photo, self._number)
        for size in dict.fromkeys(taken):
            count, weighted = taken.count(size), Weighted(gradient, shares)
            try:
                with self._pace.measure_steps(size, count):
                    detail = detail + dream_octave(photo, detail, weighted, size, Climb(count, step_size))
            except (ImageTooSmall, SizeRefused):
                if size == octaves[-1]:
                    raise
                self._refused.add(size)
                continue
            if size not in self._steps or self._number % (SELDOM * len(octaves)) == SELDOM * octaves.index(size):
                self._learn(size, weighted, photo)
        return detail

    def _list_octaves(self, plan: Plan, photo: Image) -> list[tuple[int, int]]:
        """The sizes (height, width) of the octaves, smallest first, without those that the network refused."""
        return [size for size in plan_octaves(image_size(photo), plan.settings) if size not in self._refused]

    def _learn(self, size: tuple[int, int], weighted: Weighted, photo: Image) -> None:
        """Learns how strong a step of an octave is in each band."""
        assert weighted.first is not None
        found = measure_strengths(resize(weighted.first.cpu(), image_size(photo)), photo)
        if found is not None:
            self._steps[size] = torch.lerp(self._steps.get(size, found).square(), found.square(), LEARNED).sqrt()

    def _hold(self, plan: Plan, photo: Image, detail: Image) -> Image:
        """The dream, nowhere stronger than a picture's would be."""
        octaves = self._list_octaves(plan, photo)
        known = [self._steps[size] for size in octaves if size in self._steps]
        dreamed = plan.finish((photo + detail).clamp(0, 1), photo)
        if not known:
            return dreamed
        one = torch.stack(known).square().mean(0).mul(len(octaves)).sqrt()
        whole = one * plan.settings.steps * plan.settings.step_size * torch.tensor(COHERENCE).T[: len(one)]
        return hold(dreamed, photo, whole)


def fit_remembered(remembered: Remembered, size: tuple[int, int], small: tuple[int, int]) -> Remembered:
    """What is remembered, for frames of another size (height, width)."""
    cv2, fine, fresh = import_cv2(), remembered.fine, remembered.fresh
    if fresh.shape != small:
        fresh = cv2.resize(fresh, small[::-1], interpolation=cv2.INTER_LINEAR)
    if fine.shape[:2] != (2 * size[0], 2 * size[1]):
        fine = double(cv2.resize(coarse(fine), size[::-1], interpolation=cv2.INTER_CUBIC))
    return Remembered(fine, fresh)
