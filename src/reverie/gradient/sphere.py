"""The gradient of a panorama, computed on charts that show the network what a viewer would see.

An equirectangular panorama stretches its rows by 1/cos(latitude): dreamed as it is, every dog near a pole becomes a
spoke of a pinwheel. So each step resamples the sphere into an image of three charts, computes the gradient of that, and
resamples the grad back:

    +--------------------------+   the band around the equator (Mercator's projection), cut open at a random longitude
    |           band           |
    +------------+-------------+
    |   zenith   |    nadir    |   the caps (stereographic projection), rotated and shifted a little at random
    +------------+-------------+

Both projections preserve shapes and differ in scale only, by a factor of at most 1.4. The charts are one ordinary
image, so that every wrapper of `reverie.gradient` works on it unchanged, with one scale for all three. The latitude
where caps and band meet differs from octave to octave, the longitude of the cut from step to step, so that no seam
stays in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.image.resample import sample_image, sample_sphere
from reverie.types import Gradient, Image, ResizedImage, Score

CoordinateMap: TypeAlias = Float[Tensor, "h w"]
"""One coordinate of each pixel, in pixels or radians."""

RowLocator: TypeAlias = Callable[[Float[Tensor, " r"]], tuple[CoordinateMap, CoordinateMap]]
"""locate(latitudes (r,)) -> x and y (r, w) in the charts of the panorama's rows at these latitudes."""

CAP_BORDER_RANGE = (math.radians(35), math.radians(44))
"""The range of latitudes where the caps may begin: there, a cap and the band have about the same scale."""
BLEND_ANGLE = math.radians(1)
"""Half the height of the strip in which cap and band are blended, and the largest random change of its latitude."""
CHART_MARGIN = 40
"""Pixels that a chart shows beyond those folded back: activations near a chart's border are artefacts of padding."""
MAX_SPIN = math.radians(6)
"""The largest random rotation of the caps; with unrestricted rotation features do not accumulate across steps."""
INVERSE_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
"""Multiples of it, modulo 1, stay far apart from each other: a low-discrepancy sequence."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class ChartPose:
    """The random choices of one step: how the sphere is cut into charts and where the charts lie."""

    column: int = 0
    """The panorama's column where the band begins."""
    spin: float = 0.0
    """The rotation of the caps, in columns of the panorama."""
    border: float = sum(CAP_BORDER_RANGE) / 2
    """The latitude in radians where the caps begin."""
    shift: tuple[float, float] = (0.0, 0.0)
    """The shift of the charts' content to the right and down, in pixels."""

    @classmethod
    def draw(cls, width: int, generator: torch.Generator) -> ChartPose:
        """Random choices for a panorama `width` pixels wide."""
        column, spin, up, right, down = torch.rand(5, generator=generator).tolist()
        spin = (2 * spin - 1) * MAX_SPIN / math.tau * width
        # Another latitude in each octave (the width tells them apart), but nearly the same in all its steps: the same
        # place has other features in a cap than in the band, and where it changed charts neither would grow.
        border = (
            CAP_BORDER_RANGE[0]
            + width * INVERSE_GOLDEN_RATIO % 1 * (CAP_BORDER_RANGE[1] - CAP_BORDER_RANGE[0])
            + (2 * up - 1) * BLEND_ANGLE
        )
        return cls(int(column * width), spin, border, (right - 0.5, down - 0.5))


def wrap_in_charts(gradient: Gradient, turn: Callable[[int], ChartPose]) -> Gradient:
    """The gradient of an equirectangular panorama (b, 3, h, w), computed on its charts.

    `turn(width)` draws the random choices of a step. The grad on the charts is resampled like an image. It is not the
    derivative with respect to the panorama's pixels: that would be divided among the many pixels that show a pole, and
    leave the poles without a dream.
    """
    return partial(unfold_and_fold, gradient, turn)


def unfold_and_fold(gradient: Gradient, turn: Callable[[int], ChartPose], image: Image) -> tuple[Score, Image]:
    """The gradient of a panorama on its charts, laid back onto the sphere."""
    height, width = image.shape[-2:]
    charts = Charts(height, width, turn(width), image.device)
    score, grad = gradient(charts.unfold(image))
    return score, charts.fold(grad)


@dataclass(frozen=True)
class Charts:
    """The three charts of a panorama, laid out in one image, and the maps between the two.

    `height` and `width` are the panorama's, in pixels. Angles are in radians, coordinates in pixels of the charts'
    image. Latitude is 0 at the equator and pi / 2 at the zenith; longitude is 0 in the middle of the panorama.
    """

    height: int
    width: int
    turn: ChartPose = ChartPose()
    device: torch.device = CPU

    @property
    def pixels_per_radian(self) -> float:
        """The scale of the charts at the equator and at the poles: that of the panorama's equator."""
        return self.width / math.tau

    @property
    def band_height(self) -> int:
        """The height of the band: up to the highest latitude of the blend on both sides, and the margin."""
        return 2 * math.ceil(
            self.pixels_per_radian * project_mercator(CAP_BORDER_RANGE[1] + 2 * BLEND_ANGLE) + CHART_MARGIN
        )

    @property
    def cap_height(self) -> int:
        """The height of a cap: down to the lowest latitude of the blend on both sides of the pole, and the margin."""
        return 2 * math.ceil(
            self.pixels_per_radian * project_stereographic(math.pi / 2 - CAP_BORDER_RANGE[0] + 2 * BLEND_ANGLE)
            + CHART_MARGIN
        )

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image of the charts."""
        return self.band_height + self.cap_height, self.columns

    @property
    def columns(self) -> int:
        """The width: once around the equator or two caps side by side, whichever is wider."""
        return max(self.width + 2 * CHART_MARGIN, 2 * self.cap_height)

    def unfold(self, image: Image) -> ResizedImage:
        """Resamples a panorama (b, 3, height, width) into its charts, (b, 3, *size)."""
        return sample_sphere(image, *self.pixel_directions())

    def fold(self, charts: Image) -> ResizedImage:
        """Resamples charts (b, 3, *size) into a panorama (b, 3, height, width), and blends them where they overlap."""
        panorama = charts.new_zeros(*charts.shape[:2], self.height, self.width)
        for weight, locate in self.blend_weights():
            rows = weight.nonzero().flatten()  # a chart is sampled only for the rows that it has a weight in
            panorama.index_add_(2, rows, weight[rows, None] * sample_image(charts, *locate(self.row_latitudes()[rows])))
        return panorama

    def blend_weights(self) -> Iterator[tuple[Float[Tensor, " h"], RowLocator]]:
        """For each chart its weight in every row of the panorama, and the function that locates rows in the chart.

        The weights of the charts add up to 1 in every row."""
        latitude = self.row_latitudes()
        # From band to cap within FEATHER on either side of the border; both halves of the sphere alike.
        cap = smoothstep((latitude.abs() - self.turn.border) / (2 * BLEND_ANGLE) + 0.5)
        yield 1 - cap, self.locate_in_band
        yield cap * (latitude > 0), self.locate_in_zenith
        yield cap * (latitude < 0), self.locate_in_nadir

    def row_latitudes(self) -> Float[Tensor, " h"]:
        """The latitude at the middle of each row of the panorama, from the zenith down."""
        return (0.5 - (self.pixel_indices(self.height) + 0.5) / self.height) * math.pi

    def pixel_directions(self) -> tuple[CoordinateMap, CoordinateMap]:
        """The longitude and latitude that each pixel of the charts shows."""
        band, zenith, nadir = self.band_directions(), self.cap_directions(1), self.cap_directions(-1)
        caps = [torch.cat(pair, 1) for pair in zip(zenith, nadir, strict=True)]
        longitude, latitude = (torch.cat(pair, 0) for pair in zip(band, caps, strict=True))
        return longitude, latitude

    def band_directions(self) -> tuple[CoordinateMap, CoordinateMap]:
        """The longitude and latitude that each pixel of the band shows (Mercator, inverse)."""
        x = self.pixel_indices(self.columns) - CHART_MARGIN + self.turn.column + 0.5
        y = (self.band_height - 1) / 2 + self.turn.shift[1] - self.pixel_indices(self.band_height)
        latitude = torch.atan(torch.sinh(y / self.pixels_per_radian))
        longitude, latitude = torch.meshgrid((x / self.width - 0.5) * math.tau, latitude, indexing="xy")
        return longitude, latitude

    def locate_in_band(self, latitude: Float[Tensor, " r"]) -> tuple[CoordinateMap, CoordinateMap]:
        """Where in the band the panorama's rows at these latitudes are, x and y (Mercator)."""
        x = (self.pixel_indices(self.width) - self.turn.column) % self.width + CHART_MARGIN
        y = (self.band_height - 1) / 2 + self.turn.shift[1] - self.pixels_per_radian * torch.asinh(torch.tan(latitude))
        x, y = torch.meshgrid(x, y, indexing="xy")
        return x, y

    def cap_directions(self, pole: int) -> tuple[CoordinateMap, CoordinateMap]:
        """The longitude and latitude that each pixel of a cap shows (stereographic, inverse).

        `pole`: 1 for the zenith, -1 for the nadir. Longitude 0 points toward the band.
        """
        left = self.columns // 2 * (pole < 0)  # the nadir is the right half, and takes an odd column
        pole_x, pole_y = self.find_pole(pole)
        width = self.columns - self.columns // 2 if pole < 0 else self.columns // 2
        x = self.pixel_indices(width) + left - pole_x
        y = self.pixel_indices(self.cap_height) + self.band_height - pole_y
        x, y = torch.meshgrid(x / self.pixels_per_radian, y * pole / self.pixels_per_radian, indexing="xy")
        latitude = pole * (math.pi / 2 - 2 * torch.atan(torch.hypot(x, y) / 2))
        return torch.atan2(x, y) + self.turn.spin / self.width * math.tau, latitude

    def locate_in_zenith(self, latitude: Float[Tensor, " r"]) -> tuple[CoordinateMap, CoordinateMap]:
        """Where in the upper cap the panorama's rows at these latitudes are, x and y."""
        return self.locate_in_cap(latitude, 1)

    def locate_in_nadir(self, latitude: Float[Tensor, " r"]) -> tuple[CoordinateMap, CoordinateMap]:
        """Where in the lower cap they are."""
        return self.locate_in_cap(latitude, -1)

    def locate_in_cap(self, latitude: Float[Tensor, " r"], pole: int) -> tuple[CoordinateMap, CoordinateMap]:
        """Where in a cap the panorama's rows at these latitudes are, x and y (stereographic)."""
        pole_x, pole_y = self.find_pole(pole)
        longitude = ((self.pixel_indices(self.width) + 0.5 - self.turn.spin) / self.width - 0.5) * math.tau
        distance = self.pixels_per_radian * 2 * torch.tan((math.pi / 2 - latitude.abs()) / 2)[:, None]
        return pole_x + distance * torch.sin(longitude), pole_y + pole * distance * torch.cos(longitude)

    def find_pole(self, pole: int) -> tuple[float, float]:
        """The place of a pole in the image of the charts (x, y)."""
        x = self.columns * (0.25 if pole > 0 else 0.75) - 0.5 + self.turn.shift[0]
        return x, self.band_height + (self.cap_height - 1) / 2 + self.turn.shift[1]

    def pixel_indices(self, count: int) -> Float[Tensor, " n"]:
        """The pixel indices 0, 1, ... as float32 on the device."""
        return torch.arange(count, dtype=torch.float32, device=self.device)


def project_mercator(latitude: float) -> float:
    """The distance from the equator of a latitude in Mercator's projection, on a sphere of radius 1."""
    return math.asinh(math.tan(latitude))


def project_stereographic(angle: float) -> float:
    """The distance from the center of a direction `angle` away from it in the stereographic projection."""
    return 2 * math.tan(angle / 2)


def smoothstep(position: Tensor) -> Tensor:
    """The cubic that rises from 0 at 0 to 1 at 1 with zero slope at both ends; constant beyond them."""
    position = position.clamp(0, 1)
    return position * position * (3 - 2 * position)
