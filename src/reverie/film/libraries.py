"""The libraries of the extra `film`, imported where the work begins."""

from __future__ import annotations

import importlib
from typing import Any

from reverie.errors import MissingExtra


def import_av() -> Any:
    """PyAV, which reads and writes films; raises `MissingExtra` where it is not installed."""
    return import_library("av")


def import_cv2() -> Any:
    """OpenCV, which measures motion; raises `MissingExtra` where it is not installed."""
    return import_library("cv2")


def import_library(name: str) -> Any:
    """A module of the extra `film`."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra("a film", "film") from None
