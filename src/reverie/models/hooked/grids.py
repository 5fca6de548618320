"""Which answers within a network are grids of activations, and how each becomes (b, c, h, w).

Told by growth: of two pictures, the second is higher and much wider. The axes of a layer's answer that grow with them
are its rows and columns, whatever the library calls them; attention's maps and windows do not grow so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

Size = tuple[int, int]
Shape = tuple[int, ...]


class Lies(Enum):
    """Where the channels of an answer are."""

    FIRST = "b c h w"
    LAST = "b h w c"
    TOKENS = "b (prefix + h w) c"
    VECTOR = "b c"


@dataclass(frozen=True)
class Grid:
    """How a layer's answer lies; `stride` pixels from one place to the next.

    `prefix` tokens (class, registers) come before those of the grid. A vector is a grid of one place.
    """

    lies: Lies
    stride: int = 0
    prefix: int = 0

    def planes(self, answer: Tensor, size: Size) -> Tensor:
        """The answer to a picture of `size` as (b, c, h, w). ValueError where tokens do not make the picture's grid."""
        if self.lies is Lies.FIRST:
            return answer
        if self.lies is Lies.LAST:
            return answer.permute(0, 3, 1, 2)
        if self.lies is Lies.VECTOR:
            return answer[:, :, None, None]
        tokens = answer[:, self.prefix :].transpose(1, 2)
        return tokens.reshape(*tokens.shape[:2], *patches(tokens.shape[2], size, self.stride))


def patches(tokens: int, size: Size, stride: int) -> Size:
    """Rows and columns of tokens: what does not fill a patch is either left out by a network, or padded."""
    for whole in (math.floor, math.ceil):
        height, width = (whole(side / stride) for side in size)
        if height * width == tokens:
            return height, width
    height, width = size
    raise ValueError(f"{tokens} tokens make no grid of a picture of {width} x {height} pixels at stride {stride}")


def grid_of(shapes: list[Shape], sizes: list[Size], prefix: int) -> Grid | None:
    """The grid of one layer by its answers to the pictures; None where it has none.

    `prefix` is how many tokens the network itself says come before the grid, which counts
    where there is one picture only.
    """
    first, last = shapes[0], shapes[-1]
    if first[:1] != (1,) or last[:1] != (1,) or len(first) != len(last):
        return None  # windows cut from the picture lie along the batch
    if len(first) == 4:
        return four_axes(shapes, sizes)
    if len(first) == 3 and first[2] == last[2]:
        return tokens_of(shapes, sizes, prefix)
    return None


def four_axes(shapes: list[Shape], sizes: list[Size]) -> Grid | None:
    for lies, rows, channels in ((Lies.FIRST, 2, 1), (Lies.LAST, 1, 3)):
        grids = [(shape[rows], shape[rows + 1]) for shape in shapes]
        if shapes[0][channels] == shapes[-1][channels] and (stride := spread(grids, sizes)):
            return Grid(lies, stride)
    return None


def spread(grids: list[Size], sizes: list[Size]) -> int | None:
    """The stride at which the grids are spread over the pictures; None where they are not."""
    (height, width), (picture, _) = grids[0], sizes[0]
    if len(sizes) == 1:  # a network of one size: a square grid, but for what convolutions leave off at the border
        stride = round(picture / max(height, 1))
        return stride if height == width > 1 and abs(stride * height - picture) <= 4 * stride else None
    down, across = grids[1][0] - height, grids[1][1] - width
    if not 0 < down < across:
        return None
    return max(1, round((sizes[1][1] - sizes[0][1]) / across))


def tokens_of(shapes: list[Shape], sizes: list[Size], prefix: int) -> Grid | None:
    """The stride at which each picture has as many patches as there are tokens, but for the same few before them."""
    for stride, whole in ROUNDED:
        rest = {
            shape[1] - whole(height / stride) * whole(width / stride)
            for shape, (height, width) in zip(shapes, sizes, strict=True)
        }
        before = rest.pop()
        if not rest and (before == prefix if len(sizes) == 1 else 0 <= before < 64):
            return Grid(Lies.TOKENS, stride, before)
    return None


# Several strides can fit a few small pictures. Rounded down, the true one is the largest of them; up, the smallest.
ROUNDED: list[tuple[int, Callable[[float], int]]] = [
    *((stride, math.floor) for stride in range(128, 1, -1)),
    *((stride, math.ceil) for stride in range(2, 129)),
]


def said_prefix(module: nn.Module) -> int:
    """How many tokens a network says it puts before the grid's: timm's word for it, or torchvision's class token."""
    said = getattr(module, "num_prefix_tokens", None)
    return said if isinstance(said, int) else int(isinstance(getattr(module, "class_token", None), Tensor))


def grids_of(module: nn.Module, answers: Sequence[Mapping[str, Tensor]], sizes: list[Size]) -> dict[str, Grid]:
    """The layers that answer with grids, in the order of `answers`: those of each picture, by layer."""
    prefix = said_prefix(module)
    found: dict[str, Grid] = {}
    for name in answers[0]:
        shapes = [tuple(each[name].shape) for each in answers if name in each]
        if name and len(shapes) == len(sizes) and (grid := grid_of(shapes, sizes, prefix)):
            found[name] = grid
    return found


def steady_grids(answers: Sequence[Mapping[str, Tensor]], sizes: list[Size]) -> dict[str, Grid]:
    """The layers (b, c, h, w) of a network that brings every picture to one size of its own, and so to one grid."""
    shapes = {name: tuple(each.shape) for name, each in answers[0].items()}
    return {
        name: Grid(Lies.FIRST, max(1, round(sizes[0][0] / shape[2])))
        for name, shape in shapes.items()
        if len(shape) == 4 and shape[0] == 1 and min(shape[2:]) > 1 and name and tuple(answers[-1][name].shape) == shape
    }
