"""The gradient of a whole octave, computed in one window of it at a time.

A window's gradient is the same whichever process computes it, and in whatever order:
- each neuron has the weight that it has in the score of the whole picture (`WindowTerm`);
- the network's grid falls on the same pixels, jitter included (`jitter_grid`), and random numbers have the same seed;
- the scales that normalization divides by are recorded once for the whole octave, and replayed in every window
  (`record_scales`, `replay_scales`): a window's own would differ from its neighbor's, and show as a seam.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of
from reverie.gradient.compose import MeasureOverride, zero_gradient
from reverie.gradient.normalization import Measure
from reverie.gradient.tiling import TilePlan, Window, check_additive
from reverie.objectives.base import Objective, Term
from reverie.types import Gradient, Image, Model, Score


@dataclass(frozen=True, eq=False)
class WindowTerm(Term):
    """A term evaluated on a window, each neuron weighted by its share in the whole picture."""

    term: Term
    corner: tuple[int, int]
    """The window's first neuron (y, x), in the layer's grid of the whole picture."""
    grid: tuple[int, int]
    """Size (height, width) of that grid."""

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        excitement = self.term.excitement_of(activations)  # (b, h, w)
        (y, x), (height, width) = self.corner, excitement.shape[1:]
        share = self.term.share(self.grid)[y : y + height, x : x + width].to(excitement.device)
        # A window at the edge may have a neuron more than the whole picture's grid: it is cut off.
        return (excitement[:, : share.shape[0], : share.shape[1]] * share).sum((1, 2))

    def __str__(self) -> str:
        return f"{self.term} in part"


@dataclass(frozen=True)
class WindowedObjective:
    """An objective at one size of the picture, of which any window can be evaluated.

    plan: the strides and receptive fields of its layers.
    grids: for each layer, the size (height, width) of its grid over the whole picture, padding included.
    padding: pixels by which a window is padded, so that jitter can shift the network's grid: its stride, or 0.
    """

    model: Model
    objective: Objective
    plan: TilePlan
    grids: dict[str, tuple[int, int]]
    padding: int

    @classmethod
    def of(cls, model: Model, objective: Objective, size: tuple[int, int], jitter: int) -> WindowedObjective:
        """For pictures of `size` (height, width); `jitter` in pixels, 0 for none."""
        plan = TilePlan.of(model, objective, 0, None)
        padding = plan.step if jitter else 0
        return cls(model, objective, plan, plan.grids(model, size[0] + padding, size[1] + padding), padding)

    def gradient(self, row: Window, column: Window, grid_shifts: Iterable[tuple[int, int]]) -> Gradient:
        """The gradient of the window; at every step the network's grid is shifted by the next of `grid_shifts`."""
        terms = tuple(self.weigh_term(weight, term, row, column) for weight, term in self.objective.terms)
        gradient = gradient_of(self.model, Objective(terms)) if terms else zero_gradient
        return jitter_grid(gradient, iter(grid_shifts), self.padding)

    def weigh_term(self, weight: float, term: Term, row: Window, column: Window) -> tuple[float, Term]:
        """The term on the window with its weight, its neurons weighted as in the whole picture.

        Of a layer that is one vector for the whole picture, the window's own counts by the window's share of it.
        """
        stride = self.plan.layers[term.layer].stride
        if not stride:
            return weight * row.owned_share * column.owned_share, term
        corner = (row.seen[0] // stride, column.seen[0] // stride)
        return weight, WindowTerm(term.layer, term, corner, self.grids[term.layer])


def refuse_position_dependent(objective: Objective) -> None:
    """Raises `SettingsError` for an objective that is not the same at every place, or no sum over places."""
    check_additive(objective)
    for _, term in objective.terms:
        if term.references:
            raise SettingsError(
                f"{term} compares with a picture; a picture larger than memory is dreamed without: dream it smaller "
                "(--size)"
            )
        if term.placed:
            raise SettingsError(
                f"{term} looks at one place only; a picture larger than memory is dreamed everywhere alike: "
                "wish for the channel, or dream it smaller (--size)"
            )


def jitter_grid(gradient: Gradient, grid_shifts: Iterator[tuple[int, int]], padding: int) -> Gradient:
    """Jitter for a window: reflection padding of y and x pixels before it shifts the network's grid.

    Unlike `jittered` it does not roll the picture, which would need the opposite edge of the whole. Only the shift
    modulo the stride matters, so that `padding` is the stride.
    """

    def shifted(image: Image) -> tuple[Score, Image]:
        y, x = next(grid_shifts)  # the same in every window, at the same step
        score, grad = gradient(F.pad(image, (x, padding - x, y, padding - y), mode="reflect"))
        return score, grad[..., y : y + image.shape[2], x : x + image.shape[3]]

    return shifted if padding else gradient


def draw_grid_shifts(seed: str, reach: int, padding: int) -> Iterator[tuple[int, int]]:
    """Random shifts (y, x) of the grid, one a step, each 0 to `padding` - 1: the same in all windows with that seed."""
    generator = torch.Generator().manual_seed(derive_seed(seed))
    while True:
        y, x = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        yield (y % padding, x % padding) if padding else (0, 0)


def derive_seed(words: str) -> int:
    """A seed for a generator from words that identify a piece of work."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big")


PixelSelection: TypeAlias = Callable[[Image], Float[Tensor, "1 3 _h _w"]]
"""select(grad of a batch) -> the pixels that are measured, as one picture."""


def record_scales(scales: list[float], select: PixelSelection) -> MeasureOverride:
    """Measures the selected pixels of a batch as if they were one picture, and appends each scale to `scales`."""

    def by(own: Measure) -> Measure:
        def measured(grad: Image) -> Tensor:
            scale = own(select(grad))
            scales.append(float(scale))
            return scale

        return measured

    return by


def select_inner_pixels(count: int, rim: float) -> PixelSelection:
    """Selects the first `count` images of a batch, without a rim of this share of the side along each edge."""

    def select(grad: Image) -> Float[Tensor, "1 3 _h _w"]:
        y, x = int(rim * grad.shape[2]), int(rim * grad.shape[3])
        middle = grad[:count, :, y : grad.shape[2] - y, x : grad.shape[3] - x]
        # side by side as the rows of one picture: (n, 3, h, w) -> (3, n, h, w) -> (1, 3, n * h, w)
        return middle.transpose(0, 1).reshape(1, 3, -1, middle.shape[3])

    return select


def select_region_pixels(region: Bool[Tensor, "n h w"]) -> PixelSelection:
    """Selects the pixels of a batch that lie within a region."""
    # (n, 3, h, w) -> (3, n, h, w) -> (3, pixels) -> (1, 3, 1, pixels)
    return lambda grad: grad.transpose(0, 1)[:, region.to(grad.device)][None, :, None]


def find_clear_pixels(row: Window, column: Window, rim: float) -> Bool[Tensor, "1 h w"]:
    """The pixels of a window at which its gradient is taken to be the whole picture's.

    They are away from the window's edges by a `rim` of this share of its side, except where it is the picture's edge.
    """

    def along(window: Window) -> Bool[Tensor, " n"]:
        (low, high), reach = window.seen, int(rim * (window.seen[1] - window.seen[0]))
        pixels = torch.arange(low, high)
        return ((pixels >= low + reach) | (low == 0)) & ((pixels < high - reach) | (high == window.side))

    return (along(row)[:, None] & along(column))[None]


def replay_scales(scales: Iterable[float]) -> MeasureOverride:
    """Replaces measuring by the recorded scales: at every call the next of them."""
    left = iter(scales)

    def by(own: Measure) -> Measure:
        def recalled(grad: Image) -> Tensor:
            return torch.full((1, 1, 1, 1), next(left), device=grad.device)

        return recalled

    return by


def batch_gradients(gradients: list[Gradient]) -> Gradient:
    """The gradient of a batch whose images have a gradient function each."""

    def each(image: Image) -> tuple[Score, Image]:
        found = [gradient(image[n : n + 1]) for n, gradient in enumerate(gradients)]
        return torch.cat([score for score, _ in found]), torch.cat([grad for _, grad in found])

    return each


def choose_sample_windows(
    rows: Window, columns: Window, side: int, step: int, count: int
) -> list[tuple[Window, Window]]:
    """`count` x `count` windows of about `side` pixels, evenly spread over a picture and clipped to it.

    Where they would overlap, they are smaller. All begin at multiples of `step`.
    """
    return list(
        itertools.product(spread_windows(rows.side, side, step, count), spread_windows(columns.side, side, step, count))
    )


def spread_windows(whole: int, side: int, step: int, count: int) -> list[Window]:
    """`count` windows along a side of `whole` pixels, centered on the middles of as many equal shares."""
    if whole <= side * count:
        side = max(step, whole // count // step * step)
    centers = [(2 * number + 1) * whole // (2 * count) for number in range(count)]
    return [center_window(center, side, whole, step) for center in centers]


def center_window(center: int, side: int, whole: int, step: int) -> Window:
    """A window of `side` pixels around a pixel, moved into the picture and to begin at a multiple of `step`."""
    start = min(max(0, center - side // 2), whole - side) // step * step
    return Window((start, start + side), (start, start + side), whole)
