"""The weights of InceptionV3: renamed from Keras's, drawn at random, batch norms folded, parameters counted.

Our name of a tensor is that of its convolution in `inception_blocks` and its part: "mixed0.1.1.kernel" (out, in,
height, width), and of its batch norm, each (out), "mixed0.1.1.beta", "mixed0.1.1.mean", "mixed0.1.1.variance".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from reverie.errors import WeightsError
from reverie.models.networks.inception_blocks import ConvSpec, creation_order, keras_order

log = logging.getLogger("reverie")

BATCH_NORM_EPSILON = 0.001  # of every batch norm, as Keras's network has it
TENSOR_PARTS = ("kernel", "beta", "mean", "variance")


def convert_weights(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    """Arrays by our own names or Keras's -> float32 tensors by our own names. Raises WeightsError if they do not fit.

    Keras numbers layers by a counter of the process that made them ("conv2d_94"), so names do not tell which is which,
    but order does: the arrays of the convolutions and those of the batch norms are each taken in the order given.
    """
    own = any(name.endswith(".kernel") for name in weights)
    tensors = {
        name: torch.as_tensor(array) for name, array in (weights if own else _convert_keras_weights(weights)).items()
    }
    found: dict[str, Tensor] = {}
    for conv in creation_order():
        for part in TENSOR_PARTS:
            name = f"{conv.name}.{part}"
            _check_tensor(tensors, name, _tensor_shape(conv, part))
            found[name] = tensors[name].float()
    if len(tensors) != len(TENSOR_PARTS) * len(creation_order()):
        raise WeightsError(f"not weights of inception_v3 without its top: they hold {len(tensors)} tensors")
    return found


def _convert_keras_weights(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    """Keras's arrays by our own names, kernels as torch lays them out. Raises WeightsError if they do not fit."""
    order = keras_order()
    tensors = drop_top({name: torch.as_tensor(array) for name, array in weights.items()})
    # Keras: (height, width, in, out); torch: (out, in, height, width).
    kernels = [(name, tensor.permute(3, 2, 0, 1)) for name, tensor in tensors.items() if tensor.ndim == 4]
    norms = [(name, tensor) for name, tensor in tensors.items() if tensor.ndim == 1]
    if len(kernels) != len(order) or len(norms) != 3 * len(order) or len(tensors) != 4 * len(order):
        raise WeightsError(
            f"not weights of inception_v3 without its top: {len(kernels)} kernels and {len(norms)} vectors "
            f"in {len(tensors)} tensors, expected {len(order)} and {3 * len(order)}"
        )
    names = [f"{conv.name}.kernel" for conv in order]
    names += [f"{conv.name}.{part}" for conv in order for part in TENSOR_PARTS[1:]]
    found = dict(zip(names, kernels + norms, strict=True))
    for conv in order:
        for part in TENSOR_PARTS:
            theirs, tensor = found[f"{conv.name}.{part}"]
            _check_tensor(
                {theirs: tensor}, theirs, _tensor_shape(conv, part)
            )  # an error names the tensor as the file does
    return {name: tensor for name, (_, tensor) in found.items()}


def drop_top(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the dense layer, kernel and bias, of a file with the top: the network here ends below it."""
    tops = {name.rpartition("/")[0] for name, tensor in tensors.items() if tensor.ndim == 2}
    if tops:
        log.info("the weights are of inception_v3 with its top, which is left out: it has no classes here")
    return {name: tensor for name, tensor in tensors.items() if name.rpartition("/")[0] not in tops}


def _tensor_shape(conv: ConvSpec, part: str) -> tuple[int, ...]:
    """The shape of one tensor: the kernel's, or (out,) of a part of the batch norm."""
    return conv.kernel if part == "kernel" else conv.kernel[:1]


def _check_tensor(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> None:
    """Raise WeightsError unless the tensor is there, has that shape and holds finite numbers."""
    if name not in tensors:
        raise WeightsError(f"not weights of inception_v3: {name} is missing")
    got = tensors[name]
    if tuple(got.shape) != shape:
        raise WeightsError(f"not weights of inception_v3: {name} has shape {tuple(got.shape)}, expected {shape}")
    if not got.is_floating_point() or not got.isfinite().all():
        raise WeightsError(f"weights of inception_v3: {name} holds other things than finite numbers")


def draw_random_weights(seed: int) -> dict[str, Tensor]:
    """Random weights of an untrained network; the same seed gives the same.

    Kernels after He, so that activations keep their variance; batch norms near the identity.
    """
    rng = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for conv in creation_order():
        out, before, height, width = conv.kernel
        deviation = (2 / (before * height * width)) ** 0.5
        tensors[f"{conv.name}.kernel"] = torch.randn(conv.kernel, generator=rng) * deviation
        tensors[f"{conv.name}.beta"] = torch.randn(out, generator=rng) * 0.1
        tensors[f"{conv.name}.mean"] = torch.randn(out, generator=rng) * 0.1
        tensors[f"{conv.name}.variance"] = 0.5 + torch.rand(out, generator=rng)
    return tensors


def fold_batch_norms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Fold every batch norm into its convolution: {convolution: (weight, bias)}.

    Computed in float64 and rounded once, to float32.
    """
    folded: dict[str, tuple[Tensor, Tensor]] = {}
    for conv in creation_order():
        kernel, beta, mean, variance = (tensors[f"{conv.name}.{part}"].double() for part in TENSOR_PARTS)
        scale = (variance + BATCH_NORM_EPSILON).rsqrt()
        folded[conv.name] = ((kernel * scale[:, None, None, None]).float(), (beta - mean * scale).float())
    return folded


def compute_norm_scales(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The factor (out,) of each batch norm, by its convolution: folded, a kernel is the published one times it."""
    variances = {conv.name: tensors[f"{conv.name}.variance"].double() for conv in creation_order()}
    return {name: (variance + BATCH_NORM_EPSILON).rsqrt().float() for name, variance in variances.items()}


def count_published_parameters(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """Count the parameters of each block, as published: {block: (trainable, non-trainable)}.

    Kernels and shifts are trainable, the statistics of batch norms are not.
    """
    counts: dict[str, tuple[int, int]] = {}
    for conv in creation_order():
        kernel, beta, mean, variance = (tensors[f"{conv.name}.{part}"].numel() for part in TENSOR_PARTS)
        block = conv.name.split(".")[0]
        trainable, fixed = counts.get(block, (0, 0))
        counts[block] = (trainable + kernel + beta, fixed + mean + variance)
    return counts
