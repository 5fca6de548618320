"""Layers whose way back to the pixels is cheap: weights are fixed here, so a gradient needs the inputs' half only.

What the profile of a plain step shows besides the convolutions, and what is done about it here:

- ReLU goes into the convolution before it, and its backward needs its answer alone; before a max pool, not even that.
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
from torch import Tensor

from reverie._native import kernels as native
from reverie.models.networks.chain import Answer, Layer, Planes, Tape


class Convolution(Layer):
    """A convolution with bias and fixed weights, and the ReLU of it unless `relu` is False.

    weight (out, in, height, width), bias (out). Its tensors are buffers: `.to()` moves them, no optimizer finds them.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, stride: int = 1, padding: tuple[int, int] = (0, 0), relu: bool = True
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.stride = (stride, stride)
        self.padding = padding
        self.relu = relu
        self._packed: dict[str, tuple[torch.Size, Tensor]] = {}

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        packed = None if tape is None else self._pack("forward", planes)
        if packed is None:
            out = F.conv2d(planes, self.weight, self.bias, self.stride, self.padding)
            out = out.relu_() if self.relu else out
        else:
            out = _pointwise(
                planes, packed, self.bias, self.padding, self.stride, (1, 1), 1, "relu" if self.relu else "none", [], ""
            )
        if tape is not None:
            tape.append(size_of(planes))
            if self.relu and masked:
                tape.append(out)
        return out

    def pull(self, grad: Answer, tape: Tape, masked: bool = True, onto: Planes | None = None) -> Planes:
        """`onto`: a gradient at the same planes to which this one is added, in its place."""
        if self.relu and masked:
            grad = where_positive(grad, tape.pop())
        size = tape.pop().shape[1:]
        packed = self._pack("backward", grad) if self.stride == (1, 1) else None
        if packed is None:
            planes = like(grad, (len(grad), self.weight.shape[1], *size))
            way = (self.stride, self.padding, (1, 1), False, (0, 0), 1, [True, False, False])
            # Of the planes, only their shape plays a part here.
            found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
                grad, planes, self.weight, [len(self.bias)], *way
            )
            return found[0] if onto is None else onto.add_(found[0])
        turned = (packed, None, self._opposite_padding, (1, 1), (1, 1), 1)
        if onto is None:
            return _pointwise(grad, *turned, "none", [], "")
        return _pointwise_added(onto, grad, *turned, "add", None, None, [], "")

    @property
    def _opposite_padding(self) -> tuple[int, int]:
        height, width = self.weight.shape[2:]
        return height - 1 - self.padding[0], width - 1 - self.padding[1]

    def _pack(self, way: str, planes: Tensor) -> Tensor | None:
        """The weights in the layout oneDNN wants for planes of this size; None where it has no say.

        A layout made for another size can be a hundred times slower. It is made anew whenever the size changes, even
        for a single look: to compute that by other calls would round otherwise, and make a dream's pixels depend on
        what was dreamed before.
        """
        if not _fusable(planes):
            return None
        size, packed = self._packed.get(way, (None, None))
        if size != planes.shape:
            turned, padding, stride = self.weight, self.padding, self.stride
            if way == "backward":
                turned, padding, stride = turned.flip(2, 3).transpose(0, 1), self._opposite_padding, (1, 1)
            dense = turned.contiguous(memory_format=torch.channels_last).to_mkldnn()
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            packed = reorder(dense, padding, stride, (1, 1), 1, list(planes.shape))
            self._packed[way] = (planes.shape, packed)
        return packed

    def _apply(self, *args: Any, **kwargs: Any) -> Convolution:
        self._packed.clear()  # made of the weights as they were
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_packed": {}}  # oneDNN's layout cannot be copied


def _pointwise(*given: Any) -> Tensor:
    """(planes, weight, bias, padding, stride, dilation, groups, what then, its scalars, its algorithm)"""
    out: Tensor = torch.ops.mkldnn._convolution_pointwise(*given)
    return out


def _pointwise_added(*given: Any) -> Tensor:
    """The same added to the first, in its place."""
    out: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(*given)
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


def size_of(planes: Planes) -> Tensor:
    """The (height, width) of planes as something that a tape takes: a tensor of nothing (0, h, w)."""
    return planes.new_empty((0, *planes.shape[2:]))


def like(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Planes of a shape in which nothing is written: for calls that ask only for their shape."""
    return torch.empty(shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last)


class Relu(Layer):
    """max(planes, 0)."""

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        out = planes.relu()
        if tape is not None and masked:
            tape.append(out)
        return out

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        return where_positive(grad, tape.pop()) if masked else grad


def where_positive(grad: Planes, out: Planes) -> Planes:
    """`grad` where `out`, which is never negative, is more than 0; 0 elsewhere."""
    dtype = grad.dtype
    if dtype == out.dtype == torch.bfloat16 and out.device.type == "cpu":
        grad, out = grad.view(torch.int16), out.view(torch.int16)
    kept: Tensor = torch.ops.aten.threshold_backward(grad, out, 0)
    return kept.view(dtype)


class AveragePool(Layer):
    """The mean of the 3x3 places around each, at stride 1; at the border, of those that there are."""

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        return F.avg_pool2d(planes, 3, 1, 1, count_include_pad=False)

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        return F.avg_pool2d(grad * _share(*grad.shape[2:], grad.dtype, grad.device), 3, 1, 1)


@lru_cache(maxsize=16)  # a dream asks for the same few sizes at every step
def _share(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Nine places by how many of them lie inside, for every place (height, width): 1 inside, 1.5 at a side."""
    inside = [torch.full((size,), 3, dtype=dtype, device=device) for size in (height, width)]
    for places in inside:
        places[0] -= 1
        places[-1] -= 1
    return (3 / inside[0])[:, None] * (3 / inside[1])


class MaxPool(Layer):
    """The maximum of 3x3 places, at stride 2, without padding, of planes that are never negative.

    A maximum of 0 sends nothing back, as from a ReLU.
    """

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        if tape is None:
            return F.max_pool2d(planes, 3, 2)
        if native.pools(planes):
            out, at = native.max_pool(planes)
        else:
            out, at = F.max_pool2d(planes, 3, 2, return_indices=True)
            tape.append(out)
        tape += [size_of(planes), at]
        return out

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        at, size = tape.pop(), tape.pop().shape[1:]
        if at.dtype != torch.int64:  # torch's own kind
            return native.max_pool_backward(grad, at, (size[0], size[1]))
        grad = where_positive(grad, tape.pop())
        planes = like(grad, (*grad.shape[:2], *size))
        found: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            grad, planes, [3, 3], [2, 2], [0, 0], [1, 1], False, at
        )
        return found
