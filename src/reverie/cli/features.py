"""The commands that show what a network sees: where in a photo, and in which features."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from reverie.errors import SettingsError


def refuse_atlas(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Say what `reverie atlas` is called now."""
    raise SettingsError(
        "atlas is two commands now: reverie channels shows every channel of a layer or a photo dreamed by every layer "
        "(what atlas did), reverie activation-atlas lays out the activations of many photos"
    )
