"""The dreams of all visitors: who waits, who runs, who looks, and what became of them."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reverie.errors import ReverieError
from reverie.jobs.outcomes import Task
from reverie.jobs.queue import Prepare, Queue, Ticket
from reverie.studio.painter import Painter
from reverie.studio.pictures import as_data_url
from reverie.studio.refusals import NotThere, is_full

GRACE = 10.0
"""How long a dream goes on that nobody looks at any more, in seconds: a page that is loaded again is back by then."""

KEPT_RUNS = 3
"""How many finished dreams stay in memory, so that their strength can be changed without dreaming again."""

KEPT_DREAMS = 200
"""How many finished dreams are remembered at all; their pictures stay in the gallery."""

KEPT_SCORES = 500
"""Of how many steps the score is remembered then."""

BEAT = 0.02
"""How often a stream looks for news, in seconds."""

SILENCE = 10.0
"""After how many seconds without news a stream says that it is still there."""


@dataclass(eq=False)
class Dream:
    """One visitor's job. `parts` are what it made on the way, such as the tries of a sheet, as a page is told them."""

    key: str
    kind: str
    title: str
    ticket: Ticket
    painter: Painter
    asked: dict[str, Any] = field(default_factory=dict)
    """The state of the page that asked for it: what a page that is loaded again begins from."""
    parts: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    """What a page is told once it is over, beside the picture's name."""
    listeners: int = 0
    left: float | None = None
    """When the last listener left; None: somebody looks, or nobody ever did."""

    @property
    def path(self) -> Path | None:
        """The file that was written, if any."""
        outcome = self.ticket.outcome
        return None if outcome is None else outcome.path

    @property
    def error(self) -> str | None:
        """Why it failed, in one line."""
        error = self.ticket.error or (self.ticket.outcome.error if self.ticket.outcome else None)
        if error is None or isinstance(error, ReverieError):
            return None if error is None else str(error)
        if is_full(error):
            return "the disk is full: make room, and what is made is gone on with"
        if isinstance(error, MemoryError) or "memory" in str(error):
            return "not enough memory: a smaller size needs less"
        return f"it broke off: {type(error).__name__}: {error}"

    def forget(self) -> None:
        """Lets go of what takes memory: the run, its newest picture, most of its curve, and where an error came from.

        What a page is told of it stays.
        """
        ticket, painter = self.ticket, self.painter
        ticket.run = ticket.progress = None
        painter.preview = None
        painter.curve = painter.curve[:: max(1, len(painter.curve) // KEPT_SCORES)]
        self.parts.clear()
        for error in (ticket.error, ticket.outcome.error if ticket.outcome else None):
            if error is not None:  # its frames hold the run
                error.__traceback__ = error.__context__ = error.__cause__ = None


class Dreams:
    """The dreams of a studio, by keys that nobody can guess."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self._dreams: dict[str, Dream] = {}
        self._guard = threading.Lock()

    def start(self, kind: str, title: str, task: Task, prepare: Prepare, asked: dict[str, Any]) -> Dream:
        """Puts a job in the line; raises `QueueFull`."""
        painter = Painter(draws=getattr(task, "draws", True))
        painter.look()
        ticket = self.queue.submit(task, prepare, painter.watch)
        dream = Dream(secrets.token_urlsafe(16), kind, title, ticket, painter, asked)
        if hasattr(task, "parts"):
            dream.parts = task.parts
        with self._guard:
            self._dreams[dream.key] = dream
        return dream

    def find(self, key: str) -> Dream:
        """The dream of a key; raises `NotThere`."""
        with self._guard:
            if key not in self._dreams:
                raise NotThere("this dream is not here any more; if it was finished, the gallery has it")
            return self._dreams[key]

    def list_made(self) -> list[tuple[str, float]]:
        """The names of the files that were written, and the seconds that each took."""
        with self._guard:
            dreams = list(self._dreams.values())
        return [(each.path.name, each.painter.news.seconds) for each in dreams if each.path and each.painter.news]

    def find_task(self, target: Path) -> Dream | None:
        """The dream that makes a file now, or waits to."""
        with self._guard:
            dreams = list(self._dreams.values())
        return next((each for each in dreams if each.ticket.job.target == target and not each.ticket.is_over), None)

    def stop(self, dream: Dream) -> None:
        """Takes a dream out of the line, or stops it at its next step; what is there is kept."""
        self.queue.cancel(dream.ticket)
        stop = getattr(dream.ticket.job, "stop", None)  # of what is done before the first step
        if stop is not None:
            stop()

    def resume(self, dream: Dream) -> None:
        """Goes on with a dream that was stopped."""
        if dream.ticket.is_over:
            dream.ticket, dream.left = self.queue.resume(dream.ticket), None

    def describe(self, dream: Dream) -> dict[str, Any]:
        """How a dream is, as a page is told it."""
        ticket, news = dream.ticket, dream.painter.news
        told: dict[str, Any] = {"key": dream.key, "kind": dream.kind, "title": dream.title, "state": ticket.state}
        told |= {"before": self.queue.position(ticket), "news": None if news is None else news.describe()}
        told |= {"stage": getattr(ticket.job, "stage", "")}
        if ticket.is_over:
            resumable = ticket.state == "canceled" and ticket.run is not None
            told |= {"error": dream.error, "resumable": resumable, "restylable": can_restyle(ticket)}
            told |= {"item": dream.path.name if dream.path else None, **dream.result}
        return told

    @contextmanager
    def listening(self, dream: Dream) -> Iterator[None]:
        """Somebody looks at a dream as long as the block lasts."""
        dream.listeners, dream.left = dream.listeners + 1, None
        try:
            yield
        finally:
            dream.listeners -= 1
            if not dream.listeners:
                dream.left = time.monotonic()

    async def follow(self, dream: Dream, side: int | None = None) -> AsyncIterator[dict[str, Any]]:
        """Everything new about a dream, until it is over: what `describe` says, scores, parts, and the newest picture.

        `side`: the longest side of pictures, in pixels.
        """
        if side is not None:
            dream.painter.side = side
        scores = parts = shown = 0
        last, said = None, time.monotonic()
        with self.listening(dream):
            while True:
                dream.painter.look()
                over = dream.ticket.is_over
                told = self.describe(dream)
                number, jpeg = dream.painter.newest()
                if told != last or number != shown or time.monotonic() - said > SILENCE:
                    event = {**told, "scores": dream.painter.curve[scores:], "parts": dream.parts[parts:]}
                    scores, parts = len(dream.painter.curve), len(dream.parts)
                    if number != shown and jpeg is not None:
                        event["preview"], shown = as_data_url(jpeg), number
                    last, said = told, time.monotonic()
                    yield event
                if over:
                    return
                await asyncio.sleep(BEAT)

    def is_in_the_way(self, dream: Dream) -> bool:
        """Whether a dream that nobody looks at is to be stopped; one that takes hours goes on unless others wait."""
        lasting = getattr(dream.ticket.job, "lasting", False)
        return not dream.ticket.is_over and not (lasting and self.queue.waiting == 0)

    def sweep(self) -> None:
        """Stops what nobody looks at any more, and forgets what was finished long ago."""
        with self._guard:
            dreams = list(self._dreams.values())
        for dream in dreams:
            if dream.left is not None and time.monotonic() - dream.left > GRACE and self.is_in_the_way(dream):
                self.stop(dream)
        over = [dream for dream in dreams if dream.ticket.is_over]
        # A look at a network takes no picture's place in memory.
        for dream in [each for each in over if each.kind != "network"][:-KEPT_RUNS]:
            dream.forget()
        with self._guard:
            for dream in over[:-KEPT_DREAMS]:
                del self._dreams[dream.key]


def can_restyle(ticket: Ticket) -> bool:
    """Whether the strength of a dream can be changed without dreaming again."""
    return hasattr(ticket.run, "restyle")
