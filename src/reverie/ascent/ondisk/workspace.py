"""The hidden work folder beside the output: finished blocks survive a kill, and the next call resumes from them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from reverie._native.files import write_file
from reverie.errors import ImageFileError
from reverie.image.opening import escape_path

MANIFEST = "manifest.json"
LOCK = "lock"
FORMAT_VERSION = 4
"""Raised whenever blocks are computed or stored differently: work of another version is not resumed."""


@dataclass(frozen=True)
class Workspace:
    """A folder of rasters and blocks for one dream, identified by `digest`; `block` is the side of its blocks."""

    folder: Path
    digest: str
    block: int

    @classmethod
    def beside(cls, target: Path, dream: dict[str, Any], block: int) -> Workspace:
        """The work folder of an output.

        `dream` is everything that decides its pixels, except the side of the blocks. If the folder already holds work
        on the same dream, in blocks no larger than `block`, that work and its block side are kept.
        """
        folder = target.resolve().with_name(f".{target.name}.reverie")
        digest = hashlib.sha256(json.dumps({**dream, "way": FORMAT_VERSION}, sort_keys=True).encode()).hexdigest()
        found = read_manifest(folder)
        same = found.get("digest") == digest and isinstance(found.get("block"), int) and found["block"] <= block
        return cls(folder, digest, found["block"] if same else block)

    def open(self, needed: int) -> None:
        """Creates the folder, or empties it if it holds the work of another dream.

        Raises `ImageFileError` where the disk has fewer than the `needed` bytes left, or where the folder exists and is
        not a work folder.
        """
        with report_disk_errors(self.folder):
            self.refuse_foreign()
            manifest = asdict(self) | {"folder": None}
            found = read_manifest(self.folder)
            if found and found != manifest:
                self.empty()
            self.check_disk(needed)
            if found != manifest:
                self.folder.mkdir(exist_ok=True)
                write_file(self.folder / MANIFEST, json.dumps(manifest).encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Locks the folder against other processes; a lock of the operating system, so that no kill leaves it behind.

        Deletes the folder at the end if nothing is in it. Raises `ImageFileError` where another dream holds the lock.
        """
        self.refuse_foreign()
        self.folder.mkdir(exist_ok=True)
        lock = FileLock(self.folder / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ImageFileError(
                f"another dream is being made in {escape_path(self.folder)}: wait for it, or name another output"
            ) from None
        try:
            yield
        finally:
            if not self.list_files():  # finished, or refused before it began
                shutil.rmtree(self.folder, ignore_errors=True)
            lock.release()

    def list_files(self) -> list[Path]:
        """The files in the folder, except the lock."""
        return [path for path in self.folder.iterdir() if path.name != LOCK] if self.folder.exists() else []

    def refuse_foreign(self) -> None:
        """Raises `ImageFileError` where the folder holds files but no manifest: they are somebody's own."""
        if self.list_files() and not read_manifest(self.folder):
            raise ImageFileError(f"{escape_path(self.folder)} is in the way; move it elsewhere")

    def check_disk(self, needed: int) -> None:
        """Raises `ImageFileError` where `needed` bytes, less those that are already in the folder, are not free."""
        present = [path.stat().st_size for path in self.list_files()]
        free, missing = shutil.disk_usage(self.folder.parent).free, needed - sum(present)
        if missing > free:
            raise ImageFileError(
                f"{missing / 1e9:.1f} GB of temporary files do not fit beside the output, where {free / 1e9:.1f} GB "
                f"are free ({escape_path(self.folder.parent)}): make room, or write to another disk"
            )

    def path(self, name: str) -> Path:
        """The path of a file in the folder."""
        return self.folder / name

    def drop(self, *patterns: str) -> None:
        """Deletes the files that match a glob pattern and are not needed any more."""
        for pattern in patterns:
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def empty(self) -> None:
        """Deletes all files in the folder; the folder itself goes when the lock is released."""
        for path in self.list_files():
            path.unlink()

    def close(self) -> None:
        """Deletes all files once the output is written; a failure to do so no longer matters and is ignored."""
        with suppress(OSError):
            self.empty()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a work folder; empty where there is none, or it cannot be read."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def report_disk_errors(folder: Path) -> Iterator[None]:
    """Turns an `OSError` of the disk within the block into an `ImageFileError` of one line."""
    try:
        yield
    except ImageFileError:
        raise
    except OSError as error:
        where = escape_path(Path(os.fsdecode(error.filename))) if error.filename else escape_path(folder)
        raise ImageFileError(f"the temporary files cannot be kept ({where}): {error.strerror}") from None
