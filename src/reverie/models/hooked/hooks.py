"""Records the outputs of a network's modules by forward hooks, which are removed whatever happens.

Of a module that is called more than once (one ReLU for a whole block), the output of the first call is recorded.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


class StopForward(BaseException):
    """Raised by a hook to stop the forward pass once every requested output is recorded.

    A BaseException, so that no `except Exception` within a network catches it.
    """


@dataclass
class RecordedOutputs:
    """The outputs of modules in one forward pass, by name, in order of execution.

    `wanted`: the number of outputs after which the pass may stop. `cloned`: names of modules whose output is cloned.
    """

    wanted: int
    cloned: Collection[str]
    thread: int = field(default_factory=threading.get_ident)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def make_hook(self, name: str) -> Callable[..., None]:
        """Make the forward hook of the module of that name ("" for the whole network)."""

        def record(module: nn.Module, inputs: Any, output: Any) -> None:
            # Another thread may be running the same network at this moment, with an image of its own.
            if name in self.outputs or threading.get_ident() != self.thread:
                return
            tensor = find_first_tensor(output) if name else find_logits(output)
            if tensor is None:
                return
            # Tensors of inference mode have no version counter, so whether they are overwritten cannot be told.
            tensor = tensor.clone() if name in self.cloned or tensor.is_inference() else tensor
            self.outputs[name] = tensor
            self.versions[name] = tensor_version(tensor)
            if len(self.outputs) == self.wanted:
                raise StopForward

        return record

    def find_overwritten(self) -> set[str]:
        """The modules whose output was changed in place after it was recorded (by a ReLU with `inplace`, say)."""
        return {name for name, tensor in self.outputs.items() if tensor_version(tensor) != self.versions[name]}


def record_outputs(
    network: nn.Module, image: Tensor, layers: Collection[str], cloned: Collection[str] = ()
) -> RecordedOutputs:
    """Run a network on a normalized image and record the outputs of modules by their dotted names ("" for the whole).

    The forward pass stops after the last of them. Outputs of the modules in `cloned` are cloned, because what comes
    after overwrites them in place.
    """
    recording = RecordedOutputs(len(set(layers)), cloned)
    with contextlib.ExitStack() as hooks, contextlib.suppress(StopForward):
        for name in set(layers):
            handle = network.get_submodule(name).register_forward_hook(recording.make_hook(name))
            hooks.callback(handle.remove)
        network(image)
    return recording


def find_first_tensor(output: Any) -> Tensor | None:
    """A module's output itself, or the first tensor in a tuple, list or dictionary; None if there is none."""
    return next(iterate_tensors(output), None)


def find_logits(output: Any) -> Tensor | None:
    """The logits among a whole network's outputs: the first tensor (b, n) with n > 1; if there is none, the first."""
    classes = (tensor for tensor in iterate_tensors(output) if tensor.ndim == 2 and tensor.shape[1] > 1)
    return next(classes, find_first_tensor(output))


def iterate_tensors(output: Any) -> Iterator[Tensor]:
    """Iterate over the tensors of an output, in order, however they are nested in tuples, lists and dictionaries."""
    if isinstance(output, Tensor):
        yield output
        return
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    for part in parts:
        yield from iterate_tensors(part)


def tensor_version(tensor: Tensor) -> int:
    """The version counter of a tensor: how often it, or another view of its memory, was changed in place."""
    return 0 if tensor.is_inference() else int(tensor._version)


def record_all_outputs(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Record the outputs of all modules of a network, in order of execution, without gradients.

    Scripted parts of it (torch.jit) take no hooks, and are left out.
    """
    with torch.no_grad():
        return record_outputs(network, image, list_hookable_modules(network)).outputs


def list_hookable_modules(network: nn.Module) -> list[str]:
    """The names of the modules of a network that take forward hooks: not those of scripted parts."""
    return [name for name, each in network.named_modules() if not isinstance(each, torch.jit.ScriptModule)]


def record_differentiable_outputs(network: nn.Module, image: Tensor) -> frozenset[str]:
    """The names of the modules through whose outputs a gradient flows back to the image.

    The parameters of the network must be frozen. A module that computes without gradients has none, nor has one whose
    output is the same for every image, such as a position embedding.
    """
    with torch.enable_grad():
        image = image.detach().requires_grad_(True).clone()  # no leaf: a network may write over its input
        outputs = record_outputs(network, image, list_hookable_modules(network)).outputs
    return frozenset(name for name, output in outputs.items() if output.requires_grad)
