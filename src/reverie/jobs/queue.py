"""A queue of jobs, done one after another in a thread of its own: for a page or a notebook that must not wait."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from reverie.errors import QueueFull, ReverieError
from reverie.jobs.door import prepare as prepare_job
from reverie.jobs.job import Progress, Run
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Outcome, Task, Watch, finish_run

log = logging.getLogger("reverie")

State = Literal["waiting", "running", "done", "failed", "canceled"]


Prepare: TypeAlias = Callable[..., Any]
"""Makes a run of a task: `prepare(job, models=networks)`, as the door does of a `Job`, and `prepare_film` of a film."""


@dataclass(eq=False)
class Ticket:
    """A job in the queue. `progress` is the newest; `outcome` is there once it is over."""

    number: int
    job: Task
    prepare: Prepare = prepare_job
    watch: Watch = iter
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

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done for it."""
        return self._over.is_set()


class Queue:
    """Does jobs in the order in which they come, and loads each network once.

    `submit` returns a ticket at once; `cancel` takes a job out of the line, or stops it at its next step, in which case
    its picture is saved as far as it came, and `resume` goes on with it. `close`, or leaving a `with` block, cancels
    what is left. `limit`: how many jobs may wait; None: any number. What `fill` is given is done while nobody waits.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2", settings=rv.Settings(steps=1, octaves=1))
    >>> with rv.Queue() as queue:
    ...     ticket = queue.submit(rv.Job(recipe, Path("dream.png")))
    ...     done = ticket.wait(timeout=60)
    >>> ticket.state, str(ticket.outcome.path)
    ('done', 'dream.png')
    """

    def __init__(self, models: Networks | None = None, limit: int | None = None) -> None:
        self.models, self.limit = models or Networks(), limit
        self._numbers = itertools.count(1)
        self._line: deque[Ticket] = deque()
        self._spare: deque[Iterator[object]] = deque()
        self._news = threading.Condition()
        self._current: Ticket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="reverie-queue", daemon=True)
        self._thread.start()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Task, prepare: Prepare = prepare_job, watch: Watch = iter) -> Ticket:
        """Puts a job at the end of the line. `prepare` makes its run, `watch` reads the progress of it as it goes.

        Raises `QueueFull` where too many are waiting already.
        """
        return self._join(Ticket(next(self._numbers), job, prepare, watch))

    def _join(self, ticket: Ticket) -> Ticket:
        with self._news:
            if self._closed:
                raise RuntimeError("the queue is closed")
            if self.limit is not None and len(self._line) >= self.limit:
                raise QueueFull(f"{len(self._line)} dreams are waiting already, and no more can: try again in a while")
            self._line.append(ticket)
            self._news.notify_all()
        return ticket

    def resume(self, ticket: Ticket) -> Ticket:
        """Puts a job that was stopped at the end of the line again; it goes on where it was. Returns its new ticket."""
        return self._join(Ticket(next(self._numbers), ticket.job, ticket.prepare, ticket.watch, run=ticket.run))

    def fill(self, work: Iterable[object]) -> None:
        """Does some work while no job waits: one `next` of it at a time, after what was given before it."""
        with self._news:
            self._spare.append(iter(work))
            self._news.notify_all()

    def position(self, ticket: Ticket) -> int:
        """How many jobs come before it: 0 for one that runs or is over."""
        with self._news:
            if ticket not in self._line:
                return 0
            return self._line.index(ticket) + (self._current is not None)

    @property
    def waiting(self) -> int:
        """How many jobs wait in the line."""
        with self._news:
            return len(self._line)

    @property
    def is_idle(self) -> bool:
        """Whether no job runs, and none waits."""
        with self._news:
            return self._current is None and not self._line

    def cancel(self, ticket: Ticket) -> None:
        """Takes a job out of the line, or stops it at its next step. One that is over stays as it is."""
        with self._news:
            ticket._wanted = False
            if ticket in self._line:
                self._line.remove(ticket)
                self._end(ticket, "canceled")

    def close(self, timeout: float | None = None) -> Ticket | None:
        """Cancels what is left, and waits for the step that is being made, at most so many seconds.

        Returns the ticket of a job whose step was not over by then.
        """
        with self._news:
            self._closed = True
            left = [*self._line, *([self._current] if self._current else [])]
        for ticket in left:
            self.cancel(ticket)
        with self._news:
            self._news.notify_all()
        self._thread.join(timeout)
        return self._current

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._line or self._spare or self._closed)
                if self._line:
                    self._current = ticket = self._line.popleft()
                    ticket.state = "running"
                elif self._closed:
                    return
                else:
                    ticket = None
            if ticket is None:
                self._do_spare()
                continue
            state = self._do(ticket)
            with self._news:
                self._current = None
                self._end(ticket, state)

    def _do_spare(self) -> None:
        """A piece of what is done while nobody waits; what fails is told to the log and given up."""
        work = self._spare[0]
        try:
            next(work)
        except StopIteration:
            self._spare.remove(work)
        except Exception as error:
            log.warning("work in the background was given up: %s", error)
            self._spare.remove(work)

    def _do(self, ticket: Ticket) -> State:
        """Does a job; whatever goes wrong with it is its own, and the next one comes all the same."""
        try:
            if ticket.run is None:
                ticket.run = ticket.prepare(ticket.job, models=self.models)
            if not ticket._wanted:  # it was canceled while its network was loaded: there is nothing to keep
                return "canceled"
            ticket.outcome = finish_run(ticket.job, ticket.run, lambda run: self._watch(ticket, run))
        except KeyboardInterrupt:  # not wanted any more while it was prepared
            return "canceled"
        except ReverieError as error:
            ticket.outcome, ticket.error = Outcome(ticket.job, error=error), error
        except BaseException as error:  # a fault of ours ends the job, not the queue
            ticket.error = error
        if ticket.error or (ticket.outcome and ticket.outcome.error):
            return "failed"
        return "done" if ticket._wanted else "canceled"

    def _watch(self, ticket: Ticket, run: Run) -> Iterator[Progress]:
        """The progress of a run; one that is not wanted any more is interrupted, as by Ctrl-C."""
        for progress in ticket.watch(run):
            ticket.progress = progress
            yield progress
            if not ticket._wanted:
                raise KeyboardInterrupt

    def _end(self, ticket: Ticket, state: State) -> None:
        ticket.state = state
        ticket._over.set()
        self._news.notify_all()
