"""How a run speaks."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from reverie.errors import SettingsError


@dataclass(frozen=True)
class Manner:
    """How a run speaks, and what it writes beside its picture."""

    quiet: bool = False
    json: bool = False
    snapshots: int | None = None

    def __post_init__(self) -> None:
        if self.snapshots is not None and self.snapshots < 1:
            raise SettingsError(f"snapshots is {self.snapshots}; expected at least 1")


def speak(manner: Manner) -> None:
    """The package's words of warning go to the terminal, each on a line."""
    handler = logging.NullHandler() if manner.quiet else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("reverie: %(message)s"))
    logging.getLogger("reverie").handlers = [handler]
    logging.getLogger("reverie").setLevel(logging.INFO)  # how far a download is
    logging.getLogger("reverie").propagate = False
