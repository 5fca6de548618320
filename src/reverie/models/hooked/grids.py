"""Detects how the outputs of modules are to be read, and brings each to (b, c, h, w).

It compares the outputs for two images, of which the second is higher and much wider. The axes of an output that grow
alike are its rows and columns, whatever axis order the library uses; attention maps and windows do not grow that way.
What is no grid over the image is read all the same: a vector has one place, tokens and sequences have a column of them.
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
    PREFIX = "b (prefix + ...) c"
    BLOCKS = "b (rows columns) (h w) c"
    MAP = "b h w"
    VECTOR = "b c"
    PLACES = "b ... c ..."


@dataclass(frozen=True)
class OutputGrid:
    """How a module's output is to be read as a grid of activations.

    `stride`: pixels from one place to the next; 0 where the places do not lie side by side over the image: such a layer
    sees all of it. `prefix`: the number of tokens (class token, registers) before those of the grid. `axis`: of PLACES,
    which axis holds the channels, counted from the last (-1); 0 where there is a single channel. All other axes are
    places, one below another.
    """

    order: AxisOrder
    stride: int = 0
    prefix: int = 0
    axis: int = 0

    def to_maps(self, output: Tensor, size: HeightWidth) -> Tensor:
        """Bring the output for an image of `size` to (b, c, h, w). Raises ValueError if tokens make no such grid."""
        if self.order is AxisOrder.CHANNELS_FIRST:
            return output
        if self.order is AxisOrder.CHANNELS_LAST:
            return output.permute(0, 3, 1, 2)
        if self.order is AxisOrder.VECTOR:
            return output[:, :, None, None]
        if self.order is AxisOrder.MAP:
            return output[:, None]
        if self.order is AxisOrder.PREFIX:
            return output[:, : self.prefix].transpose(1, 2)[..., None]
        if self.order is AxisOrder.PLACES:
            channels = output.movedim(self.axis, 1) if self.axis else output[:, None]
            return channels.reshape(*channels.shape[:2], -1, 1)
        if self.order is AxisOrder.BLOCKS:
            return join_blocks(output)
        tokens = output[:, self.prefix :].transpose(1, 2)  # (b, c, h * w)
        return tokens.reshape(*tokens.shape[:2], *find_patch_grid(tokens.shape[2], size, self.stride))


def join_blocks(output: Tensor) -> Tensor:
    """Join square blocks of tokens (b, rows * columns, h * w, c) to the grid that they were cut from.

    As in NesT: https://arxiv.org/abs/2105.12723.
    """
    blocks, side = math.isqrt(output.shape[1]), math.isqrt(output.shape[2])
    squares = output.reshape(len(output), blocks, blocks, side, side, output.shape[3])  # (b, rows, columns, h, w, c)
    joined = squares.permute(0, 5, 1, 3, 2, 4)  # (b, c, rows, h, columns, w)
    return joined.reshape(len(output), output.shape[3], blocks * side, blocks * side)


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


def detect_grid(
    shapes: list[TensorShape], sizes: list[HeightWidth], prefix: int, channels: int | None = None
) -> OutputGrid | None:
    """Detect how one module's outputs for images of `sizes` are to be read, from their shapes; None if they cannot be.

    `prefix`: the number of tokens before the grid as the network itself tells it, which is used if there is one image
    only. `channels`: the axis of the channels, counted from the last, where the kind of module tells it.
    """
    first, last = shapes[0], shapes[-1]
    if len(first) != len(last) or not all(map(math.prod, shapes)):
        return None
    grid = None
    if len(first) == 4:
        grid = detect_map_grid(shapes, sizes) or detect_block_grid(shapes, sizes)
    elif len(first) == 3:
        grid = (detect_token_grid(shapes, sizes, prefix) if first[2] == last[2] else None) or detect_plane(
            shapes, sizes
        )
    return grid or read_without_grid(first, last, channels)


def read_without_grid(first: TensorShape, last: TensorShape, channels: int | None) -> OutputGrid:
    """How outputs that are no grid over the image are read, from their shapes for two images (b, ...).

    The channels are an axis that is equally long for all images: the one that the kind of module names, else the last
    one; of maps (b, c, h, w) of a fixed size the first.
    """
    rank = len(first)
    constant = [axis - rank for axis in range(1, rank) if first[axis] == last[axis]]
    if rank == 2 and constant:
        return OutputGrid(AxisOrder.VECTOR)
    if rank == 4 and len(constant) == 3:
        return OutputGrid(AxisOrder.CHANNELS_LAST if channels == -1 else AxisOrder.CHANNELS_FIRST)
    axis = channels if channels in constant else constant[-1] if constant else 0
    return OutputGrid(AxisOrder.PLACES, axis=axis)


def detect_plane(shapes: list[TensorShape], sizes: list[HeightWidth]) -> OutputGrid | None:
    """Detect the grid of outputs (b, h, w) of a single channel, such as a map of depths."""
    stride = find_grid_stride([(shape[1], shape[2]) for shape in shapes], sizes) if len(sizes) > 1 else None
    return OutputGrid(AxisOrder.MAP, stride) if stride else None


def detect_block_grid(shapes: list[TensorShape], sizes: list[HeightWidth]) -> OutputGrid | None:
    """Detect the grid of square blocks of tokens (b, blocks, tokens, c) over one image of a network of one size."""
    blocks, side = math.isqrt(shapes[0][1]), math.isqrt(shapes[0][2])
    if len(sizes) > 1 or (blocks * blocks, side * side) != shapes[0][1:3] or side < 2:
        return None
    stride = find_grid_stride([(blocks * side, blocks * side)], sizes)
    return OutputGrid(AxisOrder.BLOCKS, stride) if stride else None


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
        patches = [rounded(height / stride) * rounded(width / stride) for height, width in sizes]
        # Tokens beyond the patches of each image. A single patch is no grid: it may be the class token alone.
        surplus = {shape[1] - own for shape, own in zip(shapes, patches, strict=True)}
        before = surplus.pop() if max(patches) > 1 and min(patches) > 0 else -1
        # Of one image: as many as the network tells, or none, before the class token joins (as in CaiT).
        if not surplus and (before in (prefix, 0) if len(sizes) == 1 else 0 <= before < 64):
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
    """Detect how the modules' outputs are to be read, in order of execution.

    `outputs`: for each image the outputs of the submodules by name; `sizes`: of the images.
    """
    prefix = count_prefix_tokens(module)
    found: dict[str, OutputGrid] = {}
    known: dict[TensorShape, int] = {}  # the axis of the channels in outputs of a shape, for modules that do not tell
    for name, output in outputs[0].items():
        shapes = [tuple(each[name].shape) for each in outputs if name in each]
        if not name or not output.is_floating_point() or len(shapes) < len(sizes) or not output.ndim:
            continue
        if axis := find_channel_axis(module.get_submodule(name), output.ndim):
            known[shapes[0]] = axis
        if grid := detect_grid([separate_windows(each) for each in shapes], sizes, prefix, known.get(shapes[0])):
            found[name] = grid
    if any(grid.order is AxisOrder.TOKENS for grid in found.values()):  # then what look like blocks are attention heads
        heads = OutputGrid(AxisOrder.PLACES, axis=-1)
        found = {name: heads if grid.order is AxisOrder.BLOCKS else grid for name, grid in found.items()}
    return found


def separate_windows(shape: TensorShape) -> TensorShape:
    """The shape of an output for one image with the image as its first axis.

    Windowed attention, for one, stacks its windows along the batch: they become an axis of their own.
    """
    return shape if shape[0] == 1 else (1, *shape)


def find_channel_axis(module: nn.Module, rank: int) -> int | None:
    """The axis of the channels in a module's output, counted from the last, where the kind of module tells it."""
    if isinstance(module, (nn.Linear, nn.LayerNorm)):
        return -1
    channels_first = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
    return 1 - rank if isinstance(module, channels_first) else None


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
