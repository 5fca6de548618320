"""Settings that recipes of earlier versions imply, so that they give the same pictures as then."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from reverie.settings import Settings

OVERSHOOT_VERSION = "0.1.0"
"""The version whose recipes imply `Settings.overshoot`, as it had no such setting and behaved so."""


def installed_version() -> str:
    """The installed version of Reverie, which is written into recipes."""
    return metadata.version("reverie")


def implied_settings(version: str) -> dict[str, Any]:
    """The settings, by name, that a recipe of a version has if it does not list them."""
    return {"overshoot": version == OVERSHOOT_VERSION}


def drop_implied_settings(settings: Settings, version: str) -> dict[str, Any]:
    """The settings that a recipe of a version must list: all that are set and not implied."""
    implied = implied_settings(version)
    values = {**settings.as_dict(), "overshoot": settings.overshoot}
    return {name: value for name, value in values.items() if name not in implied or implied[name] != value}
