"""The controls of a page, read from the fields of the settings: nothing is typed again."""

from __future__ import annotations

from typing import Any

from reverie.models.catalog import DEFAULT_MODEL
from reverie.recipe.presets import PRESETS, Preset
from reverie.settings import Settings
from reverie.settings.fields import CheckedFields, Setting
from reverie.settings.film import Encoding, FilmSettings, LiveSettings, MorphSettings, ZoomSettings
from reverie.settings.visual import VisualSettings
from reverie.studio.shelf import describe_shelf

KINDS: dict[str, type[CheckedFields]] = {
    "dream": Settings,
    "visualize": VisualSettings,
    "film": FilmSettings,
    "zoom": ZoomSettings,
    "morph": MorphSettings,
    "live": LiveSettings,
    "encoding": Encoding,
}

PLAIN = ("strength", "features", "gray", "steps", "step_size", "octaves", "size", "seed")
"""The settings of a dream that stand beside the picture; the others are one fold away."""


def describe_controls() -> dict[str, Any]:
    """Everything that a page builds its controls from."""
    settings = {name: [describe_field(each) for each in kind.fields()] for name, kind in KINDS.items()}
    return {
        "settings": settings,
        "plain": list(PLAIN),
        "presets": [describe_preset(each) for each in PRESETS.values()],
        "models": describe_shelf(),
        "model": DEFAULT_MODEL,
    }


def describe_field(each: Setting) -> dict[str, Any]:
    """One setting: its name, what kind of value it takes, and within which bounds."""
    return {
        "name": each.name,
        "kind": each.kind.__name__,
        "about": each.about,
        "default": each.default,
        "choices": list(each.choices),
        "least": each.least,
        "most": each.most,
        "optional": each.optional,
        "shaped": each.shaped,
    }


def describe_preset(preset: Preset) -> dict[str, Any]:
    """A preset, and the address of its picture, where the bundled network can dream it."""
    pictured = not preset.objectives or DEFAULT_MODEL in preset.objectives
    return {
        "name": preset.name,
        "about": preset.about,
        "settings": dict(preset.settings),
        "objectives": dict(preset.objectives),
        "picture": f"/page/presets/{preset.name}.jpg" if pictured else None,
    }
