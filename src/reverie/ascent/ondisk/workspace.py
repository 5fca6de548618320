"""The work folder beside the output: what is finished survives a kill, and the next call goes on from it."""

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
from reverie.image.opening import printable

MANIFEST = "manifest.json"
LOCK = "lock"
WAY = 4
"""Counts the ways in which blocks were ever computed: another way's blocks are of no use."""


@dataclass(frozen=True)
class Work:
    """A folder of rasters and blocks, for one dream: `digest` says of what."""

    folder: Path
    digest: str
    block: int

    @classmethod
    def beside(cls, target: Path, dream: dict[str, Any], block: int) -> Work:
        """The work for an output; `dream` is all that its pixels follow from, but for the side of the blocks.

        Where that dream was begun with blocks that are no larger, it is gone on with.
        """
        folder = target.resolve().with_name(f".{target.name}.reverie")
        digest = hashlib.sha256(json.dumps({**dream, "way": WAY}, sort_keys=True).encode()).hexdigest()
        begun = read_manifest(folder)
        same = begun.get("digest") == digest and isinstance(begun.get("block"), int) and begun["block"] <= block
        return cls(folder, digest, begun["block"] if same else block)

    def open(self, needed: int) -> None:
        """Makes the folder, or empties it of another dream's work.

        Raises `ImageFileError` where the disk has less than the `needed` bytes left, or the folder is somebody's own.
        """
        with told(self.folder):
            self.refuse_foreign()
            manifest = asdict(self) | {"folder": None}
            begun = read_manifest(self.folder)
            if begun and begun != manifest:
                self.empty()
            self.check_disk(needed)
            if begun != manifest:
                self.folder.mkdir(exist_ok=True)
                write_file(self.folder / MANIFEST, json.dumps(manifest).encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other dream out of the folder meanwhile. The system does, so that no kill leaves it locked.

        Raises `ImageFileError` where another dream is at work.
        """
        self.refuse_foreign()
        self.folder.mkdir(exist_ok=True)
        lock = FileLock(self.folder / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ImageFileError(
                f"another dream is being made in {printable(self.folder)}: wait for it, or name another output"
            ) from None
        try:
            yield
        finally:
            if not self.files():  # finished, or refused before it began
                shutil.rmtree(self.folder, ignore_errors=True)
            lock.release()

    def files(self) -> list[Path]:
        """What is in the folder, but for the lock."""
        return [path for path in self.folder.iterdir() if path.name != LOCK] if self.folder.exists() else []

    def refuse_foreign(self) -> None:
        """Raises `ImageFileError` where the folder is somebody's own."""
        if self.files() and not read_manifest(self.folder):
            raise ImageFileError(f"{printable(self.folder)} is in the way; move it elsewhere")

    def check_disk(self, needed: int) -> None:
        there = [path.stat().st_size for path in self.files()]
        free, missing = shutil.disk_usage(self.folder.parent).free, needed - sum(there)
        if missing > free:
            raise ImageFileError(
                f"{missing / 1e9:.1f} GB of temporary files do not fit beside the output, where {free / 1e9:.1f} GB "
                f"are free ({printable(self.folder.parent)}): make room, or write to another disk"
            )

    def path(self, name: str) -> Path:
        return self.folder / name

    def drop(self, *patterns: str) -> None:
        """Deletes files that are not needed any more."""
        for pattern in patterns:
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def empty(self) -> None:
        """Deletes all that is in the folder; the folder itself goes when it is held no more."""
        for path in self.files():
            path.unlink()

    def close(self) -> None:
        """The same at the end, when nothing that goes wrong with it matters."""
        with suppress(OSError):
            self.empty()


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a work folder says that it is; nothing where it is none."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Whatever the disk refuses, in one line."""
    try:
        yield
    except ImageFileError:
        raise
    except OSError as error:
        where = printable(Path(os.fsdecode(error.filename))) if error.filename else printable(folder)
        raise ImageFileError(f"the temporary files cannot be kept ({where}): {error.strerror}") from None
