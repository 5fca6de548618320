"""Measures the receptive fields of layers by experiment, so that it works for any network of any framework."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from reverie.errors import SizeRefused
from reverie.models.windows import place_stride
from reverie.types import AcceptedSizes, Activations, Model


def find_smallest_side(model: Model, layers: Collection[str], most: int = 4096) -> int | None:
    """Find the smallest square image, by its side in pixels, for which every layer has activations.

    None if there is none up to about `most` pixels. Raises `SizeRefused` for a network that takes images of one size
    only.
    """
    fails, works = 0, 1
    while not has_activations(model, layers, works):  # double until it works, then bisect
        fails, works = works, 2 * works
        if works > most:
            return None
    while works - fails > 1:
        middle = (fails + works) // 2
        fails, works = (fails, middle) if has_activations(model, layers, middle) else (middle, works)
    return works


def has_activations(model: Model, layers: Collection[str], side: int) -> bool:
    """Whether every layer has activations for a square image of that side. Raises `SizeRefused`."""
    try:
        with torch.no_grad():
            found = model(torch.zeros(1, 3, side, side, device=model.device), layers)
        return all(each.numel() for each in found.values())
    except SizeRefused:  # the network takes one size only: trying other sides is of no use
        raise
    except (RuntimeError, ValueError):
        return False


@dataclass(frozen=True)
class LayerGeometry:
    """The receptive fields of a layer's neurons along one axis, in pixels.

    Neuron i sees `receptive_field` pixels, from `first + i * stride` on; `first` is negative where the layer pads.
    `receptive_field` and `first` are None where every neuron sees the whole image, or where the fields differ from
    neuron to neuron (attention within windows, as in Swin). `stride` is 0 for a layer whose places do not lie side by
    side over the image: a vector, tokens without a grid, maps of a fixed size. It sees the whole image, and in
    tiles its gradient is an approximation. `channels` is the number of the layer's channels.
    """

    channels: int
    stride: int
    receptive_field: int | None
    first: int | None


def measure_geometry(model: Model, layers: Collection[str]) -> dict[str, LayerGeometry]:
    """Measure stride and receptive field of layers: NaN propagates to every neuron whose field contains the pixel.

    Columns of an image are set to NaN from both ends inward. Where one column more turns the outermost neuron without
    NaN into NaN, that column is the edge of the neuron's receptive field. Two such edges in a row give the stride.
    For a network that takes images of one size only, every neuron is assumed to see the whole image.
    """
    sizes = find_accepted_sizes(model)
    try:
        if sizes is None:
            return measure_with_probes(model, layers, max(find_smallest_side(model, layers) or 0, 16))
        if not sizes.in_windows:
            return measure_with_probes(model, layers, sizes.size[0], sizes.multiple or 1)
    except SizeRefused as error:
        return estimate_geometry(model, layers, error.size)
    return estimate_geometry(model, layers, sizes.size)


def measure_with_probes(
    model: Model, layers: Collection[str], height: int, multiple: int = 1
) -> dict[str, LayerGeometry]:
    """Measure layers with `NanProbe` images, wider ones for the layers whose neurons see all of a narrower one.

    `height` of the images in pixels; their width is a multiple of `multiple`, as the model needs it.
    """
    fixed = find_fixed_layers(model, layers, height, multiple)
    found: dict[str, LayerGeometry] = {}
    for width in (math.ceil(wide / multiple) * multiple for wide in (1024, 2048, 4096)):
        left = [name for name in layers if name not in fixed and (name not in found or not found[name].receptive_field)]
        if left:
            found |= NanProbe(model, left, height, width).geometry()
    return {name: fixed.get(name) or found[name] for name in layers}


def find_fixed_layers(
    model: Model, layers: Collection[str], height: int, multiple: int = 1
) -> dict[str, LayerGeometry]:
    """The geometry of the layers that have as many places for a wide image as for a narrow one, such as vectors."""
    widths = (math.ceil(width / multiple) * multiple for width in (512, 1024))
    with torch.no_grad():
        narrow, wide = (model(torch.zeros(1, 3, height, width, device=model.device), layers) for width in widths)
    return {
        name: LayerGeometry(wide[name].shape[1], 0, None, None)
        for name in layers
        if narrow[name].shape[3] == wide[name].shape[3]
    }


def estimate_geometry(model: Model, layers: Collection[str], size: tuple[int, int]) -> dict[str, LayerGeometry]:
    """Estimate strides from the layers' grids over an image of `size` (height, width); receptive fields stay None."""
    with torch.no_grad():
        activations = model(torch.zeros(1, 3, *size, device=model.device), layers)
    return {
        name: LayerGeometry(maps.shape[1], place_stride(size[1], maps.shape[3]), None, None)
        for name, maps in ((name, activations[name]) for name in layers)
    }


def geometry_from_shape(activations: Tensor, width: int) -> LayerGeometry:
    """The geometry of activations (b, c, h, w) of an image of `width` pixels, as far as their shape tells it."""
    channels, columns = activations.shape[1], activations.shape[3]
    return LayerGeometry(channels, round(width / columns) if columns > 1 else 0, None, None)


def find_accepted_sizes(model: Model) -> AcceptedSizes | None:
    """The sizes that a model says it takes; None where it takes any."""
    sizes: AcceptedSizes | None = getattr(model, "accepted_sizes", None)
    return sizes


class NanProbe:
    """An image (1, 3, height, width) of zeros, NaN in some columns at both ends, and the layers' response to it.

    A column of neurons is *clean* while no NaN has reached it. Everything is measured along the width alone.
    """

    def __init__(self, model: Model, layers: Collection[str], height: int, width: int) -> None:
        self.model, self.layers, self.height, self.width = model, tuple(layers), height, width
        self.grids: dict[str, LayerGeometry] = {}
        # By the number of NaN columns at either end: the first and last clean column of neurons of each layer.
        self.cache: dict[int, dict[str, tuple[int, int]]] = {}

    def geometry(self) -> dict[str, LayerGeometry]:
        """Measure the geometry of each layer."""
        return {name: self.measure_layer(name) for name in self.layers}

    def measure_layer(self, layer: str) -> LayerGeometry:
        """Measure the geometry of one layer; `receptive_field` is None where no edge of a field is found."""
        edges = self.find_edges(layer, side=0)
        grid = self.grids[layer]
        # Neurons that share an attention window lose their clean state together, a whole window at a time.
        if len(edges) < 2 or round((edges[1] - edges[0]) / max(grid.stride, 1)) != 1:
            return grid
        stride = edges[1] - edges[0]
        # With `edges[0]` NaN columns, the field of the first clean neuron starts at that very pixel: back to neuron 0.
        first = edges[0] - self.find_clean(edges[0])[layer][0] * stride
        # The same from the right: the last clean neuron's field ends at the last pixel that is no NaN.
        right_edge = self.find_edges(layer, side=1)[0]
        last = self.width - right_edge - 1 - self.find_clean(right_edge)[layer][1] * stride  # of neuron 0's field
        return LayerGeometry(grid.channels, stride, last - first + 1, first)

    def find_edges(self, layer: str, side: int) -> list[int]:
        """Find the first two numbers of NaN columns after which one more reaches the outermost clean neuron.

        `side` 0 looks at the first clean column of neurons, 1 at the last. Fewer than two if no column, or every
        column, is reached: nothing is clean, or the field is wider than the image.
        """
        found: list[int] = []
        low = INITIAL_NAN_COLUMNS
        while len(found) < 2:
            before, high = self.find_clean(low)[layer][side], low + LARGEST_STRIDE
            if before < 0 or self.find_clean(high)[layer][side] in (before, -1):
                break
            while high - low > 1:  # bisect: clean as before with `low` columns of NaN, no longer with `high`
                middle = (low + high) // 2
                low, high = (middle, high) if self.find_clean(middle)[layer][side] == before else (low, middle)
            found.append(low)
            low = high
        return found

    def find_clean(self, columns: int) -> dict[str, tuple[int, int]]:
        """The first and last clean column of neurons of each layer for so many NaN columns; -1 where none is clean."""
        if columns not in self.cache:
            activations = self.run_model(columns)
            self.grids = {name: geometry_from_shape(activations[name], self.width) for name in self.layers}
            self.cache[columns] = {
                name: find_outermost(find_clean_columns(activations[name]) & ~self.padding_only[name])
                for name in self.layers
            }
        return self.cache[columns]

    def run_model(self, columns: int) -> Activations:
        """The layers' activations of the image with so many NaN columns at either end."""
        strip = torch.zeros(1, 3, self.height, self.width, device=self.model.device)
        strip[..., :columns] = strip[..., self.width - columns :] = float("nan")
        with torch.no_grad():
            return self.model(strip, self.layers)

    @cached_property
    def padding_only(self) -> dict[str, Tensor]:
        """The columns (w,) of each layer that see no pixel at all, but only padding: clean even if all is NaN."""
        activations = self.run_model(self.width)
        return {name: find_clean_columns(activations[name]) for name in self.layers}


INITIAL_NAN_COLUMNS = 64
"""The number of NaN columns to start with: the fields of the neurons next to it lie within the image."""

LARGEST_STRIDE = 64
"""The largest stride in pixels that is looked for."""


def find_clean_columns(activations: Tensor) -> Tensor:
    """The columns (w,) of activations (b, c, h, w) in which the first image has no NaN."""
    return ~activations.isnan().any(2).any(1)[0]


def find_outermost(columns: Tensor) -> tuple[int, int]:
    """The first and last index at which a boolean tensor (w,) is true; (-1, -1) where it is nowhere."""
    clean = columns.nonzero().flatten().tolist()
    return (clean[0], clean[-1]) if clean else (-1, -1)
