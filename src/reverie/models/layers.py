"""Layers whose way back to the pixels is cheap: weights are fixed here, so a gradient needs the inputs' half only.

What the profile of a plain step shows besides the convolutions, and what is done about it here:

- ReLU goes into the convolution before it, and its backward needs its answer alone.
- Where a bfloat16 is not negative, its bits order as an integer's do. On a processor, torch widens every bfloat16 to
  float32 to compare it; comparing the bits takes two thirds of the time.
- A 3x3 average at stride 1 is its own transpose up to the border's counts: its backward is an average pool again.
- Convolutions are brought into oneDNN's own weight layout once, not at every call; at stride 1 the backward of one is
  a convolution with its kernel turned around.
- torch's max pool keeps eight bytes for each maximum and goes its way back on one thread. Ours is compiled.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reverie import native

Planes = Float[Tensor, "b c h w"]
Answer = Float[Tensor, "b d i j"]


class Convolution(nn.Module):
    """A convolution with bias and fixed weights, differentiable in its input only.

    weight (out, in, height, width), bias (out). Its tensors are buffers: `.to()` moves them, no optimizer finds them.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.stride = (stride, stride)
        self.padding = padding
        self._packed: dict[str, tuple[torch.Size, Tensor | None]] = {}

    def forward(self, planes: Planes, then: str = "") -> Answer:
        """The convolution (b, out, h', w'); `then` is "relu" for the ReLU of it, or "relu, pool".

        After "relu, pool" must come `relu_max_pool` and nothing else: it sends back to positive places only, so that
        the ReLU's own backward, which has four times the work here, is left out.
        """
        if (
            not torch.is_grad_enabled()
        ):  # a single look; and torch's own ReLU hands on what is no number, as a probe needs
            return self.plain(planes, then != "")
        answer: Tensor = _Convolve.apply(planes, self, then)
        return answer

    def answer(self, planes: Tensor, relu: bool) -> Tensor:
        """`forward` without a graph."""
        if (packed := self._pack("forward", planes)) is not None:
            return _pointwise(planes, packed, self.bias, self.padding, self.stride, "relu" if relu else "none")
        return self.plain(planes, relu)

    def plain(self, planes: Tensor, relu: bool) -> Tensor:
        """`answer` by torch's own calls."""
        out = F.conv2d(planes, self.weight, self.bias, self.stride, self.padding)
        return out.relu_() if relu else out

    def pull(self, grad: Tensor, planes: Tensor) -> Tensor:
        """The gradient at the input `planes`, from the one at the output."""
        if self.stride == (1, 1) and (packed := self._pack("backward", grad)) is not None:
            return _pointwise(grad, packed, None, self._opposite_padding, (1, 1), "none")
        way = (self.stride, self.padding, (1, 1), False, (0, 0), 1, [True, False, False])
        found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            grad, planes, self.weight, [len(self.bias)], *way
        )
        return found[0]

    @property
    def _opposite_padding(self) -> tuple[int, int]:
        height, width = self.weight.shape[2:]
        return height - 1 - self.padding[0], width - 1 - self.padding[1]

    def _pack(self, way: str, planes: Tensor) -> Tensor | None:
        """The weights in the layout oneDNN wants for planes of this size; None where it has no say or the size is new.

        A layout made for another size can be a hundred times slower, and to make one for a size that comes once would
        not pay: it is made when the same size comes a second time in a row.
        """
        if not _fusable(planes):
            return None
        size, packed = self._packed.get(way, (None, None))
        if size != planes.shape:
            self._packed[way] = (planes.shape, None)
        elif packed is None:
            turned, padding, stride = self.weight, self.padding, self.stride
            if way == "backward":
                turned, padding, stride = turned.flip(2, 3).transpose(0, 1), self._opposite_padding, (1, 1)
            dense = turned.contiguous(memory_format=torch.channels_last).to_mkldnn()
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            packed = reorder(dense, padding, stride, (1, 1), 1, list(planes.shape))
            self._packed[way] = (planes.shape, packed)
        return packed if size == planes.shape else None

    def _apply(self, *args: Any, **kwargs: Any) -> Convolution:
        self._packed.clear()  # made of the weights as they were
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_packed": {}}  # oneDNN's layout cannot be copied


def _pointwise(planes: Tensor, weight: Tensor, bias: Tensor | None, padding: Any, stride: Any, then: str) -> Tensor:
    out: Tensor = torch.ops.mkldnn._convolution_pointwise(
        planes, weight, bias, padding, stride, (1, 1), 1, then, [], ""
    )
    return out


def _fusable(planes: Tensor) -> bool:
    """Whether oneDNN's fused calls take these as they are."""
    if planes.device.type != "cpu" or not torch.backends.mkldnn.enabled or not torch._C._has_mkldnn:
        return False
    if planes.dtype == torch.bfloat16:
        return _processor_knows_bfloat16()
    return planes.dtype == torch.float32 and planes.is_contiguous(memory_format=torch.channels_last)


@cache
def _processor_knows_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor, convolution: Convolution, then: str) -> Tensor:
        out = convolution.answer(planes, relu=then != "")
        ctx.convolution = convolution
        ctx.save_for_backward(planes, out if then == "relu" else None)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        planes, out = ctx.saved_tensors
        return ctx.convolution.pull(grad if out is None else where_positive(grad, out), planes), None, None


def relu(planes: Planes) -> Planes:
    """max(planes, 0)."""
    out: Tensor = _Relu.apply(planes)
    return out


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        out = planes.relu()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return where_positive(grad, *ctx.saved_tensors)


def answered(planes: Planes) -> Planes:
    """The planes in float32; their gradient takes their own precision and memory format before it is added."""
    out: Tensor = _Answered.apply(planes)
    return out


class _Answered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        ctx.like = torch.empty_like(planes, device="meta")
        return planes.float() if planes.dtype != torch.float32 else planes.view_as(planes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return torch.empty_like(ctx.like, device=grad.device).copy_(grad)


def where_positive(grad: Planes, out: Planes) -> Planes:
    """`grad` where `out`, which is never negative, is more than 0; 0 elsewhere."""
    dtype = grad.dtype
    if dtype == out.dtype == torch.bfloat16 and out.device.type == "cpu":
        grad, out = grad.view(torch.int16), out.view(torch.int16)
    kept: Tensor = torch.ops.aten.threshold_backward(grad, out, 0)
    return kept.view(dtype)


def average_pool(planes: Planes) -> Planes:
    """The mean of the 3x3 places around each, at stride 1; at the border, of those that there are."""
    out: Tensor = _AveragePool.apply(planes)
    return out


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, planes: Tensor) -> Tensor:
        return F.avg_pool2d(planes, 3, 1, 1, count_include_pad=False)

    @staticmethod
    @once_differentiable
    def backward(_: Any, grad: Tensor) -> Tensor:
        share = _share(grad.shape[2], grad.shape[3], grad.dtype, grad.device)
        return F.avg_pool2d(grad * share, 3, 1, 1)


@lru_cache(maxsize=16)  # a dream asks for the same few sizes at every step
def _share(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Nine places by how many of them lie inside, for every place (height, width): 1 inside, 1.5 at a side."""
    inside = [torch.full((size,), 3, dtype=dtype, device=device) for size in (height, width)]
    for places in inside:
        places[0] -= 1
        places[-1] -= 1
    return (3 / inside[0])[:, None] * (3 / inside[1])


def relu_max_pool(planes: Planes) -> Answer:
    """The maximum of 3x3 places, at stride 2, without padding, of planes that are never negative; and a ReLU of it.

    The ReLU changes no answer, only the way back: a maximum of 0 sends nothing.
    """
    if not (torch.is_grad_enabled() and native.pools(planes)):
        return relu(F.max_pool2d(planes, 3, 2))
    out: Tensor = _MaxPool.apply(planes)
    return out


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        out, at = native.max_pool(planes)
        ctx.size = (planes.shape[2], planes.shape[3])
        ctx.save_for_backward(at)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (at,) = ctx.saved_tensors
        return native.max_pool_backward(grad, at, ctx.size)
