"""Files and folders written whole or not at all, and the digest of a file."""

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
    """An empty file beside the target to write to; it is synced to the disk and takes the target's name at the end.

    If anything fails, it is deleted and the target stays as it was. A link is followed, and a file that is replaced
    keeps its mode. The temporary name is hidden and random unless `draft` says it: then what a killed process has left
    under that name is written over, and does not lie about for ever. Raises what the disk raises.
    """
    target = target.resolve()
    temporary = target.with_name(draft or f".{secrets.token_hex(8)}{target.suffix}")
    try:
        temporary.open("wb" if draft else "xb").close()
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(target: Path, data: bytes) -> None:
    """Bytes into a file, by `replace_file`."""
    with replace_file(target) as draft:
        draft.write_bytes(data)


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """The same for a folder; one that was there is replaced as a whole."""
    target = target.resolve()
    temporary, aside = (target.with_name(f".{secrets.token_hex(8)}") for _ in range(2))
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():  # no system replaces a folder that holds something: the old one steps aside first
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
    """The digest of a file's bytes, in hexadecimal; a megabyte at a time, since files may be larger than memory."""
    digest = hashlib.new(method, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
