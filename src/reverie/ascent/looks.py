"""How a dream is shown: which sizes of features count, without dreaming again.

Every octave changes the picture by details of its own size. Kept apart, they can be weighed when the dream is done: the
small octaves made the large features, the large ones the small.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reverie.gradient.compose import choose_base_resize, choose_resize
from reverie.image.resample import image_size
from reverie.settings import Settings
from reverie.types import Image, ResizedImage, Step


def weigh_octave(octave: int, octaves: int, features: float) -> float:
    """The weight, 0..1, of an octave among so many, the first of which made the largest features.

    `features`: -1 small ones, 0 all, 1 large ones. 1 for all octaves at 0, and for the only one there is.
    """
    if octaves < 2:
        return 1.0
    place = octave / (octaves - 1)
    fading = 1 - (1 - place) ** 2 if features > 0 else 1 - place**2
    return 1 - abs(features) * fading


class OctaveChanges:
    """What each octave of a dream changed, at its own size, as far as the dream came.

    `image` (b, 3, h, w) is the photograph at the size of the dream, `carried` what was dreamed before, if anything.
    """

    def __init__(self, image: Image, settings: Settings, carried: ResizedImage | None = None) -> None:
        self._image = image
        self._carried = torch.zeros_like(image[..., :1, :1]) if carried is None else carried
        self._resize, self._resize_base = choose_resize(settings), choose_base_resize(settings)
        self._last: Step | None = None
        self._kept: list[tuple[int, ResizedImage]] = []
        """Of each octave that is over its number and all that was changed up to its end, (b, 3, h', w')."""

    def keep(self, step: Step) -> None:
        """Takes the next step of the dream."""
        if self._last is not None and step.octave != self._last.octave:
            self._kept.append((self._last.octave, self.measure(self._last)))
        self._last = step

    def measure(self, step: Step) -> ResizedImage:
        """All that was changed up to a step, in half precision, which is finer than any picture shows."""
        size = image_size(step.image)
        return (step.image - self._resize_base(self._image, size) - self._resize(self._carried, size)).half()

    def weigh(self, step: Step, features: float) -> ResizedImage:
        """The detail after the last step taken, at its size, the octaves weighed as `features` says."""
        changes = [*self._kept, (step.octave, self.measure(step))]
        return self._add(changes, step.octaves, features) + self._resize(self._carried, image_size(step.image))

    def _add(self, changes: Sequence[tuple[int, ResizedImage]], octaves: int, features: float) -> ResizedImage:
        before = shown = torch.zeros_like(self._image[..., :1, :1])
        for octave, change in changes:
            size, whole = image_size(change), change.float()
            own = whole - self._resize(before, size)
            shown = self._resize(shown, size) + weigh_octave(octave, octaves, features) * own
            before = whole
        return shown
