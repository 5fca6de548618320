"""Atomic writes of files and folders, and the digest of a file."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_file(target: Path, draft: str | None = None) -> Iterator[Path]:
    """Yield an empty temporary file beside the target, which replaces the target when the block ends.

    The temporary file is synced to the disk and then renamed, so the target is always either the old or the new file as
    a whole. If anything fails, the temporary file is deleted and the target stays as it was. A symbolic link is
    followed, and a replaced file keeps its mode. The temporary name is hidden and random unless `draft` gives one: with
    a fixed name, what a killed process has left behind is overwritten by the next one instead of staying forever.

    Raises whatever OSError the file system raises.
    """
    target = target.resolve()
    # In the same folder as the target: a rename is atomic within one file system only.
    temporary = target.with_name(draft or f".{secrets.token_hex(8)}{target.suffix}")
    try:
        temporary.open("wb" if draft else "xb").close()
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # or a crash after the rename could leave an empty file under the target's name
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:  # KeyboardInterrupt too: nothing is left behind
        temporary.unlink(missing_ok=True)
        raise


def write_file(target: Path, data: bytes) -> None:
    """Write bytes to a file atomically, by `replace_file`."""
    with replace_file(target) as draft:
        draft.write_bytes(data)


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder, which replaces the target folder as a whole when the block ends.

    If anything fails, the temporary folder is deleted and the target stays as it was. Raises OSError.
    """
    target = target.resolve()
    temporary, aside = (target.with_name(f".{secrets.token_hex(8)}") for _ in range(2))
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():  # no system replaces a folder that is not empty: the old one is moved aside first
            target.rename(aside)
        try:
            temporary.rename(target)
        except OSError:
            if aside.exists():
                aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def hash_file(path: Path, method: str = "sha256") -> str:
    """Return the digest of a file's bytes, in hexadecimal. `method` is a name that hashlib knows.

    The file is read one megabyte at a time, since it may be larger than memory. Raises OSError.
    """
    digest = hashlib.new(method, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
