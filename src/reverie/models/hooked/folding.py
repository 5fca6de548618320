"""Folds batch norms into the convolutions before them: the same outputs, and one pass over the activations less.

Ioffe and Szegedy, "Batch Normalization" (2015): in eval mode a batch norm is a scale and a shift of each channel, which
the weights and bias of a convolution can absorb.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter, OrderedDict
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from reverie.models.hooked.hooks import record_all_outputs


class ModuleTracer(fx.Tracer):
    """Traces calls of modules; a batch norm stays one call, even timm's kind that includes an activation."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def fold_network(network: nn.Module, image: Tensor) -> tuple[nn.Module, frozenset[str]]:
    """Copy a network with its batch norms folded; also returns the convolutions whose outputs differ from before.

    Every module keeps its name, and all tensors except those of these convolutions are shared. Where there is nothing
    to fold, or where the copy's outputs for `image` (normalized) differ, the network itself is returned.
    """
    pairs = find_foldable_pairs(network)
    copied = copy_sharing_tensors(network)
    for conv_name, norm_name in pairs:
        convolution: Any = network.get_submodule(conv_name)
        norm: Any = network.get_submodule(norm_name)
        replace_submodule(copied, conv_name, fuse_conv_bn_eval(convolution, norm))
        replace_submodule(copied, norm_name, make_norm_remainder(norm))
    changed = frozenset(conv_name for conv_name, _ in pairs)
    return (copied, changed) if pairs and have_same_outputs(network, copied, image, changed) else (network, frozenset())


def copy_sharing_tensors(network: nn.Module) -> nn.Module:
    """Copy the modules of a network, but share their parameters and buffers."""
    # deepcopy takes what its memo holds for copied already.
    shared: dict[int, Any] = {id(each): each for each in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)


def find_foldable_pairs(network: nn.Module) -> list[tuple[str, str]]:
    """Find (convolution, batch norm) pairs by name, where the batch norm alone reads the convolution's output.

    None where the network cannot be traced, and none whose modules are called more than once.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of branches fixed by tracing: the folded copy is compared afterwards
            graph = ModuleTracer().trace(copy_sharing_tensors(network))
    except Exception:  # a network that cannot be traced may raise anything; it is used unfolded
        return []
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    return [
        pair
        for node in graph.nodes
        if (pair := match_foldable_pair(network, node)) and all(calls[each] == 1 for each in pair)
    ]


def match_foldable_pair(network: nn.Module, node: fx.Node) -> tuple[str, str] | None:
    """The pair whose batch norm is called at a node of the traced graph; None if it is none."""
    before = node.args[0] if node.op == "call_module" and node.args else None
    if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
        return None
    convolution, norm = str(before.target), str(node.target)
    fits = type(network.get_submodule(convolution)) is nn.Conv2d and is_foldable_norm(network.get_submodule(norm))
    return (convolution, norm) if fits else None


def is_foldable_norm(norm: nn.Module) -> bool:
    """Whether a module is a batch norm with running statistics and affine weights, at most followed by an activation.

    "drop" and "act" are the children of timm's batch norms that include an activation.
    """
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.weight is None:
        return False
    return type(norm) is nn.BatchNorm2d or {name for name, _ in norm.named_children()} == {"drop", "act"}


def make_norm_remainder(norm: nn.Module) -> nn.Module:
    """What remains of a batch norm once its scale and shift are folded: its activation, or the identity."""
    return nn.Sequential(OrderedDict(norm.named_children())) if norm._modules else nn.Identity()


def replace_submodule(network: nn.Module, name: str, module: nn.Module) -> None:
    """Replace the submodule of that dotted name."""
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)


def have_same_outputs(network: nn.Module, copied: nn.Module, image: Tensor, changed: frozenset[str]) -> bool:
    """Whether two networks have the same outputs at every module, except at those known to have changed."""
    expected, got = record_all_outputs(network, image), record_all_outputs(copied, image)
    unchanged = [name for name in expected if name not in changed]
    return all(name in got and is_close(expected[name], got[name]) for name in unchanged)


def is_close(expected: Tensor, got: Tensor) -> bool:
    """Whether two tensors are equal up to rounding, measured against the largest value."""
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    return expected.shape == got.shape and torch.allclose(expected, got, rtol=1e-3, atol=1e-4 * largest)
