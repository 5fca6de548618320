"""What the pixels are made of: a canvas, turned into a picture by a function that can be differentiated.

A canvas is shaped as an image is and climbed as one, its numbers from 0 to 1; 0.5 stands for nothing, which is middle
gray. What it holds differs: frequencies (`FourierImage`), so that a step moves large shapes as easily as fine lines, or
pixels (`PixelImage`). Either holds colors that vary independently in natural pictures. After lucid (tensorflow/lucid,
optvis/param), whose numbers these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.image.color import color_root
from reverie.types import Image, Resized

REACH = 25.0
"""How far the ends of a canvas are from its middle, in lucid's units: 500 of its steps of 0.05 in one direction."""

DEVIATION = 0.01
"""Of the noise that a picture begins as, in the same units."""

QUARTER = 4.0
"""What lucid divides the pixels of a spectrum by, so that the noise begins a little off gray."""


@runtime_checkable
class Param(Protocol):
    """A way to make pictures of a canvas."""

    def __call__(self, canvas: Image) -> Resized:
        """The pictures (b, 3, h, w), 0..1, of a canvas; differentiable."""

    @property
    def canvas_size(self) -> tuple[int, int]:
        """The (height, width) of a canvas."""


@dataclass(frozen=True)
class FourierImage:
    """Pictures of `size` (height, width) by their spectrum, its high frequencies damped by the power `decay`.

    A canvas holds the spectrum of real numbers, real and imaginary parts side by side.
    """

    size: tuple[int, int]
    decay: float = 1.0

    @property
    def canvas_size(self) -> tuple[int, int]:
        height, width = self.size
        return height, 2 * (width // 2 + 1)

    def scale(self) -> Float[Tensor, "h k"]:
        """What each frequency counts: as in natural pictures, the less the higher it is."""
        height, width = self.size
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        frequency = torch.hypot(rows, columns).clamp_min(1 / max(height, width))
        scale: Tensor = (height * width) ** 0.5 / frequency**self.decay
        return scale

    def __call__(self, canvas: Image) -> Resized:
        parts = spread(canvas).reshape(*canvas.shape[:3], -1, 2).contiguous()
        spectrum = torch.view_as_complex(parts) * self.scale().to(canvas.device)
        return colored(torch.fft.irfft2(spectrum, s=self.size) / QUARTER)


@dataclass(frozen=True)
class PixelImage:
    """Pictures of `size` (height, width) by their pixels."""

    size: tuple[int, int]

    @property
    def canvas_size(self) -> tuple[int, int]:
        return self.size

    def __call__(self, canvas: Image) -> Resized:
        return colored(spread(canvas))


def start(param: Param, generator: torch.Generator) -> Image:
    """A canvas (1, 3, h, w) of faint noise."""
    noise = torch.randn(1, 3, *param.canvas_size, generator=generator)
    return (0.5 + DEVIATION / (2 * REACH) * noise).clamp(0, 1)


def step_of(step_size: float) -> float:
    """How far a canvas goes in a step, of a step size in lucid's units."""
    return step_size / (2 * REACH)


def spread(canvas: Image) -> Image:
    """A canvas in lucid's units, around 0."""
    return (canvas - 0.5) * (2 * REACH)


def colored(planes: Float[Tensor, "b 3 h w"]) -> Image:
    """Independent colors as those of natural pictures, brought between black and white smoothly."""
    root = color_root().to(planes.device)
    return torch.einsum("dc,bchw->bdhw", root, planes).sigmoid()
