"""Image parameterizations for feature visualization: a canvas, and a differentiable function from it to a picture.

A canvas is what gradient ascent climbs: numbers from 0 to 1, `(b, *canvas_shape)`, where 0.5 stands for zero, which
gives middle gray. It holds a Fourier spectrum (`FourierImage`), in which one step moves large shapes as easily as fine
lines, pixels (`PixelImage`), or what `pyramids`, `cppn` and `maco` make pictures of. The colors are decorrelated: their
channels vary independently in natural pictures.

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
from reverie.types import Canvas, Image

HALF_RANGE = 25.0
"""Half the range of a canvas in lucid's units (a canvas of 0..1 is -25..25): 500 of its steps of 0.05 one way."""

NOISE_STD = 0.01
"""Standard deviation of the noise that a picture begins as, in lucid's units."""

SPECTRUM_DIVISOR = 4.0
"""Lucid divides the inverse FFT by this, so that the noise begins close to gray."""


@runtime_checkable
class Param(Protocol):
    """A parameterization: makes pictures of canvases. Anything with these three members is one.

    The pictures of a batch are independent of each other (but for `SharedImage`). After lucid's `optvis/param`.

    >>> import reverie as rv
    >>> isinstance(rv.CPPN((32, 48)), rv.Param)
    True
    """

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        """The shape of the canvas of one picture, without the batch."""

    def start(self, generator: torch.Generator) -> Canvas:
        """The canvas `(1, *canvas_shape)`, 0..1, that the ascent begins from."""

    def __call__(self, canvas: Canvas) -> Canvas:
        """The pictures (b, 3, h, w) of a canvas `(b, *canvas_shape)`, sRGB, 0..1, or with alpha (b, 4, h, w)."""


@dataclass(frozen=True)
class FourierImage:
    """Pictures of `size` (height, width) from their Fourier spectrum, in which frequency f is scaled by 1 / f**decay.

    A canvas holds the half spectrum of a real signal, real and imaginary parts in neighboring columns. `decay`: 1 as in
    lucid, and in nature; a larger one gives larger shapes. `alpha`: the pictures have a fourth channel, 0 transparent
    to 1 opaque, that is climbed, too.

    After lucid's `fft_image`, see its tutorial and "Feature Visualization" (Olah et al., 2017), the appendix.

    >>> import reverie as rv, torch
    >>> param = rv.FourierImage((32, 48))
    >>> param(param.start(torch.Generator().manual_seed(0))).shape
    torch.Size([1, 3, 32, 48])
    """

    size: tuple[int, int]
    decay: float = 1.0
    alpha: bool = False

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        height, width = self.size
        return count_planes(self.alpha), height, 2 * (width // 2 + 1)

    def start(self, generator: torch.Generator) -> Canvas:
        return make_noise_canvas(self.canvas_shape, generator)

    def scale(self) -> Float[Tensor, "h k"]:
        """What each frequency is multiplied by: less the higher it is, as in the spectra of natural pictures."""
        height, width = self.size
        scale: Tensor = (height * width) ** 0.5 / spatial_frequencies(self.size) ** self.decay
        return scale

    def __call__(self, canvas: Canvas) -> Canvas:
        parts = to_lucid_units(canvas).reshape(*canvas.shape[:3], -1, 2).contiguous()  # (b, c, h, k, 2)
        spectrum = torch.view_as_complex(parts) * self.scale().to(canvas.device)  # (b, c, h, k), complex
        return planes_to_picture(torch.fft.irfft2(spectrum, s=self.size) / SPECTRUM_DIVISOR)  # (b, c, h, w)


@dataclass(frozen=True)
class PixelImage:
    """Pictures of `size` (height, width) from their pixels, in decorrelated colors; `alpha` as in `FourierImage`.

    Its steps move every pixel alone, so that its pictures are full of high frequencies. After lucid's `pixel_image`.

    >>> import reverie as rv
    >>> rv.PixelImage((32, 48)).canvas_shape
    (3, 32, 48)
    """

    size: tuple[int, int]
    alpha: bool = False

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        return count_planes(self.alpha), *self.size

    def start(self, generator: torch.Generator) -> Canvas:
        return make_noise_canvas(self.canvas_shape, generator)

    def __call__(self, canvas: Canvas) -> Canvas:
        return planes_to_picture(to_lucid_units(canvas))


def count_planes(alpha: bool) -> int:
    """How many planes a picture is made of: three colors, and a fourth for its alpha."""
    return 4 if alpha else 3


def make_noise_canvas(shape: tuple[int, ...], generator: torch.Generator) -> Canvas:
    """A canvas (1, *shape) of faint Gaussian noise around 0.5."""
    noise = torch.randn(1, *shape, generator=generator)
    return (0.5 + NOISE_STD / (2 * HALF_RANGE) * noise).clamp(0, 1)


def scale_step_size(step_size: float) -> float:
    """A step size in lucid's units on the canvas's scale of 0..1."""
    return step_size / (2 * HALF_RANGE)


def to_lucid_units(canvas: Canvas) -> Canvas:
    """A canvas, 0..1, in lucid's units, -25..25."""
    return (canvas - 0.5) * (2 * HALF_RANGE)


def from_lucid_units(numbers: Canvas) -> Canvas:
    """Numbers in lucid's units as a canvas, 0..1; those beyond -25..25 are clamped."""
    return (0.5 + numbers / (2 * HALF_RANGE)).clamp(0, 1)


def spatial_frequencies(size: tuple[int, int]) -> Float[Tensor, "h k"]:
    """The frequency of each place of a half spectrum in cycles a pixel; the mean counts as the lowest of the others."""
    height, width = size
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)  # (h, 1), (k)
    return torch.hypot(rows, columns).clamp_min(1 / max(height, width))


def planes_to_picture(planes: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Three decorrelated colors, and the logit of the alpha where there are four planes, as a picture, 0..1."""
    colors = decorrelated_to_rgb(planes[:, :3])
    return colors if planes.shape[1] == 3 else torch.cat([colors, planes[:, 3:].sigmoid()], 1)


def decorrelated_to_rgb(planes: Float[Tensor, "b 3 h w"]) -> Image:
    """Decorrelated colors as sRGB, 0..1: correlated as those of natural pictures, then through a sigmoid."""
    root = color_covariance_root().to(planes)
    return torch.einsum("dc,bchw->bdhw", root, planes).sigmoid()


def rgb_to_decorrelated(image: Image) -> Float[Tensor, "b 3 h w"]:
    """The inverse of `decorrelated_to_rgb`; black and white, which no sigmoid reaches, become almost so."""
    mix = torch.linalg.inv(color_covariance_root()).to(image)
    return torch.einsum("dc,bchw->bdhw", mix, image.clamp(FAINTEST, 1 - FAINTEST).logit())


FAINTEST = 1 / 128
"""How far from black and white a color is held, two shades of 255, so that its logit is finite and can be moved."""
