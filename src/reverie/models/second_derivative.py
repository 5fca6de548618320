"""Refuses second derivatives of networks whose backward pass is written by hand, in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from reverie.errors import SettingsError

REFUSAL = (
    "this network's gradient is computed by a backward pass of its own and cannot be differentiated a second time: "
    "take one that torch differentiates, such as torchvision:squeezenet1_1, or a module of yours with rv.wrap"
)


def differentiable_once(backward: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """Decorate the `backward` of a `torch.autograd.Function`: its result can be used, but not differentiated again.

    `forward` must have set `ctx.tie` to `tie_to(image)`. Like torch's `once_differentiable`, but whoever differentiates
    the gradient of the image (made with `create_graph`) by the image gets a `SettingsError`.
    """

    @wraps(backward)
    def compute(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        again = torch.is_grad_enabled()  # only under `create_graph`
        with torch.no_grad():
            results = backward(ctx, *grads)
        return tuple(_Refused.apply(each, ctx.tie) if again and isinstance(each, Tensor) else each for each in results)

    return compute


def tie_to(image: Tensor) -> Tensor:
    """A zero that autograd knows to depend on the image. It holds none of the image's memory."""
    with torch.enable_grad():
        tie: Tensor = _Tie.apply(image)
    return tie


class _Tie(torch.autograd.Function):
    """Zero, for any image."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        return image.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        raise SettingsError(REFUSAL)


class _Refused(torch.autograd.Function):
    """A grad as it is, but for autograd a function of the image whose backward pass raises."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, tie: Tensor) -> Tensor:
        return grad.view_as(grad)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        raise SettingsError(REFUSAL)
