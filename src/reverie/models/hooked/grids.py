"""Detects which modules' outputs are grids of activations, and brings each to (b, c, h, w).

It compares the outputs for two images, of which the second is higher and much wider. The axes of an output that grow
alike are its rows and columns, whatever axis order the library uses; attention maps and windows do not grow that way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

HeightWidth = tuple[int, int]
"""The (height, width) of an image or a grid."""

TensorShape = tuple[int, ...]


class AxisOrder(Enum):
    """The axis order of a module's output."""

    CHANNELS_FIRST = "b c h w"
    CHANNELS_LAST = "b h w c"
    TOKENS = "b (prefix + h w) c"
    VECTOR = "b c"


@dataclass(frozen=True)
class OutputGrid:
    """How a module's output is to be read as a grid of activations.

    `stride`: pixels from one place to the next, 0 for a vector, which is a grid of one place. `prefix`: the number of
    tokens (class token, registers) before those of the grid.
    """

    order: AxisOrder
    stride: int = 0
    prefix: int = 0

    def to_maps(self, output: Tensor, size: HeightWidth) -> Tensor:
        """Bring the output for an image of `size` to (b, c, h, w). Raises ValueError if tokens make no such grid."""
        if self.order is AxisOrder.CHANNELS_FIRST:
            return output
        if self.order is AxisOrder.CHANNELS_LAST:
            return output.permute(0, 3, 1, 2)
        if self.order is AxisOrder.VECTOR:
            return output[:, :, None, None]
        tokens = output[:, self.prefix :].transpose(1, 2)  # (b, c, h * w)
        return tokens.reshape(*tokens.shape[:2], *find_patch_grid(tokens.shape[2], size, self.stride))


def find_patch_grid(tokens: int, size: HeightWidth, stride: int) -> HeightWidth:
    """The (rows, columns) in which so many tokens cover an image of `size`. Raises ValueError if they do not.

    A network either crops what does not fill a whole patch (floor), or pads it (ceil).
    """
    for rounded in (math.floor, math.ceil):
        height, width = (rounded(side / stride) for side in size)
        if height * width == tokens:
            return height, width
    height, width = size
    raise ValueError(f"{tokens} tokens make no grid of a picture of {width} x {height} pixels at stride {stride}")


def detect_grid(shapes: list[TensorShape], sizes: list[HeightWidth], prefix: int) -> OutputGrid | None:
    """Detect the grid of one module from the shapes of its outputs for images of `sizes`; None if it has none.

    `prefix`: the number of tokens before the grid as the network itself tells it, which is used if there is one image
    only.
    """
    first, last = shapes[0], shapes[-1]
    if first[:1] != (1,) or last[:1] != (1,) or len(first) != len(last):
        return None  # windowed attention, say, stacks its windows along the batch
    if len(first) == 4:
        return detect_map_grid(shapes, sizes)
    if len(first) == 3 and first[2] == last[2]:
        return detect_token_grid(shapes, sizes, prefix)
    return None


def detect_map_grid(shapes: list[TensorShape], sizes: list[HeightWidth]) -> OutputGrid | None:
    """Detect the grid of outputs with four axes, channels first or last: the channels must be equally many."""
    for order, rows, channels in (
        (AxisOrder.CHANNELS_FIRST, 2, 1),
        (AxisOrder.CHANNELS_LAST, 1, 3),
    ):  # positions of the axes
        grids = [(shape[rows], shape[rows + 1]) for shape in shapes]
        if shapes[0][channels] == shapes[-1][channels] and (stride := find_grid_stride(grids, sizes)):
            return OutputGrid(order, stride)
    return None


def find_grid_stride(grids: list[HeightWidth], sizes: list[HeightWidth]) -> int | None:
    """The stride in pixels of grids over images of `sizes`; None where they do not grow with the images."""
    (height, width), (side, _) = grids[0], sizes[0]
    if len(sizes) == 1:  # a network of one size: a square grid, less what unpadded convolutions cut off at the border
        stride = round(side / max(height, 1))
        return stride if height == width > 1 and abs(stride * height - side) <= 4 * stride else None
    more_rows, more_columns = grids[1][0] - height, grids[1][1] - width
    if not 0 < more_rows < more_columns:  # the second image is higher, and wider by more
        return None
    return max(1, round((sizes[1][1] - sizes[0][1]) / more_columns))


def detect_token_grid(shapes: list[TensorShape], sizes: list[HeightWidth], prefix: int) -> OutputGrid | None:
    """Detect the grid of token outputs (b, n, c): at its stride, every image has n patches plus the same few tokens."""
    for stride, rounded in STRIDES_AND_ROUNDINGS:
        surplus = {  # tokens beyond the patches of each image
            shape[1] - rounded(height / stride) * rounded(width / stride)
            for shape, (height, width) in zip(shapes, sizes, strict=True)
        }
        before = surplus.pop()
        if not surplus and (before == prefix if len(sizes) == 1 else 0 <= before < 64):
            return OutputGrid(AxisOrder.TOKENS, stride, before)
    return None


# Several strides can fit a few small images. Rounded down, the true one is the largest of them; up, the smallest.
STRIDES_AND_ROUNDINGS: list[tuple[int, Callable[[float], int]]] = [
    *((stride, math.floor) for stride in range(128, 1, -1)),
    *((stride, math.ceil) for stride in range(2, 129)),
]


def count_prefix_tokens(module: nn.Module) -> int:
    """The number of tokens before the grid's: timm's networks tell it, torchvision's have one class token or none."""
    count = getattr(module, "num_prefix_tokens", None)
    return count if isinstance(count, int) else int(isinstance(getattr(module, "class_token", None), Tensor))


def detect_grids(
    module: nn.Module, outputs: Sequence[Mapping[str, Tensor]], sizes: list[HeightWidth]
) -> dict[str, OutputGrid]:
    """Detect the modules whose outputs are grids, in order of execution.

    `outputs`: for each image the outputs of the submodules by name; `sizes`: of the images.
    """
    prefix = count_prefix_tokens(module)
    found: dict[str, OutputGrid] = {}
    for name in outputs[0]:
        shapes = [tuple(each[name].shape) for each in outputs if name in each]
        if name and len(shapes) == len(sizes) and (grid := detect_grid(shapes, sizes, prefix)):
            found[name] = grid
    return found


def detect_constant_grids(outputs: Sequence[Mapping[str, Tensor]], sizes: list[HeightWidth]) -> dict[str, OutputGrid]:
    """The grids of a network that resizes every image to one size of its own: outputs (b, c, h, w) of equal shape.

    Their strides are those of the first image.
    """
    shapes = {name: tuple(each.shape) for name, each in outputs[0].items()}
    return {
        name: OutputGrid(AxisOrder.CHANNELS_FIRST, max(1, round(sizes[0][0] / shape[2])))
        for name, shape in shapes.items()
        if len(shape) == 4 and shape[0] == 1 and min(shape[2:]) > 1 and name and tuple(outputs[-1][name].shape) == shape
    }
