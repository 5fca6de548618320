"""Statistics of the activations of layers on a photo."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.models.any_size import accept_any_size
from reverie.types import Image, Model

HISTOGRAM_BINS = 64
STRONGEST_CHANNELS = 11
"""Channels whose activation maps are shown: with the photo before them, two rows of six."""


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Statistics of a layer's activations on one photo.

    shape: (channels, height, width) of the activations.
    mean: over all neurons; the paper calls it the layer's loss.
    deviation: standard deviation over all neurons.
    zeros: share of neurons that are exactly 0, as after a ReLU.
    counts: neurons in each of the equal bins between `edges`.
    strongest: the channels of the highest mean, (number, mean), highest first.
    maps: (n, height, width), the activations of the strongest channels.
    corners: (c, y, x), the activations at both ends of each axis, which is what NumPy prints of a large array.
    """

    layer: str
    shape: tuple[int, int, int]
    mean: float
    deviation: float
    zeros: float
    least: float
    most: float
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    strongest: tuple[tuple[int, float], ...]
    maps: Float[Tensor, "n h w"]
    corners: Float[Tensor, "c y x"]


def measure_layers(model: Model, image: Image, layers: Collection[str]) -> list[LayerStatistics]:
    """Statistics of the layers on one image (1, 3, h, w), 0..1, lowest layer first; names of no layer are ignored."""
    wanted = [layer for layer in model.layers if layer in layers]
    if not wanted:
        return []
    with torch.no_grad():
        activations = accept_any_size(model)(image, wanted)  # layer -> (1, c, h, w)
    return [summarize_activations(layer, activations[layer][0].float().cpu()) for layer in wanted]


def summarize_activations(layer: str, activations: Float[Tensor, "c h w"]) -> LayerStatistics:
    """Statistics of one layer's activations; sums are in float64, for a layer may have millions of neurons."""
    channels, height, width = activations.shape
    exact = activations.double()
    counts, edges = torch.histogram(activations.flatten(), HISTOGRAM_BINS)
    means = exact.mean((1, 2))
    strongest = means.topk(min(STRONGEST_CHANNELS, channels)).indices.tolist()
    return LayerStatistics(
        layer=layer,
        shape=(channels, height, width),
        mean=float(exact.mean()),
        deviation=float(exact.std(correction=0)),
        zeros=float((activations == 0).double().mean()),
        least=float(activations.min()),
        most=float(activations.max()),
        counts=tuple(int(count) for count in counts.tolist()),
        edges=tuple(edges.tolist()),
        strongest=tuple((channel, float(means[channel])) for channel in strongest),
        maps=activations[strongest].clone(),
        corners=activations[list_ends(channels)][:, list_ends(height)][..., list_ends(width)],
    )


def list_ends(length: int) -> list[int]:
    """The first three and the last three places of an axis; all of one that is shorter."""
    return [place for place in range(length) if place < 3 or place >= length - 3]
