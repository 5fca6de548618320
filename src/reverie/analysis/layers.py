"""What a layer answers to a photo."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.types import Image, Model

BINS = 64
STRONGEST = 11
"""Pictures of channels: with the photo before them, two rows of six."""


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """A layer's activations (channels, height, width) in numbers.

    `mean` is what the paper calls the layer's loss. `counts` are neurons in equal bins between `edges`; `strongest` are
    channels by their mean, highest first, and `maps` (n, height, width) their activations.
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


def layer_statistics(model: Model, image: Image, layers: Collection[str]) -> list[LayerStatistics]:
    """The statistics of the layers for one image (1, 3, h, w), lowest layer first."""
    wanted = [layer for layer in model.layers if layer in layers]
    if not wanted:
        return []
    with torch.no_grad():
        answers = model(image, wanted)
    return [statistics_of(layer, answers[layer][0].float().cpu()) for layer in wanted]


def statistics_of(layer: str, activations: Float[Tensor, "c h w"]) -> LayerStatistics:
    """The numbers of one layer's activations; sums are taken in float64."""
    channels, height, width = activations.shape
    exact = activations.double()
    counts, edges = torch.histogram(activations.flatten(), BINS)
    means = exact.mean((1, 2))
    strongest = means.topk(min(STRONGEST, channels)).indices.tolist()
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
    )
