"""What lies within a layer of a chain: computed by torch's own operations, and only when it is asked for.

A chain runs its layers fused, merged and without a graph, so that their inner parts (a branch, a batch norm, what comes
before a ReLU) are never there by themselves. Whoever asks for one gets it from a second, plain computation of that one
layer, from the activations of the layer below. An ordinary dream pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

FeatureMaps: TypeAlias = Float[Tensor, "b c h w"]

BELOW = ""
"""The name by which a node asks for the activations of the layer below."""

Find: TypeAlias = Callable[[str], Tensor]
"""find(name) -> the activations of a node, computed once."""

Node: TypeAlias = Callable[[Find], Tensor]
"""Computes a part of a layer from other parts."""


def evaluate_nodes(nodes: Mapping[str, Node], below: FeatureMaps, wanted: Collection[str]) -> dict[str, Tensor]:
    """The activations (b, c, h, w) of the wanted nodes, and of no more than they need; `below`: of the layer below."""
    found = {BELOW: below}

    def find(name: str) -> Tensor:
        if name not in found:
            found[name] = nodes[name](find)
        return found[name]

    return {name: find(name) for name in wanted}


def make_convolution(
    weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int], of: str = BELOW
) -> Node:
    """A convolution of the node `of`, without a ReLU."""
    return lambda find: F.conv2d(find(of), weight, bias, stride, padding)


def make_relu(of: str) -> Node:
    """The ReLU of a node."""
    return lambda find: find(of).relu()


def make_concatenation(parts: Collection[str]) -> Node:
    """Nodes concatenated along the channels."""
    return lambda find: torch.cat([find(part) for part in parts], 1)


def insert_inner_layers(layers: Sequence[str], inner: Mapping[str, str]) -> tuple[str, ...]:
    """All names in order: each layer comes after what lies within it. `inner`: {name: layer}."""
    return tuple(name for layer in layers for name in (*(each for each, own in inner.items() if own == layer), layer))
