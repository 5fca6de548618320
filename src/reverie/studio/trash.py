"""What was deleted, kept aside for a while, so that it can be taken back."""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from reverie.jobs.places import free_path
from reverie.studio.refusals import NotThere

DAY = 24 * 3600.0


class Trash:
    """A folder with a folder of its own for each file that was deleted; it is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: Path) -> str:
        """Moves a file here, and returns the key by which it is brought back."""
        key = secrets.token_hex(16)
        (self.folder / key).mkdir(parents=True)
        path.rename(self.folder / key / path.name)
        return key

    def bring_back(self, key: str, folder: Path) -> Path:
        """Moves a file to a folder, by its old name if that is still free. Raises `NotThere`."""
        place = self.folder / key
        path = next(place.iterdir(), None) if key.isalnum() and place.is_dir() else None
        if path is None:
            raise NotThere("this is deleted for good")
        target = path.rename(free_path(folder, path.stem, path.suffix))
        shutil.rmtree(place, ignore_errors=True)
        return target

    def empty(self, age: float = 0.0) -> None:
        """Deletes for good what has lain here for so many seconds."""
        if not self.folder.is_dir():
            return
        for place in self.folder.iterdir():
            with suppress(OSError):  # one that is brought back meanwhile
                if time.time() - place.stat().st_mtime >= age:
                    shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # there is something left
            self.folder.rmdir()
