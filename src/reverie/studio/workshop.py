"""What all rooms of a studio share: the queue, the networks, the gallery, what was dropped, and the dreams."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from reverie.jobs.networks import Networks
from reverie.jobs.queue import Queue
from reverie.models.spec import ModelSpec
from reverie.studio.downloads import Downloads
from reverie.studio.dreams import Dreams
from reverie.studio.gallery import Gallery
from reverie.studio.options import StudioOptions
from reverie.studio.trash import DAY
from reverie.studio.uploads import UploadLimits, Uploads

log = logging.getLogger("reverie")

STALE = 600.0
"""How old a file becomes that is made to be sent, in seconds."""

SWEEP = 2.0
"""How often is looked for what nobody wants any more, in seconds."""


class Workshop:
    """A studio without its pages. One dream at a time; `close` keeps what is running as far as it came."""

    def __init__(self, options: StudioOptions) -> None:
        self.options = options
        self.gallery = Gallery(options.gallery)
        self._temporary = tempfile.TemporaryDirectory(prefix="reverie-studio-", ignore_cleanup_errors=True)
        limits = UploadLimits(options.upload_bytes, options.film_bytes, options.pixels)
        self.uploads = Uploads(Path(self._temporary.name) / "uploads", limits)
        self.models = Networks()
        self.queue = Queue(self.models, options.waiting)
        self.queue.fill(self._warm_up())
        self.dreams = Dreams(self.queue)
        self.downloads = Downloads()
        self._closed, self._leaving = threading.Event(), threading.Lock()
        threading.Thread(target=self._sweep, name="reverie-janitor", daemon=True).start()

    @property
    def folder(self) -> Path:
        """A folder for what is temporary, deleted at the end."""
        return Path(self._temporary.name)

    def close(self, timeout: float = 2.5) -> None:
        """Stops what is running, keeps it as far as it came, and deletes what is temporary; more than once is once.

        A step that takes longer than so many seconds is given up, and the picture before it is kept.
        """
        with self._leaving:
            if self._closed.is_set():
                return
            self._closed.set()
            self.downloads.close()
            ticket = self.queue.close(timeout)
            run: Any = None if ticket is None else ticket.run
            if run is not None and run.target and run.taken and not run.keeps_its_work:
                run.save()
            self.uploads.clear()
            self.gallery.trash.empty()
            self._temporary.cleanup()

    def note_seconds(self) -> None:
        """Writes down how long each of the finished dreams took."""
        self.gallery.notes.add(self.dreams.list_made())

    def _warm_up(self) -> Iterator[None]:
        """Loads the bundled network before the first visitor asks for it."""
        self.models.load(ModelSpec(device=self.options.device))
        yield

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP):
            for sweep in (self.dreams.sweep, self.uploads.sweep, self._empty, self.note_seconds):
                try:
                    sweep()
                except Exception as error:  # a full disk, say: the other work of a janitor goes on
                    log.warning("the studio could not tidy up: %s", error)

    def _empty(self) -> None:
        self.gallery.trash.empty(DAY)
        sweep_files(self.folder, STALE)
        sweep_files(self.folder / "api", STALE)


def sweep_files(folder: Path, age: float) -> None:
    """Deletes files right in a folder that are older than so many seconds: what was made to be sent, and was."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > age:
                path.unlink()
