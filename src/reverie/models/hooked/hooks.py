"""What the layers of a network answer, overheard: hooks that are gone whatever happens.

A module that is called more than once (one ReLU for a whole block) answers with its first call.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


class Enough(BaseException):
    """Every layer asked for has answered: the rest of the network need not run. No network shall catch it."""


@dataclass
class Overheard:
    """The answers of layers to one picture, in the order in which they came."""

    wanted: int
    copied: Collection[str]
    thread: int = field(default_factory=threading.get_ident)
    answers: dict[str, Tensor] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def hook(self, name: str) -> Callable[..., None]:
        def overhear(module: nn.Module, inputs: Any, output: Any) -> None:
            # Another thread may be running the same network just now: its picture is not ours.
            if name in self.answers or threading.get_ident() != self.thread:
                return
            answer = first_tensor(output) if name else whole_answer(output)
            if answer is None:
                return
            answer = answer.clone() if name in self.copied or answer.is_inference() else answer
            self.answers[name] = answer
            self.versions[name] = version(answer)
            if len(self.answers) == self.wanted:
                raise Enough

        return overhear

    def overwritten(self) -> set[str]:
        """The layers whose answer something changed in place after it was given (a ReLU that saves memory)."""
        return {name for name, answer in self.answers.items() if version(answer) != self.versions[name]}


def overhear(network: nn.Module, image: Tensor, layers: Collection[str], copied: Collection[str] = ()) -> Overheard:
    """What the layers, by their dotted names ("" for the whole), answer to a normalised image.

    The network stops after the last of them. Answers of `copied` are clones: what comes after may overwrite them.
    """
    heard = Overheard(len(set(layers)), copied)
    with contextlib.ExitStack() as hooks, contextlib.suppress(Enough):
        for name in set(layers):
            handle = network.get_submodule(name).register_forward_hook(heard.hook(name))
            hooks.callback(handle.remove)
        network(image)
    return heard


def first_tensor(output: Any) -> Tensor | None:
    """The answer itself, or the first tensor of a tuple, a list or a dictionary of answers."""
    return next(tensors_in(output), None)


def whole_answer(output: Any) -> Tensor | None:
    """The first tensor with a number for each class (b, n) of a whole network's answer; where none is, the first."""
    classes = (tensor for tensor in tensors_in(output) if tensor.ndim == 2 and tensor.shape[1] > 1)
    return next(classes, first_tensor(output))


def tensors_in(output: Any) -> Iterator[Tensor]:
    """The tensors of an answer, in order, however they lie within tuples, lists and dictionaries."""
    if isinstance(output, Tensor):
        yield output
        return
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    for part in parts:
        yield from tensors_in(part)


def version(tensor: Tensor) -> int:
    """How often a tensor, or another view of its memory, was changed in place."""
    return 0 if tensor.is_inference() else int(tensor._version)


def look(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """What every module of a network answers, in order of execution."""
    with torch.no_grad():
        return overhear(network, image, [name for name, _ in network.named_modules()]).answers
