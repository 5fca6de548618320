"""Finds what a Keras network has: its layers and how their outputs are laid out, its classes, the sizes it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reverie.errors import SettingsError
from reverie.models.hooked.grids import (
    AxisOrder,
    HeightWidth,
    OutputGrid,
    TensorShape,
    detect_map_grid,
    detect_token_grid,
    read_without_grid,
)
from reverie.models.keras.engine import import_tensorflow, shorten_error
from reverie.models.keras.graphs import find_dependents
from reverie.models.keras.pictures import PictureInput
from reverie.models.keras.recording import name_layers, record_outputs_into

TRIAL_SIDES = (224, 96, 64, 32, 28, 128, 160, 256, 299, 331, 384, 448, 512)
"""Sides in pixels of the square images tried on a network that does not say its size: the first that it takes."""

WEIGHTED_OPS = frozenset({"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum", "Conv3D"})
"""Operations that multiply by weights: the first of them sees images as the network was trained on them."""


@dataclass(frozen=True)
class NetworkLayers:
    """What was found of a network by tracing it."""

    size: HeightWidth
    """A (height, width) that the whole network takes."""
    shapes: Mapping[str, TensorShape]
    """The shape of each layer's output for an image of `size`, in order of execution."""
    grids: Mapping[str, OutputGrid]
    """How it is to be read."""
    one_size: frozenset[str]
    """The layers that answer to images of `size` alone."""
    classes: str | None
    """The layer whose channels are the classes."""
    others: Mapping[str, str]
    """The layers that cannot be read, and why."""
    seen: tuple[float, float] | None
    """What the first layer with weights sees of black and white, see `pictures.choose_preprocessing`."""


@dataclass
class Trial:
    """The shapes of all outputs for an image of one size, as far as the network came, and the graph of it."""

    size: HeightWidth
    shapes: dict[str, TensorShape] = field(default_factory=dict)
    classes: str | None = None
    error: str = ""
    graph: Any = None


def find_layers(network: Any, picture: PictureInput, name: str) -> NetworkLayers:
    """Find the layers of a network by tracing it at one size, and at another to see which layers take that too.

    Raises `SettingsError` for a network that takes no image, or has no layer that can be read.
    """
    first = try_sizes(network, picture, name)
    # Higher, and wider by more: see `hooked.grids`. 64 is a multiple of all common strides.
    second = trace_shapes(network, picture, (first.size[0] + 64, first.size[1] + 128))
    grids: dict[str, OutputGrid] = {}
    for layer in first.shapes:
        grid = find_grid(layer, [each for each in (first, second) if layer in each.shapes], picture)
        if grid is not None:
            grids[layer] = grid
    if not grids:
        raise SettingsError(f"{name} has no layer that answers with activations: nothing to dream of")
    return NetworkLayers(
        size=first.size,
        shapes={layer: first.shapes[layer] for layer in grids},
        grids=grids,
        one_size=frozenset(each for each in grids if each not in second.shapes),
        classes=first.classes,
        others={each: describe_shape(first.shapes.get(each)) for each in name_layers(network) if each not in grids},
        seen=see_black_and_white(first),
    )


def try_sizes(network: Any, picture: PictureInput, name: str) -> Trial:
    """Trace a network at its own size, or at the first of `TRIAL_SIDES` that it takes. Raises `SettingsError`."""
    own = picture.height or picture.width
    trials = []
    for side in [own] if own else TRIAL_SIDES:
        trials.append(trace_shapes(network, picture, (picture.height or side, picture.width or side)))
        if not trials[-1].error:
            return trials[-1]
    sides = f"of {own}" if own else f"of {min(TRIAL_SIDES)} to {max(TRIAL_SIDES)}"
    raise SettingsError(f"{name} answers to no picture {sides} pixels a side (it says: {trials[0].error})")


def trace_shapes(network: Any, picture: PictureInput, size: HeightWidth) -> Trial:
    """Trace a network for one image of that size. Nothing is computed; an error of the network is kept in words."""
    tf = import_tensorflow()
    trial = Trial(size)
    outputs: dict[str, Any] = {}

    def run(x: Any) -> Any:
        try:
            trial.classes = record_outputs_into(outputs, network, picture.convert(x))
        finally:
            trial.shapes = {name: tuple(each.shape) for name, each in outputs.items() if each.shape.is_fully_defined()}
        return x

    try:
        trial.graph = tf.compat.v1.wrap_function(run, [tf.TensorSpec((1, *size, 3), tf.float32)])
    except Exception as error:  # a network of the user's own may raise anything
        trial.error = shorten_error(error)
    return trial


def find_grid(layer: str, trials: list[Trial], picture: PictureInput) -> OutputGrid | None:
    """Find how a layer's output is to be read from its shapes; None where it is none that can be."""
    shapes, sizes = [each.shapes[layer] for each in trials], [each.size for each in trials]
    shape = shapes[0]
    if shape[0] != 1:  # windows or steps in time, stacked along the batch
        return None
    if len(shape) == 2:
        return OutputGrid(AxisOrder.VECTOR)
    if len(shape) == 3:
        tokens = next(filter(None, (detect_token_grid(shapes, sizes, prefix) for prefix in (0, 1))), None)
        return tokens or read_without_grid(shapes[0], shapes[-1], -1)
    if len(shape) != 4:
        return None
    # Keras's own layout where shapes do not tell: one size, or a single place.
    order, rows = (AxisOrder.CHANNELS_FIRST, 2) if picture.layout == "NCHW" else (AxisOrder.CHANNELS_LAST, 1)
    alone = OutputGrid(order, max(1, round(sizes[0][0] / shape[rows])) if shape[rows] > 1 else 0)
    return (detect_map_grid(shapes, sizes) if len(trials) > 1 else None) or alone


def describe_shape(shape: TensorShape | None) -> str:
    """Say in words what a layer answers with that cannot be read."""
    if shape is None:
        return "it is not called, or answers with no single tensor of known shape"
    return f"it answers with {'x'.join(map(str, shape[1:])) or '1'} numbers"


def see_black_and_white(trial: Trial) -> tuple[float, float] | None:
    """The least and the greatest number that the first layer with weights sees of black and white pictures, 0..255.

    None where there is no such layer.
    """
    tf = import_tensorflow()
    x = trial.graph.inputs[0]
    dependents = find_dependents([x])
    for op in trial.graph.graph.get_operations():
        seen = [each for each in op.inputs if each.op in dependents]
        if op.type in WEIGHTED_OPS and seen:
            break
    else:
        return None
    if seen[0] is x:
        return 0.0, 255.0
    look = trial.graph.prune([x], seen[:1])
    values = [look(tf.fill((1, *trial.size, 3), value))[0] for value in (0.0, 255.0)]
    return float(min(map(tf.reduce_min, values))), float(max(map(tf.reduce_max, values)))
