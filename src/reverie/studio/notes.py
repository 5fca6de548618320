"""How long each picture of the gallery took: a picture's recipe does not say it, since it is no part of what it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reverie._native.files import write_file


class Notes:
    """The seconds that pictures took, by their names, in a hidden file of the gallery's folder."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._guard = threading.Lock()
        self._seconds: dict[str, float] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):  # a file that is none is begun anew
            found = json.loads(file.read_text("utf-8"))
            self._seconds = {str(name): float(each) for name, each in found.items()}

    def find(self, name: str) -> float | None:
        """How long a picture took, in seconds; None: that is not known."""
        return self._seconds.get(name)

    def add(self, made: Iterable[tuple[str, float]]) -> None:
        """Notes pictures and their seconds; the file is written where one of them is news."""
        with self._guard:
            news = {name: round(each, 2) for name, each in made}
            if all(self._seconds.get(name) == each for name, each in news.items()):
                return
            self._seconds |= news
            with suppress(OSError):  # a full disk is no reason to stop
                write_file(self.file, json.dumps(self._seconds).encode())
