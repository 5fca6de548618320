"""The page beside a sheet: the same pictures, which a click enlarges, and the command line that makes each.

It is one file without scripts, and works from a disk: a link to a picture is what enlarges it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie.jobs.pages import render_page


@dataclass(frozen=True)
class Entry:
    """One picture: its name, the command line that makes it, its file."""

    label: str
    command: str
    path: Path


GENERATOR = '<meta name="generator" content="Reverie'
"""What tells our pages from others, which are not to be written over."""


def draw_page(title: str, entries: Sequence[Entry]) -> str:
    """The page as text."""
    return render_page(
        "reverie.jobs", "sheet.html.j2", {"title": title, "entries": entries, "made_here": f'{GENERATOR} sheet">'}
    )
