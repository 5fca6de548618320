"""Says in a line why a network does not dream, and what of it does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from reverie.models.hooked.modules import is_quantized

WITHOUT_GRADIENT = "no gradient reaches it: it is computed under torch.no_grad, in integers, or from a detached tensor"
"""Why a module is no layer, to whose output the picture's gradient does not lead."""


def explain_input(module: nn.Module) -> str:
    """What a network takes instead of a picture (b, 3, h, w), as the end of a message; empty where it is not known."""
    convolutions = [each for each in module.modules() if isinstance(each, (nn.Conv1d, nn.Conv2d, nn.Conv3d))]
    first = convolutions[0] if convolutions else None
    if isinstance(first, nn.Conv3d):
        return (
            "; it takes films (b, 3, t, h, w): wrap a module that calls it with one frame, network(image[:, :, None])"
        )
    if isinstance(first, nn.Conv1d):
        return "; it takes sequences (b, c, t), and no pictures"
    if first is not None and first.in_channels * first.groups != 3 and first.in_channels != 3:
        return f"; its first convolution takes {first.in_channels} channels: say channels={first.in_channels}"
    return ""


def explain_no_layer(module: nn.Module, name: str, answers: bool) -> str:
    """Why a network has no layer, as a message; `answers`: whether the image's gradient reaches any of its outputs."""
    if is_quantized(module):
        return f"{name} is quantized, and integers have no gradient: wrap the network that it was made from, in floats"
    if not answers:
        return (
            f"{name} computes without a gradient (torch.no_grad, torch.inference_mode, detach or a reentrant "
            "checkpoint within it): nothing can be dreamed before its forward leaves that out"
        )
    single = "" if any(module.children()) else "; a single module is wrapped in torch.nn.Sequential"
    return (
        f"{name} has no layer to dream of: expected a module that calls submodules of its own, such as a "
        f"torch.nn.Conv2d or Linear; what plain functions compute cannot be named{single}"
    )


def suggest_part(module: nn.Module, is_network: Callable[[nn.Module], bool]) -> str:
    """The first part of a network that dreams by itself, as the end of a message; empty where none does."""
    for name, part in module.named_children():
        try:
            if is_network(part):
                return f"; its part .{name} dreams: wrap network.{name}"
        except Exception:  # a part that is called by itself may raise anything
            continue
    return ""


def find_disconnected(
    layers: list[str], record: Callable[[Tensor, list[str]], dict[str, Tensor]], image: Tensor
) -> set[str]:
    """The layers to whose output no gradient of an image leads; `record(image, layers)` gives the outputs."""
    with torch.enable_grad():
        source = image.detach().clone().requires_grad_()
        outputs = record(source + 0, layers)  # not a leaf: a network may write into its input
        disconnected = {name for name in layers if name not in outputs or not outputs[name].requires_grad}
        left = [name for name in layers if name not in disconnected]
        if left and not is_differentiable(outputs[left[-1]], source):  # or an operation of it has no derivative
            alone = {name: record(source + 0, [name]).get(name) for name in left}
            disconnected |= {name for name, output in alone.items() if not is_differentiable(output, source)}
    return disconnected


def is_differentiable(output: Tensor | None, source: Tensor) -> bool:
    """Whether the gradient of an output by the image that it was computed from can be computed."""
    try:
        return output is not None and torch.autograd.grad(output.float().sum(), source)[0] is not None
    except (RuntimeError, NotImplementedError):
        return False
