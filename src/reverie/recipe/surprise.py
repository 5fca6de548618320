"""Random objectives and settings for `reverie surprise`, drawn from ranges that look good.

A draw depends on the seed and its number only, so that the first twelve of twenty-four are the same as twelve.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reverie.errors import SettingsError
from reverie.models.receptive_field import LayerGeometry
from reverie.objectives.wording import quote_name


@dataclass(frozen=True)
class Surprise:
    """An objective in words, and the settings by name to dream it with."""

    objective: str
    settings: Mapping[str, Any]


MAX_SURPRISES = 999
"""The largest number of surprises at once."""

USABLE_RECEPTIVE_FIELDS = range(30, 600)
"""Receptive fields of usable layers, in pixels: smaller ones see edges only, larger ones need larger photos."""

MAX_DRAWS = 50
"""How often a duplicate is drawn again; a network of few layers may have no other objective."""


def draw_surprises(layers: Mapping[str, LayerGeometry], seed: int, count: int) -> list[Surprise]:
    """Draws `count` (1 to 999) surprises for a network, the same for the same seed.

    `layers`: the geometry of each layer by name. Raises `SettingsError` for another count, or if no layer is usable.
    """
    if not 1 <= count <= MAX_SURPRISES:
        raise SettingsError(f"surprise is {count}; expected 1 to {MAX_SURPRISES}")
    usable = {
        name: each.channels for name, each in layers.items() if (each.receptive_field or 0) in USABLE_RECEPTIVE_FIELDS
    }
    if not usable:
        raise SettingsError("the network has no layer to be surprised by: say what it shall dream of with --objective")
    drawn: list[Surprise] = []
    for number in range(count):
        chance = random.Random(f"{seed} {number}")  # of its own: earlier draws may take any count of random numbers
        known = {each.objective for each in drawn}
        objective = draw_objective(chance, usable)
        for _ in range(MAX_DRAWS):
            if objective not in known:
                break
            objective = draw_objective(chance, usable)
        drawn.append(Surprise(objective, draw_settings(chance)))
    return drawn


def draw_objective(chance: random.Random, layers: Mapping[str, int]) -> str:
    """Draws an objective in words: a layer, two layers, or up to five channels of one.

    `layers`: the number of channels of each usable layer.
    """
    kind, name = chance.random(), draw_item(chance, list(layers))
    if kind < 0.4:
        return f"{quote_name(name)}{draw_item(chance, ['', '^2', '^2', '^3'])}"
    if kind < 0.65:
        other = draw_item(chance, [each for each in layers if each != name] or [name])
        return f"{quote_name(name)}^2 + {draw_number(chance, 0.1, 1.5)}*{quote_name(other)}^2"
    channels = sorted({int(chance.random() * layers[name]) for _ in range(draw_item(chance, [1, 2, 3, 5]))})
    return " + ".join(f"{quote_name(name)}:{channel}" for channel in channels)


def draw_settings(chance: random.Random) -> dict[str, Any]:
    """Draws settings by name. Fewer steps are larger ones, so that all dreams change the photo about as much."""
    steps = round(draw_number(chance, 10, 24))
    return {
        "octave_scale": draw_number(chance, 1.2, 1.6),
        "steps": steps,
        "step_size": round(draw_number(chance, 0.12, 0.24) / steps, 4),
        "jitter": draw_item(chance, [8, 16, 32, 64]),
        "color_correlation": draw_number(chance, 0.3, 0.9),  # with less, the colors of low layers are neon
        "laplacian_strength": draw_number(chance, 0.2, 0.8),
    }


def draw_item(chance: random.Random, things: list[Any]) -> Any:
    """Draws one of the things, each as likely as any other."""
    # Python promises the same numbers in every version from `random.random`, but not from `random.choice`.
    return things[int(chance.random() * len(things))]


def draw_number(chance: random.Random, least: float, most: float) -> float:
    """Draws a number between the bounds, rounded to two digits to be readable in a recipe."""
    return round(least + chance.random() * (most - least), 2)
