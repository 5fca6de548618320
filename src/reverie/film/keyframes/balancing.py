"""The weights with which wishes fade evenly: of networks' layers and classes, one would else drown the other.

The strength of a gradient differs by the wish: with the bundled network and a photograph of 320 pixels, that of
`fire8^2` is four times that of `fire3^2`, and that of `class:volcano` a fifteenth. Half of the one and half of the
other is then no half: in the middle between `fire8^2` and the class, the class has 2 % of the sum. Each divided by its
strength, they have half each.
"""

from __future__ import annotations

from collections.abc import Sequence

from reverie.film.keyframes.table import list_unweighted, weigh_wishes
from reverie.gradient.base import gradient_of
from reverie.image.resample import limit_longest_side
from reverie.objectives.parser import objective as parse_objective
from reverie.types import CHANGE_LAYER, Image, Model

LOOK = 384
"""The longest side at which a frame is looked at, in pixels: between the sizes of a dream's octaves.

The ratio of two layers' strengths changes by less than two from 128 to 512 pixels, that of a layer's and a class's by
up to five: the smaller the picture, the weaker the class.
"""
DIGITS = 3
"""The significant digits of a weight: no one sees more, and what a processor does with the last changes no film."""


def balance_wishes(text: str, model: Model, frame: Image) -> str:
    """The keyframes with a weight for each wish that has none, by the strength of its gradient on a film's first frame.

    `text`: keyframes as a TOML text, which comes back as it is where no wish fades into another, or all have weights.
    `frame`: (1, 3, h, w), 0..1. Raises what `gradient_of` raises for wishes that the network cannot have.

    The weights stand in the text, so that whoever has it makes the same film.
    """
    wishes = list_unweighted(text)
    return weigh_wishes(text, measure_weights(wishes, model, frame)) if wishes else text


def measure_weights(wishes: Sequence[str], model: Model, frame: Image) -> list[float]:
    """The strength of the first wish's gradient over that of each; 1 for a wish that leaves the frame as it is."""
    strengths = [measure_strength(each, model, limit_longest_side(frame, LOOK)) for each in wishes]
    first = next((each for each in strengths if each), 1.0)
    return [float(f"{first / each:.{DIGITS}g}") if each else 1.0 for each in strengths]


def measure_strength(words: str, model: Model, frame: Image) -> float:
    """The standard deviation of a wish's gradient; `keep` is left out, which is added to a step of any strength."""
    wish = parse_objective(words).without(CHANGE_LAYER)
    return float(gradient_of(model, wish)(frame)[1].std()) if wish.terms else 0.0
