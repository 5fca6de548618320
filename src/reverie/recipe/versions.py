"""What recipes of earlier versions mean, so that they go on giving the pictures they gave."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from reverie.settings import Settings

OVERSHOT = "0.1.0"
"""The version whose recipes, where they do not say otherwise, mean `Settings.overshoot`: it knew no other way."""


def own_version() -> str:
    """The version that a recipe written now is of."""
    return metadata.version("reverie")


def implied_settings(version: str) -> dict[str, Any]:
    """The settings that a recipe of a version means without saying them."""
    return {"overshoot": version == OVERSHOT}


def settings_to_write(settings: Settings, version: str) -> dict[str, Any]:
    """The settings as a recipe of a version says them: all but those that are implied."""
    implied = implied_settings(version)
    values = {**settings.as_dict(), "overshoot": settings.overshoot}
    return {name: value for name, value in values.items() if name not in implied or implied[name] != value}
