"""Dreams drawn by chance: another wish and other settings each, within ranges that look good.

What is drawn depends on the seed and its number alone: twenty-four begin with the same twelve.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reverie.errors import SettingsError
from reverie.models.receptive_field import Geometry
from reverie.objectives.base import quoted


@dataclass(frozen=True)
class Surprise:
    """A wish in words, and the settings, by name, that it is dreamed with."""

    objective: str
    settings: Mapping[str, Any]


MOST = 999
FIELD = range(30, 600)
"""The receptive fields, in pixels, of layers worth it: smaller ones know edges only, larger ones need larger photos."""

TRIES = 50
"""Draws of a wish that is not there yet; a network of few layers may have no more."""


def surprises(layers: Mapping[str, Geometry], seed: int, count: int) -> list[Surprise]:
    """`count` (1 to 999) different surprises for a network of these layers, the same ones for the same seed.

    Raises `SettingsError` for another count, or where no layer is fit.
    """
    if not 1 <= count <= MOST:
        raise SettingsError(f"surprise is {count}; expected 1 to {MOST}")
    fit = {name: seen.channels for name, seen in layers.items() if (seen.receptive_field or 0) in FIELD}
    if not fit:
        raise SettingsError("the network has no layer to be surprised by: say what it shall dream of with --objective")
    drawn: list[Surprise] = []
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        known = {each.objective for each in drawn}
        wish = wish_by(chance, fit)
        for _ in range(TRIES):
            if wish not in known:
                break
            wish = wish_by(chance, fit)
        drawn.append(Surprise(wish, settings_by(chance)))
    return drawn


def wish_by(chance: random.Random, layers: Mapping[str, int]) -> str:
    """A layer, two layers, or a few channels of one. `layers`: how many channels each has."""
    kind, name = chance.random(), one_of(chance, list(layers))
    if kind < 0.4:
        return f"{quoted(name)}{one_of(chance, ['', '^2', '^2', '^3'])}"
    if kind < 0.65:
        other = one_of(chance, [each for each in layers if each != name] or [name])
        return f"{quoted(name)}^2 + {between(chance, 0.1, 1.5)}*{quoted(other)}^2"
    channels = sorted({int(chance.random() * layers[name]) for _ in range(one_of(chance, [1, 2, 3, 5]))})
    return " + ".join(f"{quoted(name)}:{channel}" for channel in channels)


def settings_by(chance: random.Random) -> dict[str, Any]:
    """Numbers to dream with. Few steps are larger ones, so that all dreams go about as far."""
    steps = round(between(chance, 10, 24))
    return {
        "octave_scale": between(chance, 1.2, 1.6),
        "steps": steps,
        "step_size": round(between(chance, 0.12, 0.24) / steps, 4),
        "jitter": one_of(chance, [8, 16, 32, 64]),
        "color_correlation": between(chance, 0.3, 0.9),  # of less, low layers are neon
        "laplacian_strength": between(chance, 0.2, 0.8),
    }


def one_of(chance: random.Random, things: list[Any]) -> Any:
    # Python promises the same numbers from `random` in every version, and from `choice` not.
    return things[int(chance.random() * len(things))]


def between(chance: random.Random, least: float, most: float) -> float:
    """A number within the bounds, short enough to be read."""
    return round(least + chance.random() * (most - least), 2)
