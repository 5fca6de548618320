"""Downloads of weights, each in a thread of its own: dreams go on meanwhile."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from reverie.errors import ReverieError
from reverie.models.fetching import fetch_network_file
from reverie.models.weights import DownloadProgress
from reverie.studio.refusals import NotThere

log = logging.getLogger("reverie")

State = Literal["running", "done", "failed", "canceled"]

Fetch = Callable[[str, DownloadProgress], Path]


class Stopped(Exception):
    """Nobody wants the rest of a download."""


@dataclass(eq=False)
class Download:
    """The weights of a network on their way here. `done` and `total` are bytes; `total` is 0 while it is unknown."""

    key: str
    name: str
    state: State = "running"
    done: int = 0
    total: int = 0
    error: str | None = None
    wanted: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int, total: int) -> None:
        """How far it is; raises `Stopped` once nobody wants it."""
        self.done, self.total = done, total
        if not self.wanted.is_set():
            raise Stopped

    def describe(self) -> dict[str, Any]:
        """What a page knows of it."""
        told = {"key": self.key, "name": self.name, "state": self.state}
        return {**told, "done": self.done, "total": self.total, "error": self.error}


class Downloads:
    """All downloads of a studio, by keys; one at a time for each network."""

    def __init__(self, fetch: Fetch = fetch_network_file) -> None:
        self.fetch = fetch
        self._known: dict[str, Download] = {}
        self._guard = threading.Lock()

    def start(self, name: str) -> Download:
        """Begins to fetch the weights of a network, or joins the download that runs already."""
        with self._guard:
            running = next((each for each in self._known.values() if each.name == name and is_running(each)), None)
            if running is not None:
                return running
            download = Download(secrets.token_urlsafe(16), name)
            download.wanted.set()
            self._known[download.key] = download
        threading.Thread(target=self._run, args=(download,), name="reverie-download", daemon=True).start()
        return download

    def find(self, key: str) -> Download:
        """The download of a key; raises `NotThere`."""
        with self._guard:
            if key not in self._known:
                raise NotThere("this download is not known here any more: begin it again")
            return self._known[key]

    def list_running(self) -> list[Download]:
        """Those that are not over."""
        with self._guard:
            return [each for each in self._known.values() if is_running(each)]

    def stop(self, download: Download) -> None:
        """Ends a download; nothing of it stays."""
        download.wanted.clear()

    def close(self) -> None:
        """Ends all of them."""
        for each in self.list_running():
            self.stop(each)

    def _run(self, download: Download) -> None:
        try:
            self.fetch(download.name, download.tell)
            download.state = "done"
        except Stopped:
            download.state = "canceled"
        except ReverieError as error:
            download.error, download.state = str(error), "failed"
        except Exception as error:  # a fault of a library ends the download, not the studio
            log.warning("the download of %s broke off", download.name, exc_info=error)
            download.error = f"the download of {download.name} broke off: {type(error).__name__}"
            download.state = "failed"


def is_running(download: Download) -> bool:
    """Whether it is not over."""
    return download.state == "running"
