"""Live: a camera's frames come in one by one, and go back dreamed, as long as somebody sends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyvips

from reverie.errors import ImageFileError, ReverieError
from reverie.film.live import LiveDreamer
from reverie.image.arrays import open_image
from reverie.image.opening import silence_libvips
from reverie.image.picture import quantize_samples
from reverie.jobs.job import Progress
from reverie.jobs.networks import Networks
from reverie.objectives.default import default_objective
from reverie.objectives.masks import make_gray
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.request import Request
from reverie.settings.film import LiveSettings
from reverie.studio.asking import Asked, DreamAsked, read_asked, take_up
from reverie.studio.dreams import Dream
from reverie.studio.refusals import NotThere, UploadTooLarge
from reverie.studio.runs import ShownRun

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

LONGEST = 1280
"""The longest side of a camera's frame that is taken, in pixels."""

MOST_BYTES = 4_000_000
"""How many bytes a frame may have."""

SILENCE = 6.0
"""After how many seconds without a frame the place is given to others."""

KEPT = 8
"""How many frames' dreams wait for those who asked for them."""

PATIENCE = 8.0
"""How long a frame waits for its dream, in seconds: the first one of a network takes longest."""


class LiveAsked(msgspec.Struct, frozen=True):
    """What a page asks for: a dream as elsewhere, and how its frames hang together."""

    dream: dict[str, Any] = {}
    live: dict[str, Any] = {}


class Slot:
    """Where a frame waits for its dream. The newest one takes the place of one that is not begun yet."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._waiting: tuple[int, np.ndarray] | None = None
        self._count = 0
        self._dreamed: dict[int, bytes | ReverieError | None] = {}
        """What became of each frame that somebody still waits for; None: nothing."""
        self._over = False

    def exchange(self, frame: np.ndarray) -> bytes | None:
        """Brings a frame and waits for its dream, a JPEG; None where a newer one came, or it is over."""
        with self._news:
            self._count += 1
            number = self._count
            if self._waiting is not None:
                self._dreamed[self._waiting[0]] = None
            self._waiting = number, frame
            self._news.notify_all()
            self._news.wait_for(lambda: self._over or number in self._dreamed, PATIENCE)
            found = self._dreamed.pop(number, None)
        if isinstance(found, ReverieError):
            raise found
        return found

    def take(self, timeout: float) -> tuple[int, np.ndarray] | None:
        """The frame that waits; None where none comes within so many seconds."""
        with self._news:
            self._news.wait_for(lambda: self._waiting is not None, timeout)
            frame, self._waiting = self._waiting, None
            return frame

    def give(self, number: int, dreamed: bytes | ReverieError) -> None:
        """Hands back the dream of a frame, or why there is none."""
        with self._news:
            self._dreamed[number] = dreamed
            for old in [each for each in self._dreamed if each < number - KEPT]:  # whoever asked has left
                del self._dreamed[old]
            self._news.notify_all()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._news:
            self._over = True
            self._news.notify_all()


@dataclass(frozen=True)
class LiveTask:
    """A camera to dream, for as long as it goes on."""

    asked: Asked
    live: LiveSettings
    slot: Slot = field(default_factory=Slot)
    changes: list[tuple[Request, LiveSettings]] = field(default_factory=list)
    target: Path | None = None
    draws = False
    """Its pictures go back with the frames."""

    @property
    def recipe(self) -> Request:
        """What is dreamed of."""
        return self.asked.request


class LiveRun(ShownRun):
    """Frames, dreamed as they come, until nobody sends any more."""

    def __init__(self, task: LiveTask, models: Networks) -> None:
        super().__init__(task)
        self.slot, self.changes = task.slot, task.changes
        self.model = models.load(task.recipe.model, task.recipe.settings.seed)
        self.gray = task.recipe.settings.gray
        self.dreamer = LiveDreamer(self.model, self.wish_of(task.recipe), task.recipe.settings, task.live)
        self.times: list[float] = []

    def wish_of(self, request: Request) -> Any:
        """What a request wishes for; of masks, which a camera would leave behind, the wishes alone."""
        return parse_objective(request.objective or default_objective(self.model))

    def __iter__(self) -> Iterator[Progress]:
        last = time.monotonic()
        try:
            while time.monotonic() - last < SILENCE:
                waiting = self.slot.take(0.25)
                if waiting is not None:
                    self.slot.give(waiting[0], self.dream(waiting[1]))
                    last = time.monotonic()
                yield self.tell()
        finally:
            self.slot.close()

    def dream(self, frame: np.ndarray) -> bytes | ReverieError:
        """A frame's dream, as a JPEG; a mistake is handed back, and the next frame is tried."""
        try:
            while self.changes:
                request, live = self.changes.pop(0)
                self.gray = request.settings.gray
                self.dreamer.change(self.wish_of(request), request.settings, live)
            pixels = self.dreamer.dream(frame)
        except ReverieError as error:
            return error
        now = time.monotonic()
        self.times = [*(each for each in self.times if now - each < 2), now]
        if self.gray:
            pixels = quantize_samples(make_gray(open_image(pixels)), 8).numpy()
        data: bytes = pyvips.Image.new_from_array(pixels).write_to_buffer(".jpg", Q=85, keep="none")
        return data

    def tell(self) -> Progress:
        """How it goes: frames a second, over the last two."""
        times = self.times
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 else 0.0
        spent = sum(self.dreamer.milliseconds.values())
        place = f"{rate:.1f} frames a second, {spent:.0f} ms a frame, {self.dreamer.steps_taken} steps"
        size = (self.dreamer.live.size, self.dreamer.live.size)
        return Progress(0.0, 0, 1, place, size, False, lambda: None, lambda longest: self.picture)


def prepare_live(task: LiveTask, *, models: Networks | None = None) -> LiveRun:
    """The run of a camera's dream; the network is loaded here."""
    return LiveRun(task, models or Networks())


def read_live(body: dict[str, Any], workshop: Workshop) -> tuple[Asked, LiveSettings]:
    """What a page asks for; raises what `take_up` does, and `SettingsError`."""
    asked = read_asked(body, LiveAsked)
    dream = {name: value for name, value in asked.dream.items() if name not in ("input", "masks")}
    found = take_up(read_asked(dream, DreamAsked), workshop)
    settings = replace(found.request.settings, size=None, strength=1.0, features=0.0)
    request = replace(found.request, settings=settings)
    return replace(found, request=request), LiveSettings.of(asked.live)


def start_live(body: dict[str, Any], workshop: Workshop) -> Dream:
    """Puts a camera in the line."""
    asked, live = read_live(body, workshop)
    return workshop.dreams.start("live", "the camera", LiveTask(asked, live), prepare_live, {})


def change_live(dream: Dream, body: dict[str, Any], workshop: Workshop) -> None:
    """Dreams on otherwise from the next frame on."""
    asked, live = read_live(body, workshop)
    find_task(dream).changes.append((asked.request, live))


def find_task(dream: Dream) -> LiveTask:
    """The camera of a dream; raises `NotThere` for one that is over, or is none."""
    task = dream.ticket.job
    if not isinstance(task, LiveTask) or dream.ticket.is_over:
        raise NotThere("the camera's place was given to others: start it again")
    return task


def read_frame(data: bytes) -> np.ndarray:
    """The pixels (h, w, 3), uint8, of a frame that came as a JPEG, PNG or WebP.

    Raises `ImageFileError`, and `UploadTooLarge` for more than a camera sends.
    """
    silence_libvips()
    try:
        picture = pyvips.Image.new_from_buffer(data, "", access="sequential")
        if max(picture.width, picture.height) > LONGEST:
            raise UploadTooLarge(f"a frame of {picture.width} x {picture.height}; expected at most {LONGEST} a side")
        picture = picture.colourspace("srgb")
        return np.ascontiguousarray((picture[:3] if picture.bands > 3 else picture).numpy())
    except pyvips.Error:
        raise ImageFileError("a frame is no picture") from None
