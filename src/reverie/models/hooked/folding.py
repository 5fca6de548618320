"""Batch norms folded into the convolutions before them: the same answers, and a pass over the activations less.

Ioffe and Szegedy, "Batch Normalization" (2015): at rest it is a scale and a shift, which a convolution has already.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter, OrderedDict
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from reverie.models.hooked.hooks import look


class Tracer(fx.Tracer):
    """Follows the data from module to module; looks into no batch norm, not even one with an activation of its own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def folded(network: nn.Module, image: Tensor) -> tuple[nn.Module, frozenset[str]]:
    """A twin of the network with batch norms folded away, and the convolutions that answer otherwise than before.

    Every module keeps its name, and all tensors but those of these convolutions are shared. The network itself comes
    back where there is nothing to fold, or where the twin does not answer `image` (normalised) as it does.
    """
    pairs = pairs_of(network)
    twin = sharing(network)
    for convolution, norm in pairs:
        before: Any = network.get_submodule(convolution)
        after: Any = network.get_submodule(norm)
        put(twin, convolution, fuse_conv_bn_eval(before, after))
        put(twin, norm, rest_of(after))
    changed = frozenset(convolution for convolution, _ in pairs)
    return (twin, changed) if pairs and same(network, twin, image, changed) else (network, frozenset())


def sharing(network: nn.Module) -> nn.Module:
    """A copy of the modules that shares their tensors."""
    shared: dict[int, Any] = {id(each): each for each in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)


def pairs_of(network: nn.Module) -> list[tuple[str, str]]:
    """Convolutions and the batch norms that alone read them, by name; none where the data cannot be followed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of branches taken for the traced case only: each pair is tried afterwards
            graph = Tracer().trace(sharing(network))
    except Exception:  # whatever a network does that a tracer cannot follow: it stays as it is
        return []
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    return [pair for node in graph.nodes if (pair := pair_at(network, node)) and all(calls[each] == 1 for each in pair)]


def pair_at(network: nn.Module, node: fx.Node) -> tuple[str, str] | None:
    before = node.args[0] if node.op == "call_module" and node.args else None
    if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
        return None
    convolution, norm = str(before.target), str(node.target)
    fits = type(network.get_submodule(convolution)) is nn.Conv2d and foldable(network.get_submodule(norm))
    return (convolution, norm) if fits else None


def foldable(norm: nn.Module) -> bool:
    """Whether a module is a batch norm by its trained statistics, and nothing more but an activation after it."""
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.weight is None:
        return False
    return type(norm) is nn.BatchNorm2d or {name for name, _ in norm.named_children()} == {"drop", "act"}


def rest_of(norm: nn.Module) -> nn.Module:
    """What a batch norm does after its scale and shift."""
    return nn.Sequential(OrderedDict(norm.named_children())) if norm._modules else nn.Identity()


def put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)


def same(network: nn.Module, twin: nn.Module, image: Tensor, changed: frozenset[str]) -> bool:
    """Whether both answer alike with every layer, but for those known to have changed."""
    expected, got = look(network, image), look(twin, image)
    kept = [name for name in expected if name not in changed]
    return all(name in got and close(expected[name], got[name]) for name in kept)


def close(expected: Tensor, got: Tensor) -> bool:
    """Equal, but for what rounding makes of it."""
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    return expected.shape == got.shape and torch.allclose(expected, got, rtol=1e-3, atol=1e-4 * largest)
