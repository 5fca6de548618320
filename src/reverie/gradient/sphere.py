"""A gradient around the sphere: what a network sees of a panorama is what a viewer would see.

An equirectangular picture stretches its rows by 1/cos(latitude): dreamed as it is, every dog near a pole becomes a
spoke of a pinwheel. So for each step the sphere is unfolded into a *sheet* of three charts, the gradient is taken
there, and the grad is folded back:

    +--------------------------+   the band around the equator (Mercator's projection), cut open at a random longitude
    |           band           |
    +------------+-------------+
    |   zenith   |    nadir    |   the caps (stereographic), turned and shifted a little
    +------------+-------------+

Both projections keep shapes and differ in scale only, by a factor of 1.4. A sheet is an image: every wrapper of
`reverie.gradient`, its one scale for the whole picture included, works on it unchanged. The latitude where the caps
meet the band is another in each octave, the longitude of the cut in each step, so that no border stays in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.image.resample import sampled, sampled_around
from reverie.types import Gradient, Image, Resized, Score

Field: TypeAlias = Float[Tensor, "h w"]
"""A number for each pixel: a coordinate, in pixels or radians."""

BORDER = (math.radians(35), math.radians(44))
"""The latitudes between which the caps begin: here a cap and the band show things at about the same size."""
FEATHER = math.radians(1)
"""Half the height of the strip where a cap goes over into the band, and how far that strip moves from step to step."""
MARGIN = 40
"""Pixels that a chart shows beyond what is folded back: what the network sees at a border is not of this world."""
SPIN = math.radians(6)
"""How far the caps turn at random. Freely turned, no dog would meet itself at the next step, and none would grow."""


@dataclass(frozen=True)
class Turn:
    """How the sphere is unfolded for one step: what chance decides."""

    column: int = 0
    """The panorama's column where the band begins."""
    spin: float = 0.0
    """By how many columns the caps are turned."""
    border: float = sum(BORDER) / 2
    """The latitude in radians where the caps begin."""
    shift: tuple[float, float] = (0.0, 0.0)
    """How far the charts are moved on the sheet, right and down, in pixels."""

    @classmethod
    def drawn(cls, width: int, generator: torch.Generator) -> Turn:
        """A turn at random, for a panorama of so many columns."""
        column, spin, up, right, down = torch.rand(5, generator=generator).tolist()
        spin = (2 * spin - 1) * SPIN / math.tau * width
        # Another latitude in each octave, but nearly the same in all its steps: a dream that grows in a cap is not that
        # which grows in the band, and where they took turns neither would.
        border = BORDER[0] + width * GOLDEN % 1 * (BORDER[1] - BORDER[0]) + (2 * up - 1) * FEATHER
        return cls(int(column * width), spin, border, (right - 0.5, down - 0.5))


GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, never come close to each other soon
CPU = torch.device("cpu")


def spherical(gradient: Gradient, turn: Callable[[int], Turn]) -> Gradient:
    """The gradient of the picture of a sphere; `turn(width)` says how each step unfolds it.

    The grad is what the charts' pixels wish for, brought to the panorama's: not divided among the many pixels that a
    pole is drawn with, as the derivative by these pixels would be.
    """

    def turned(image: Image) -> tuple[Score, Image]:
        height, width = image.shape[-2:]
        sheet = Sheet(height, width, turn(width), image.device)
        score, grad = gradient(sheet.unfolded(image))
        return score, sheet.folded(grad)

    return turned


@dataclass(frozen=True)
class Sheet:
    """The charts of a panorama of `height` x `width` pixels. Angles are radians, coordinates pixels of the sheet."""

    height: int
    width: int
    turn: Turn = Turn()
    device: torch.device = CPU

    @property
    def unit(self) -> float:
        """The pixels of a radian: at the equator and at the poles the charts are as fine as the panorama's equator."""
        return self.width / math.tau

    @property
    def band_rows(self) -> int:
        return 2 * math.ceil(self.unit * mercator(BORDER[1] + 2 * FEATHER) + MARGIN)

    @property
    def cap_rows(self) -> int:
        return 2 * math.ceil(self.unit * stereographic(math.pi / 2 - BORDER[0] + 2 * FEATHER) + MARGIN)

    @property
    def size(self) -> tuple[int, int]:
        """The sheet's own (height, width)."""
        return self.band_rows + self.cap_rows, self.columns

    @property
    def columns(self) -> int:
        """Around the equator once, or the two caps beside each other."""
        return max(self.width + 2 * MARGIN, 2 * self.cap_rows)

    def unfolded(self, image: Image) -> Resized:
        """The sheet (b, 3, rows, columns) of a panorama."""
        return sampled_around(image, *self.directions())

    def folded(self, sheet: Image) -> Resized:
        """The panorama of a sheet: at each latitude the band or the caps, or a share of either."""
        panorama = sheet.new_zeros(*sheet.shape[:2], self.height, self.width)
        for share, places in self.shares():
            rows = share.nonzero().flatten()
            panorama.index_add_(2, rows, share[rows, None] * sampled(sheet, *places(self.latitudes()[rows])))
        return panorama

    def shares(self) -> Iterator[tuple[Float[Tensor, " h"], Callable[[Float[Tensor, " r"]], tuple[Field, Field]]]]:
        """What each chart counts in each row of the panorama, 1 together, and where on the sheet it has a row."""
        latitude = self.latitudes()
        cap = smoothstep((latitude.abs() - self.turn.border) / (2 * FEATHER) + 0.5)
        yield 1 - cap, self.band_places
        yield cap * (latitude > 0), self.zenith_places
        yield cap * (latitude < 0), self.nadir_places

    def latitudes(self) -> Float[Tensor, " h"]:
        """The latitude of each row of the panorama."""
        return (0.5 - (self.numbers(self.height) + 0.5) / self.height) * math.pi

    def directions(self) -> tuple[Field, Field]:
        """Longitude and latitude of each pixel of the sheet."""
        band, zenith, nadir = self.band_directions(), self.cap_directions(1), self.cap_directions(-1)
        caps = [torch.cat(pair, 1) for pair in zip(zenith, nadir, strict=True)]
        longitude, latitude = (torch.cat(pair, 0) for pair in zip(band, caps, strict=True))
        return longitude, latitude

    def band_directions(self) -> tuple[Field, Field]:
        """Longitude and latitude of each pixel of the band."""
        x = self.numbers(self.columns) - MARGIN + self.turn.column + 0.5
        y = (self.band_rows - 1) / 2 + self.turn.shift[1] - self.numbers(self.band_rows)
        latitude = torch.atan(torch.sinh(y / self.unit))
        longitude, latitude = torch.meshgrid((x / self.width - 0.5) * math.tau, latitude, indexing="xy")
        return longitude, latitude

    def band_places(self, latitude: Float[Tensor, " r"]) -> tuple[Field, Field]:
        """Where the band has the panorama's rows of some latitudes (x, y)."""
        x = (self.numbers(self.width) - self.turn.column) % self.width + MARGIN
        y = (self.band_rows - 1) / 2 + self.turn.shift[1] - self.unit * torch.asinh(torch.tan(latitude))
        x, y = torch.meshgrid(x, y, indexing="xy")
        return x, y

    def cap_directions(self, pole: int) -> tuple[Field, Field]:
        """Longitude and latitude of each pixel of a cap (`pole` 1 the zenith, -1 the nadir), ahead toward the band."""
        left = self.columns // 2 * (pole < 0)
        middle_x, middle_y = self.middle(pole)
        width = self.columns - self.columns // 2 if pole < 0 else self.columns // 2
        x = self.numbers(width) + left - middle_x
        y = self.numbers(self.cap_rows) + self.band_rows - middle_y
        x, y = torch.meshgrid(x / self.unit, y * pole / self.unit, indexing="xy")
        latitude = pole * (math.pi / 2 - 2 * torch.atan(torch.hypot(x, y) / 2))
        return torch.atan2(x, y) + self.turn.spin / self.width * math.tau, latitude

    def zenith_places(self, latitude: Float[Tensor, " r"]) -> tuple[Field, Field]:
        """Where the upper cap has the panorama's rows of some latitudes (x, y)."""
        return self.cap_places(latitude, 1)

    def nadir_places(self, latitude: Float[Tensor, " r"]) -> tuple[Field, Field]:
        """Where the lower cap has them."""
        return self.cap_places(latitude, -1)

    def cap_places(self, latitude: Float[Tensor, " r"], pole: int) -> tuple[Field, Field]:
        middle_x, middle_y = self.middle(pole)
        longitude = ((self.numbers(self.width) + 0.5 - self.turn.spin) / self.width - 0.5) * math.tau
        distance = self.unit * 2 * torch.tan((math.pi / 2 - latitude.abs()) / 2)[:, None]
        return middle_x + distance * torch.sin(longitude), middle_y + pole * distance * torch.cos(longitude)

    def middle(self, pole: int) -> tuple[float, float]:
        """Where on the sheet a pole is (x, y)."""
        x = self.columns * (0.25 if pole > 0 else 0.75) - 0.5 + self.turn.shift[0]
        return x, self.band_rows + (self.cap_rows - 1) / 2 + self.turn.shift[1]

    def numbers(self, count: int) -> Float[Tensor, " n"]:
        return torch.arange(count, dtype=torch.float32, device=self.device)


def mercator(latitude: float) -> float:
    """How far from the equator Mercator's projection draws a latitude."""
    return math.asinh(math.tan(latitude))


def stereographic(angle: float) -> float:
    """How far from its middle the stereographic projection draws a direction."""
    return 2 * math.tan(angle / 2)


def smoothstep(position: Tensor) -> Tensor:
    """0 before 0, 1 after 1, and between them without a kink."""
    position = position.clamp(0, 1)
    return position * position * (3 - 2 * position)
