"""What goes on from octave to octave: the detail beside the photograph, or the dreamed picture itself."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F

from reverie.gradient.compose import choose_base_resize, choose_resize
from reverie.image.resample import clamp_after_resize, image_size, resize_sphere
from reverie.settings import Settings
from reverie.types import Image, ResizedImage


@runtime_checkable
class Handover(Protocol):
    """Gives each octave the canvas that it begins from, and keeps what it made of it."""

    def begin(self, size: tuple[int, int]) -> ResizedImage:
        """The canvas (b, 3, *size), 0..1, of the next octave."""

    def end(self, canvas: Image) -> None:
        """Keeps the octave's last canvas."""


class DetailHandover:
    """The detail goes on, beside the photograph, which is as sharp at every octave: Google's notebook of 2015.

    What was dreamed before (`carried`) is added at every octave, at its own sharpness; only what this dream changes of
    it is enlarged from octave to octave. Enlarging all of the detail would lose what is fine in it.
    """

    def __init__(self, image: Image, settings: Settings, carried: ResizedImage) -> None:
        self._image, self._carried = image, carried
        self._resize, self._resize_base = choose_resize(settings), choose_base_resize(settings)
        self._base = image
        self._old = self._change = torch.zeros_like(image[..., :1, :1])

    def begin(self, size: tuple[int, int]) -> ResizedImage:
        # A departure: the notebook shrinks each octave from the next larger one, linearly; here each is resized from
        # the photograph itself, by an antialiased bicubic.
        self._base = self._resize_base(self._image, size)  # (b, 3, *size)
        self._old = self._resize(self._carried, size)
        # As in the notebook, the enlarged detail is added to the sharp photograph.
        # A departure: the sum is clamped before the first step, too, so that the network sees only valid pixels.
        return (self._base + (self._old + self._resize(self._change, size))).clamp(0, 1)  # (b, 3, *size)

    def end(self, canvas: Image) -> None:
        self._change = canvas - self._base - self._old  # (b, 3, *size)


class PictureHandover:
    """The dreamed picture goes on, enlarged, and with it the photograph's blur: the paper, and TensorFlow's tutorial.

    As in the paper's code it is resized linearly, without antialiasing, and cut to 8 bits between two octaves.
    """

    def __init__(self, image: Image, settings: Settings, detail: ResizedImage) -> None:
        self._picture = (image + choose_resize(settings)(detail, image_size(image))).clamp(0, 1)
        # A departure: a panorama goes around the sphere, which the paper's code would cut open at its edges.
        self._resize = clamp_after_resize(resize_sphere) if settings.around else resize_bilinear

    def begin(self, size: tuple[int, int]) -> ResizedImage:
        return self._resize(self._picture, size)

    def end(self, canvas: Image) -> None:
        self._picture = truncate_to_bytes(canvas)


def make_handover(image: Image, settings: Settings, detail: ResizedImage | None = None) -> Handover:
    """The handover that `settings.handover` names; `detail` (b, 3, h', w') is what was dreamed before, if anything."""
    # A departure: the notebook begins with no detail; here it may be handed on, from frame to frame of a film.
    detail = torch.zeros_like(image[..., :1, :1]) if detail is None else detail
    kind = PictureHandover if settings.handover == "picture" else DetailHandover
    return kind(image, settings, detail)


def resize_bilinear(image: Image, size: tuple[int, int]) -> ResizedImage:
    """Resize an image to `size` (height, width) linearly and never antialiased, as `tf.image.resize` does."""
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False)


ROUNDING = 5e-5
"""How far below a whole shade of 255 still counts as that shade: a few times what float32 loses on the way."""


def truncate_to_bytes(image: Image) -> Image:
    """The image with each value cut down to a whole shade of 255, as a cast to uint8 does, but not rounding's own."""
    return (image * 255 + ROUNDING).floor() / 255
