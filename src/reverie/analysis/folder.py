"""The report's folder, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reverie._native.files import replace_folder
from reverie.errors import ReportError, ReverieError

RESULTS_FILE = "results.json"


@contextmanager
def draft_report_folder(target: Path) -> Iterator[Path]:
    """Yields a hidden folder beside the target; it is renamed to the target at the end, or deleted if the work fails.

    An older report there is replaced. Raises `ReportError`, before any work is done, where the target cannot be
    written or holds anything else than a report.
    """
    check_report_target(target)
    try:
        with replace_folder(target) as draft:
            yield draft
    except ReverieError:  # a photo that cannot be read is an OSError, too, and none of the report's
        raise
    except OSError as error:
        raise ReportError(f"the report {target} cannot be written: {error.strerror or error}") from None


def check_report_target(target: Path) -> None:
    """Raises `ReportError` where no report can be written, or where the folder holds files that are no report's."""
    try:
        if target.exists() and not target.is_dir():
            raise ReportError(f"{target} is a file; expected a folder for the report")
        parent = target.resolve().parent
        if not parent.is_dir():
            raise ReportError(f"{parent} is no folder; make it first")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise ReportError(f"the folder {parent} cannot be written to")
        if target.is_dir() and (foreign := find_foreign_files(target)):
            raise ReportError(f"{target} holds {foreign[0]}, which is no report's; name a new folder with -o")
    except (ValueError, RuntimeError, OSError) as error:  # a zero byte in the name; a loop of links; no permission
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"the report {target} cannot be written: {error}") from None


def find_foreign_files(folder: Path) -> list[str]:
    """Files in a folder that its report's results.json does not list: they are not ours to delete."""
    own = {RESULTS_FILE}
    try:
        own |= set(json.loads((folder / RESULTS_FILE).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    present = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    return sorted(set(present) - own)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files into the folder: relative path -> bytes."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
