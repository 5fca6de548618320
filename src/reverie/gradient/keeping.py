"""A gradient that stays near to the photograph."""

from __future__ import annotations

from reverie.errors import SettingsError
from reverie.image.resample import Resize, resize
from reverie.objectives.penalties import KeepTerm
from reverie.types import Gradient, Image, Score


def kept(gradient: Gradient, photo: Image | None, weight: float, resize: Resize = resize) -> Gradient:
    """A normalized gradient, and beside it a pull back to the photograph, of any size, brought to the image's.

    The plain sum of the two scores would need another weight for every layer and network: the squares of fire8 outweigh
    the distance a thousandfold, the mean of fire8 is outweighed as much. So the pull is held against the normalized
    grad: at the weight 1 it is as strong where the picture is FAR from the photograph. Their weights together are 1,
    so that no weight makes a step overshoot the photograph. Raises `SettingsError` where there is no photograph.
    """
    if not weight:
        return gradient
    if photo is None:
        raise SettingsError("keep needs the photograph to stay near to: give it as photo")

    def pulled(image: Image) -> tuple[Score, Image]:
        change = image - resize(photo, (image.shape[-2], image.shape[-1]))
        score, grad = gradient(image)
        score = score + weight * KeepTerm()(change)
        return score, (grad - weight / FAR * change) / (1 + abs(weight))

    return pulled


FAR = 0.08
"""About as far as a dream goes at the defaults: 20 shades of 255."""
