"""The numbers of an analysis as the paper's code prints them: in the words of TensorFlow, Keras and NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.layers import LayerStatistics, list_ends
from reverie.analysis.parameters import Parameters


def format_as_printed(analysis: Analysis) -> str:
    """What the paper's code would print of this analysis, line by line; the paper's loss is our score."""
    lines = list(format_parameters(analysis.parameters))
    for photo in analysis.photos:
        lines += [photo.name] if len(analysis.photos) > 1 else []
        lines += [*format_losses(photo), *format_steps(photo)]
    return "\n".join(lines) + "\n"


def format_parameters(parameters: Parameters) -> Iterator[str]:
    """The last lines of Keras's `model.summary()`."""
    yield f"Total params: {parameters.total:,}"
    yield f"Trainable params: {parameters.trainable:,}"
    yield f"Non-trainable params: {parameters.non_trainable:,}"


def format_losses(photo: PhotoAnalysis) -> Iterator[str]:
    """What `calc_loss` prints of the photo: activations, their shape, the mean of each layer, and the sum."""
    if not photo.layers:
        return
    means = [np.float32(layer.mean) for layer in photo.layers]
    shapes = [channels_last(layer) for layer in photo.layers]
    stacked = (len(shapes), *shapes[0]) if len(set(shapes)) == 1 else shapes  # NumPy stacks what is of one shape
    losses = ", ".join(f"<tf.Tensor: shape=(), dtype=float32, numpy={mean!s}>" for mean in means)
    yield f"ACTIVATION VALUES (LAYER OUTPUT) =\n [{', '.join(map(format_tensor, photo.layers))}]"
    yield f"ACTIVATION SHAPE =\n {stacked}"
    yield f"LOSSES (FROM MULTIPLE ACTIVATION LAYERS) =  [{losses}]"
    yield f"LOSSES SHAPE (FROM MULTIPLE ACTIVATION LAYERS) =  {(len(means),)}"
    yield f"SUM OF ALL LOSSES (FROM ALL SELECTED LAYERS)=  tf.Tensor({sum(means)!s}, shape=(), dtype=float32)"


def format_steps(photo: PhotoAnalysis) -> Iterator[str]:
    """The loss at each step that was asked for, size after size."""
    for each in photo.climb.snapshots:
        yield f"Step {each.step}, loss {np.float32(each.score)}"


def channels_last(layer: LayerStatistics) -> tuple[int, ...]:
    """The shape of a layer's activations as TensorFlow has it: (1, height, width, channels)."""
    channels, height, width = layer.shape
    return 1, height, width, channels


def format_tensor(layer: LayerStatistics) -> str:
    """A layer's activations as TensorFlow shows them: the numbers at the ends of every axis, dots between them."""
    shape = channels_last(layer)
    values = np.zeros(shape, np.float32)
    values[np.ix_([0], *map(list_ends, shape[1:]))] = layer.corners.permute(1, 2, 0)[None].numpy()
    text = np.array2string(values, threshold=0, separator=", ", prefix="array(")
    return f"<tf.Tensor: shape={shape}, dtype=float32, numpy=\narray({text}, dtype=float32)>"
