"""Layers with a cheap backward pass: weights are frozen, so only the gradient with respect to the input is computed.

What the profile of a plain gradient step shows besides the convolutions, and what is done about it here:

- ReLU is fused into the convolution before it, and its backward pass needs its output alone; before a max pool, not
  even that.
- Where a bfloat16 is not negative, its bits order as an integer's do. On a CPU, torch converts every bfloat16 to
  float32 to compare it; comparing the bits takes two thirds of the time.
- A 3x3 average pool at stride 1 is its own transpose up to the counts at the border: its backward pass is an average
  pool again.
- Weights are packed into oneDNN's own layout once for a size, not at every call; at stride 1 the backward pass of a
  convolution is a convolution with the flipped kernel.
- torch's max pool saves eight bytes for each maximum and runs its backward pass on one thread. Ours is compiled.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reverie._native import kernels as native
from reverie.models.networks.chain import FeatureMaps, Layer, OutputMaps, SavedTensors
from reverie.models.networks.packing import PackedWeights


class Convolution(Layer):
    """A convolution with bias and frozen weights, followed by a ReLU unless `relu` is False.

    weight (out, in, height, width), bias (out). Both are buffers, not parameters: `.to()` moves them, no optimizer
    finds them.
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
        self._packed = {"forward": PackedWeights(), "backward": PackedWeights()}

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`."""
        packed = None if saved is None else self._pack("forward", maps)
        if packed is None:
            out = F.conv2d(maps, self.weight, self.bias, self.stride, self.padding)
            out = out.relu_() if self.relu else out
        else:
            out = _run_fused_convolution(
                maps, packed, self.bias, self.padding, self.stride, (1, 1), 1, "relu" if self.relu else "none", [], ""
            )
        if saved is not None:
            saved.append(make_size_tensor(maps))  # the input itself is not needed: the weights get no gradient
            if self.relu and mask_relu:
                saved.append(out)
        return out

    def backward(
        self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True, onto: FeatureMaps | None = None
    ) -> FeatureMaps:
        """See `Layer.backward`. `onto`: a gradient with respect to the same input; the result is added to it in place.

        grad (b, out, h', w') -> (b, in, h, w).
        """
        if self.relu and mask_relu:
            grad = relu_backward(grad, saved.pop())
        size = saved.pop().shape[1:]  # (h, w) of the input
        packed = self._pack("backward", grad) if self.stride == (1, 1) else None
        if packed is None:
            maps = make_empty_like(
                grad, (len(grad), self.weight.shape[1], *size)
            )  # of the input, torch reads the shape only
            # stride, padding, dilation, transposed, output padding, groups; gradient of input, weight, bias
            options = (self.stride, self.padding, (1, 1), False, (0, 0), 1, [True, False, False])
            found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
                grad, maps, self.weight, [len(self.bias)], *options
            )
            return found[0] if onto is None else onto.add_(found[0])
        # At stride 1 the transposed convolution is a plain one with the flipped kernel, which oneDNN can fuse.
        transposed = (packed, None, self._transposed_padding, (1, 1), (1, 1), 1)
        if onto is None:
            return _run_fused_convolution(grad, *transposed, "none", [], "")
        return _add_fused_convolution(onto, grad, *transposed, "add", None, None, [], "")

    @property
    def _transposed_padding(self) -> tuple[int, int]:
        """The padding (height, width) at which convolving with the flipped kernel gives back the input's size."""
        height, width = self.weight.shape[2:]
        return height - 1 - self.padding[0], width - 1 - self.padding[1]

    def _pack(self, direction: str, maps: Tensor) -> Tensor | None:
        """The weights in oneDNN's layout for an input of this size; None where oneDNN's fused calls do not apply.

        `direction` "forward", or "backward" for the flipped kernel, which convolves the gradient.
        A layout made for another size can be a hundred times slower. So weights are packed for every size, even for
        a single gradient: other operations would round differently, and a dream's pixels would depend on what was
        dreamed before.
        """
        if not _supports_fusion(maps):
            return None
        return self._packed[direction].get(maps.shape, lambda: self._pack_for(direction, maps.shape))

    def _pack_for(self, direction: str, size: torch.Size) -> Tensor:
        """The weights in oneDNN's layout for an input of a size (b, c, h, w)."""
        kernel, padding, stride = self.weight, self.padding, self.stride  # (out, in, height, width)
        if direction == "backward":
            kernel, padding, stride = kernel.flip(2, 3).transpose(0, 1), self._transposed_padding, (1, 1)
        dense = kernel.contiguous(memory_format=torch.channels_last).to_mkldnn()
        reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
        packed: Tensor = reorder(dense, padding, stride, (1, 1), 1, list(size))
        return packed

    def _apply(self, *args: Any, **kwargs: Any) -> Convolution:
        for packed in self._packed.values():
            packed.clear()  # `.to()` and its kin come through here: what was packed of the old weights is stale
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self


def _run_fused_convolution(*given: Any) -> Tensor:
    """oneDNN's convolution with an activation fused into it.

    Takes (maps, weight, bias, padding, stride, dilation, groups, activation, its scalars, its algorithm).
    """
    out: Tensor = torch.ops.mkldnn._convolution_pointwise(*given)
    return out


def _add_fused_convolution(*given: Any) -> Tensor:
    """oneDNN's convolution of the second argument, added to the first in place."""
    out: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(*given)
    return out


def _supports_fusion(maps: Tensor) -> bool:
    """Whether oneDNN's fused convolutions take these feature maps as they are."""
    if maps.device.type != "cpu" or not torch.backends.mkldnn.enabled or not torch._C._has_mkldnn:
        return False
    if maps.dtype == torch.bfloat16:
        return _cpu_supports_bfloat16()
    return maps.dtype == torch.float32 and maps.is_contiguous(memory_format=torch.channels_last)


@cache
def _cpu_supports_bfloat16() -> bool:
    """Whether oneDNN has bfloat16 kernels for this CPU."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def make_size_tensor(maps: FeatureMaps) -> Tensor:
    """The (height, width) of feature maps as an empty tensor (0, h, w): autograd saves tensors only."""
    return maps.new_empty((0, *maps.shape[2:]))


def make_empty_like(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    """An uninitialized tensor of a shape, with the dtype and device of `grad`: for operations that read the shape only.

    It is channels_last, as the feature maps are.
    """
    return torch.empty(shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last)


class Relu(Layer):
    """max(maps, 0)."""

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`."""
        out = maps.relu()
        if saved is not None and mask_relu:
            saved.append(out)
        return out

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        return relu_backward(grad, saved.pop()) if mask_relu else grad


def relu_backward(grad: FeatureMaps, out: FeatureMaps) -> FeatureMaps:
    """The backward pass of a ReLU, from its output: `grad` where `out` is more than 0, 0 elsewhere."""
    dtype = grad.dtype
    # `out` is never negative, so its bits, read as an integer, are above 0 exactly where it is; torch would convert.
    if dtype == out.dtype == torch.bfloat16 and out.device.type == "cpu":
        grad, out = grad.view(torch.int16), out.view(torch.int16)
    kept: Tensor = torch.ops.aten.threshold_backward(grad, out, 0)
    return kept.view(dtype)


class AveragePool(Layer):
    """A 3x3 average pool at stride 1 with padding 1; at the border it averages the places inside only."""

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`. Saves nothing: an average is linear."""
        return F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        # Each average was divided by its own count; the pool here divides by 9 everywhere.
        return F.avg_pool2d(grad * _compute_border_scale(*grad.shape[2:], grad.dtype, grad.device), 3, 1, 1)


@lru_cache(maxsize=16)  # a dream asks for the same few sizes at every step
def _compute_border_scale(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """9 / the number of places that each average is taken over, (height, width): 1 inside, 1.5 at a side."""
    rows, columns = [torch.full((size,), 3, dtype=dtype, device=device) for size in (height, width)]
    for counts in (rows, columns):  # of the three neighbors along an axis, one lies outside at either end
        counts[0] -= 1
        counts[-1] -= 1
    return (3 / rows)[:, None] * (3 / columns)


class MaxPool(Layer):
    """A 3x3 max pool at stride 2 without padding, of feature maps that are never negative (they come from a ReLU).

    A maximum of 0 passes no gradient on. So this backward pass includes that of the ReLU below: see `mask_relu` of
    `Layer.forward`.
    """

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`."""
        if saved is None:
            return F.max_pool2d(maps, 3, 2)
        if native.supports_max_pool(maps):
            out, indices = native.max_pool(maps)
        else:
            out, indices = F.max_pool2d(maps, 3, 2, return_indices=True)
            saved.append(out)  # the native indices mark a maximum of 0 themselves, torch's do not
        saved += [make_size_tensor(maps), indices]
        return out

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        indices, size = saved.pop(), saved.pop().shape[1:]  # popped in reverse; size (h, w) of the input
        if indices.dtype != torch.int64:  # int64 is torch's kind, the native ones are smaller
            return native.max_pool_backward(grad, indices, (size[0], size[1]))
        grad = relu_backward(grad, saved.pop())
        maps = make_empty_like(grad, (*grad.shape[:2], *size))
        # kernel, stride, padding, dilation, ceil mode
        found: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            grad, maps, [3, 3], [2, 2], [0, 0], [1, 1], False, indices
        )
        return found
