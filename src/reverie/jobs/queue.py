"""A queue of jobs, done one after another in a thread of its own: for a page or a notebook that must not wait."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from reverie.errors import ReverieError
from reverie.jobs.door import prepare
from reverie.jobs.job import Job, Progress, Run
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Outcome, finish_run

State = Literal["waiting", "running", "done", "failed", "canceled"]


@dataclass(eq=False)
class Ticket:
    """A job in the queue. `progress` is the newest; `outcome` is there once it is over."""

    number: int
    job: Job
    state: State = "waiting"
    progress: Progress | None = None
    outcome: Outcome | None = None
    run: Run | None = None
    error: BaseException | None = None
    _wanted: bool = True
    _over: threading.Event = field(default_factory=threading.Event)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is over, or so many seconds; whether it is."""
        return self._over.wait(timeout)


class Queue:
    """Does jobs in the order in which they come, and loads each network once.

    `submit` returns a ticket at once; `cancel` takes a job out of the line, or stops it at its next step, in which case
    its picture is saved as far as it came. `close`, or leaving a `with` block, cancels what is left.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2", settings=rv.Settings(steps=1, octaves=1))
    >>> with rv.Queue() as queue:
    ...     ticket = queue.submit(rv.Job(recipe, Path("dream.png")))
    ...     done = ticket.wait(timeout=60)
    >>> ticket.state, str(ticket.outcome.path)
    ('done', 'dream.png')
    """

    def __init__(self, models: Networks | None = None) -> None:
        self.models = models or Networks()
        self._numbers = itertools.count(1)
        self._line: deque[Ticket] = deque()
        self._news = threading.Condition()
        self._current: Ticket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="reverie-queue", daemon=True)
        self._thread.start()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Job) -> Ticket:
        """Puts a job at the end of the line."""
        with self._news:
            if self._closed:
                raise RuntimeError("the queue is closed")
            ticket = Ticket(next(self._numbers), job)
            self._line.append(ticket)
            self._news.notify_all()
        return ticket

    def position(self, ticket: Ticket) -> int:
        """How many jobs come before it: 0 for one that runs or is over."""
        with self._news:
            if ticket not in self._line:
                return 0
            return self._line.index(ticket) + (self._current is not None)

    def cancel(self, ticket: Ticket) -> None:
        """Takes a job out of the line, or stops it at its next step. One that is over stays as it is."""
        with self._news:
            ticket._wanted = False
            if ticket in self._line:
                self._line.remove(ticket)
                self._end(ticket, "canceled")

    def close(self) -> None:
        """Cancels what is left, and waits for the step that is being made."""
        with self._news:
            self._closed = True
            left = [*self._line, *([self._current] if self._current else [])]
        for ticket in left:
            self.cancel(ticket)
        with self._news:
            self._news.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._line or self._closed)
                if not self._line:
                    return
                self._current = ticket = self._line.popleft()
                ticket.state = "running"
            state = self._do(ticket)
            with self._news:
                self._current = None
                self._end(ticket, state)

    def _do(self, ticket: Ticket) -> State:
        """Does a job; whatever goes wrong with it is its own, and the next one comes all the same."""
        try:
            ticket.run = prepare(ticket.job, models=self.models)
            ticket.outcome = finish_run(ticket.job, ticket.run, lambda run: self._watch(ticket, run))
        except ReverieError as error:
            ticket.outcome, ticket.error = Outcome(ticket.job, error=error), error
        except BaseException as error:  # a fault of ours ends the job, not the queue
            ticket.error = error
        if ticket.error or (ticket.outcome and ticket.outcome.error):
            return "failed"
        return "done" if ticket._wanted else "canceled"

    def _watch(self, ticket: Ticket, run: Run) -> Iterator[Progress]:
        for progress in run:
            ticket.progress = progress
            yield progress
            if not ticket._wanted:
                return

    def _end(self, ticket: Ticket, state: State) -> None:
        ticket.state = state
        ticket._over.set()
        self._news.notify_all()
