"""Reads the recorded outputs of modules as layers: which of them there are, and their activations (b, c, h, w)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from reverie.errors import SettingsError
from reverie.models.hooked.grids import AxisOrder, HeightWidth, OutputGrid, detect_constant_grids, detect_grids

CLASS_TOKEN, PREFIX_TOKENS = ".class_token", ".prefix_tokens"
"""What is added to a layer's name for the token, or the several tokens, before those of its grid."""


def detect_layers(
    module: nn.Module, outputs: Sequence[Mapping[str, Tensor]], sizes: list[HeightWidth]
) -> dict[str, OutputGrid]:
    """The layers of a module by name, in order of execution, and how the output of each is to be read.

    `outputs`: what the submodules put out for each of a few images; `sizes`: of these images.
    """
    grids = detect_grids(module, outputs, sizes)
    if any(grid.stride for grid in grids.values()):
        return grids
    return {**grids, **detect_constant_grids(outputs, sizes)}


def list_prefix_layers(grids: Mapping[str, OutputGrid]) -> dict[str, OutputGrid]:
    """The layers that are the tokens before a grid, such as "blocks.5.class_token", and how they are read."""
    return {
        name + (CLASS_TOKEN if grid.prefix == 1 else PREFIX_TOKENS): replace(grid, order=AxisOrder.PREFIX, stride=0)
        for name, grid in grids.items()
        if grid.order is AxisOrder.TOKENS and grid.prefix
    }


def find_module_name(layer: str, grid: OutputGrid) -> str:
    """The name of the module whose output a layer is."""
    return layer.rpartition(".")[0] if grid.order is AxisOrder.PREFIX else layer


def are_windows(outputs: Collection[Tensor], batch: int) -> bool:
    """Whether one of the outputs is of windows that are stacked along the batch, for `batch` images."""
    return any(len(output) != batch for output in outputs)


def read_maps(layer: str, output: Tensor, grid: OutputGrid, image: Tensor) -> Tensor:
    """The activations (b, c, h, w) of a layer for an image (b, 3, h, w): of a single one if it stacks windows.

    Raises ValueError where the layer has no place left, and `SettingsError` where it cannot be read at this size.
    """
    maps_alone = output.ndim == 3 and grid.order in (AxisOrder.CHANNELS_FIRST, AxisOrder.CHANNELS_LAST)  # one window
    windows = maps_alone or are_windows([output], len(image))
    size = (image.shape[-2], image.shape[-1])
    maps = grid.to_maps(output[None] if windows else output, size)
    if not maps.numel():
        raise ValueError(f"nothing is left of the picture at {layer}")
    if maps.ndim != 4 or len(maps) != len(image):
        raise SettingsError(
            f"{layer} cuts a picture of {size[1]} x {size[0]} pixels into windows and answers for each by itself; "
            "expected a layer that answers for the picture: take the one around it"
        )
    return maps


def describe_output(output: Tensor | None, answers: bool) -> str:
    """Say in words why a module with this output is no layer; `answers`: whether it depends on the picture at all."""
    if output is None:
        return "it is not called by itself"
    if not answers:
        return "its answer has no gradient: it does not depend on the picture, or is cut off from it"
    return f"it answers with {'x'.join(map(str, output.shape[1:])) or '1'} numbers"
