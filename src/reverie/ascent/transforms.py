"""Random transforms of feature visualization: shifts, rotations, crops ..., drawn anew for every step.

Without them gradient ascent finds adversarial patterns, which excite a neuron at one place, angle and size of its grid
only. Averaged over many draws these cancel, and what excites the neuron under all of them remains.

A transform is a differentiable function from an image to an image, mostly of the same size. Those that move the picture
take it to be periodic, as the inverse FFT of a spectrum is: what comes in at one edge is from the opposite one. All
images of a batch get the same draw, so that none depends on its neighbors. They work on any number of channels.

After lucid (tensorflow/lucid, `optvis/transform`), whose names these are, and horama (serre-lab/Horama).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from reverie.errors import SettingsError
from reverie.image.filters import gaussian_blur
from reverie.objectives.checks import read_weight
from reverie.types import Canvas

ImageFunction: TypeAlias = Callable[[Canvas], Canvas]
"""A differentiable function from images (b, c, h, w) to images, such as a transform of one's own."""

MOST_PIXELS = 1_000_000
"""The most pixels that a picture is shifted, padded or blurred by."""

SMALLEST_SIGMA = 0.05
"""A blur by less than so many pixels changes nothing."""


@dataclass(frozen=True)
class RandomTransform:
    """A transform that draws from a generator: the base of `Jitter`, `Rotate`, `Crop`, `Noise` and the others.

    A subclass defines `draw`, which takes what it needs from the generator and returns the function of this draw.
    Called with an image alone, it draws from torch's own generator.

    >>> import reverie as rv, torch
    >>> isinstance(rv.Jitter(8), rv.RandomTransform)
    True
    """

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        """One draw, as a function of images (b, c, h, w)."""
        raise NotImplementedError

    def __call__(self, image: Canvas, generator: torch.Generator | None = None) -> Canvas:
        """The images (b, c, h, w) under one draw of the transform."""
        return self.draw(generator)(image)

    def __str__(self) -> str:
        """The transform in words, as `VisualSettings.transforms` has it: "rotate(15, 0.2)"."""
        numbers = ", ".join(f"{each:g}" for each in astuple(self) if each is not None)
        return f"{type(self).__name__.lower()}({numbers})"


Transform: TypeAlias = RandomTransform | ImageFunction
"""One of the random transforms, or any differentiable function from images (b, c, h, w) to images."""


@dataclass(frozen=True)
class Jitter(RandomTransform):
    """Shifts by up to `pixels` each way, cyclically. After lucid's `jitter`, which crops instead.

    >>> import reverie as rv, torch
    >>> rv.Jitter(8)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    pixels: int

    def __post_init__(self) -> None:
        check_bounds("jitter", self.pixels, (0, MOST_PIXELS))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        reach = int(self.pixels)
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        return lambda image: torch.roll(image, (y, x), (2, 3))


@dataclass(frozen=True)
class Rotate(RandomTransform):
    """Rotates by up to `degrees` each way, and scales by 1 - `scaling` to 1 + `scaling` in the same resampling.

    About the middle, periodic, bilinear. After lucid's `random_rotate` and `random_scale`.

    >>> import reverie as rv, torch
    >>> rv.Rotate(15)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    degrees: float
    scaling: float | None = None

    def __post_init__(self) -> None:
        check_bounds("rotate", self.degrees, (0, 180))
        check_bounds("the scaling of rotate", self.scaling or 0, (0, 0.9))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        angle, growth = (2 * torch.rand(2, generator=generator) - 1).tolist()  # each -1..1
        return lambda image: rotate_image(image, math.radians(self.degrees * angle), 1 + (self.scaling or 0) * growth)


@dataclass(frozen=True)
class Scale(RandomTransform):
    """Scales the picture in its frame by 1 - `share` to 1 + `share`: periodic, bilinear. After lucid's `random_scale`.

    >>> import reverie as rv, torch
    >>> rv.Scale(0.2)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    share: float

    def __post_init__(self) -> None:
        check_bounds("scale", self.share, (0, 0.9))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        growth = float(2 * torch.rand(1, generator=generator) - 1)
        return lambda image: rotate_image(image, 0, 1 + self.share * growth)


@dataclass(frozen=True)
class Crop(RandomTransform):
    """A square at a random place, its side `least` to `most` of the picture's shorter side, enlarged to `size` pixels.

    `size`: the side of what the network sees, in pixels; unset: the picture's shorter side. The picture is not wrapped
    around. A small crop lets the network see a large picture from near, so that it is filled with details.

    After "Unlocking Feature Visualization ..." (Fel et al., 2023, MACO), whose crops are a fifth to a fourth in horama.

    >>> import reverie as rv, torch
    >>> rv.Crop(0.2, 0.5, 48)(torch.rand(1, 3, 64, 96)).shape
    torch.Size([1, 3, 48, 48])
    """

    least: float
    most: float
    size: int | None = None

    def __post_init__(self) -> None:
        check_bounds("the least of crop", self.least, (0.01, 1))
        check_bounds("the most of crop", self.most, (self.least, 1))
        check_bounds("the size of crop", 1 if self.size is None else self.size, (1, MOST_PIXELS))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        share, down, right = torch.rand(3, generator=generator).tolist()

        def cropped(image: Canvas) -> Canvas:
            height, width = image.shape[-2:]
            side = max(1, round((self.least + (self.most - self.least) * share) * min(height, width)))
            top, left = round(down * (height - side)), round(right * (width - side))
            box = image[..., top : top + side, left : left + side]
            size = int(self.size or min(height, width))
            return F.interpolate(box, (size, size), mode="bilinear", align_corners=False, antialias=True)

        return cropped


@dataclass(frozen=True)
class Pad(RandomTransform):
    """Adds `pixels` of one gray on every side, `value` from 0 black to 1 white. Not random. After lucid's `pad`.

    >>> import reverie as rv, torch
    >>> rv.Pad(12)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 56, 56])
    """

    pixels: int
    value: float | None = None
    """Unset: middle gray, 0.5."""

    def __post_init__(self) -> None:
        check_bounds("pad", self.pixels, (0, MOST_PIXELS))
        check_bounds("the value of pad", 0.5 if self.value is None else self.value, (0, 1))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        value = 0.5 if self.value is None else self.value
        return lambda image: F.pad(image, (int(self.pixels),) * 4, value=value)


@dataclass(frozen=True)
class Blur(RandomTransform):
    """Blurs by a Gaussian whose sigma is up to `sigma` pixels: what is too fine to survive it is not worth climbing.

    >>> import reverie as rv, torch
    >>> rv.Blur(2)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    sigma: float

    def __post_init__(self) -> None:
        check_bounds("blur", self.sigma, (0, 1000))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        sigma = self.sigma * float(torch.rand(1, generator=generator))
        return lambda image: gaussian_blur(image, sigma) if sigma > SMALLEST_SIGMA else image


@dataclass(frozen=True)
class Noise(RandomTransform):
    """Adds Gaussian noise of the standard deviation `deviation`, 0..1, to every color, as MACO and SmoothGrad do.

    >>> import reverie as rv, torch
    >>> rv.Noise(0.1)(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    deviation: float

    def __post_init__(self) -> None:
        check_bounds("noise", self.deviation, (0, 1))

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        def noised(image: Canvas) -> Canvas:
            noise = torch.randn(image.shape[1:], generator=generator)  # once for the batch
            return image + self.deviation * noise.to(image.device)

        return noised


@dataclass(frozen=True)
class Flip(RandomTransform):
    """Mirrors the picture from left to right in every other step, by chance.

    >>> import reverie as rv, torch
    >>> rv.Flip()(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """

    def draw(self, generator: torch.Generator | None) -> ImageFunction:
        mirrored = float(torch.rand(1, generator=generator)) < 0.5
        return lambda image: image.flip(3) if mirrored else image


def check_bounds(what: str, value: Any, bounds: tuple[float, float]) -> None:
    """Raises `SettingsError` for a number outside of its bounds, and for what is none."""
    least, most = bounds
    number = None if isinstance(value, bool) else read_weight(value)
    if number is None or not least <= number <= most:
        raise SettingsError(f"{what} is {value!r}; expected {least:g} to {most:g}")


def apply_transforms(transforms: Sequence[Transform], image: Canvas, generator: torch.Generator) -> Canvas:
    """The images after one draw of every transform, the first one applied first."""
    for transform in transforms:
        image = transform(image, generator) if isinstance(transform, RandomTransform) else transform(image)
    return image


def rotate_image(image: Canvas, angle: float, scale: float) -> Canvas:
    """The image rotated by an angle in radians and scaled about its middle: bilinear, periodic, of the same size."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        centered_coordinates(height, image), centered_coordinates(width, image), indexing="ij"
    )  # (h, w) each
    # Where each new pixel is read: the inverse rotation and scaling, in pixels from the middle.
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    rows, columns = cos * y - sin * x, sin * y + cos * x
    # grid_sample has no periodic padding: pad by as much as is read beyond the edges, at most by one period.
    beyond = max(float(rows.abs().max()) - (height - 1) / 2, float(columns.abs().max()) - (width - 1) / 2, 0)
    margin = min(math.ceil(beyond), min(height, width))
    wide = F.pad(image, (margin,) * 4, mode="circular")
    grid = torch.stack([2 * columns / wide.shape[3], 2 * rows / wide.shape[2]], -1)  # (h, w, 2), -1..1 over `wide`
    return F.grid_sample(wide, grid.expand(len(image), -1, -1, -1), padding_mode="reflection", align_corners=False)


def centered_coordinates(length: int, like: Canvas) -> torch.Tensor:
    """The pixel centers along a side, counted from its middle: (length,), on the image's device."""
    return torch.arange(length, device=like.device) - (length - 1) / 2
