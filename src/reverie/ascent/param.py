"""Image parameterizations for feature visualization: a canvas, and a differentiable function from it to a picture.

A canvas has the shape and range of an image, (b, 3, h, w) from 0 to 1, so that the same gradient ascent climbs it; 0.5
stands for zero, which gives middle gray. It holds either a Fourier spectrum (`FourierImage`), in which one step moves
large shapes as easily as fine lines, or pixels (`PixelImage`). Both are in a decorrelated color space, whose channels
vary independently in natural pictures.

After lucid (tensorflow/lucid, `optvis/param`), whose constants these are. A departure: lucid's parameters are unbounded
and begin around 0; ours are scaled to 0..1, and clamped there by `ascend`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.image.color import color_covariance_root
from reverie.types import Image, ResizedImage

HALF_RANGE = 25.0
"""Half the range of a canvas in lucid's units (a canvas of 0..1 is -25..25): 500 of its steps of 0.05 one way."""

NOISE_STD = 0.01
"""Standard deviation of the noise that a picture begins as, in lucid's units."""

SPECTRUM_DIVISOR = 4.0
"""Lucid divides the inverse FFT by this, so that the noise begins close to gray."""


@runtime_checkable
class Param(Protocol):
    """A parameterization: makes pictures of canvases."""

    def __call__(self, canvas: Image) -> ResizedImage:
        """The pictures (b, 3, h, w), 0..1, of a canvas (b, 3, *canvas_size), 0..1; differentiable."""

    @property
    def canvas_size(self) -> tuple[int, int]:
        """The (height, width) of a canvas."""


@dataclass(frozen=True)
class FourierImage:
    """Pictures of `size` (height, width) from their Fourier spectrum, in which frequency f is scaled by 1 / f**decay.

    A canvas holds the half spectrum of a real signal, real and imaginary parts in neighboring columns.
    """

    size: tuple[int, int]
    decay: float = 1.0

    @property
    def canvas_size(self) -> tuple[int, int]:
        height, width = self.size
        return height, 2 * (width // 2 + 1)

    def scale(self) -> Float[Tensor, "h k"]:
        """What each frequency is multiplied by: less the higher it is, as in the spectra of natural pictures."""
        height, width = self.size
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)  # (h, 1), (k), cycles a pixel
        frequency = torch.hypot(rows, columns).clamp_min(1 / max(height, width))  # the mean has frequency 0
        scale: Tensor = (height * width) ** 0.5 / frequency**self.decay
        return scale

    def __call__(self, canvas: Image) -> ResizedImage:
        parts = to_lucid_units(canvas).reshape(*canvas.shape[:3], -1, 2).contiguous()  # (b, 3, h, k, 2)
        spectrum = torch.view_as_complex(parts) * self.scale().to(canvas.device)  # (b, 3, h, k), complex
        return decorrelated_to_rgb(torch.fft.irfft2(spectrum, s=self.size) / SPECTRUM_DIVISOR)  # (b, 3, h, w)


@dataclass(frozen=True)
class PixelImage:
    """Pictures of `size` (height, width) from their pixels, in decorrelated colors."""

    size: tuple[int, int]

    @property
    def canvas_size(self) -> tuple[int, int]:
        return self.size

    def __call__(self, canvas: Image) -> ResizedImage:
        return decorrelated_to_rgb(to_lucid_units(canvas))


def make_noise_canvas(param: Param, generator: torch.Generator) -> Image:
    """A canvas (1, 3, *canvas_size) of faint Gaussian noise around 0.5."""
    noise = torch.randn(1, 3, *param.canvas_size, generator=generator)
    return (0.5 + NOISE_STD / (2 * HALF_RANGE) * noise).clamp(0, 1)


def scale_step_size(step_size: float) -> float:
    """A step size in lucid's units on the canvas's scale of 0..1."""
    return step_size / (2 * HALF_RANGE)


def to_lucid_units(canvas: Image) -> Image:
    """A canvas, 0..1, in lucid's units, -25..25."""
    return (canvas - 0.5) * (2 * HALF_RANGE)


def decorrelated_to_rgb(planes: Float[Tensor, "b 3 h w"]) -> Image:
    """Decorrelated colors as sRGB, 0..1: correlated as those of natural pictures, then through a sigmoid."""
    root = color_covariance_root().to(planes.device)
    return torch.einsum("dc,bchw->bdhw", root, planes).sigmoid()
