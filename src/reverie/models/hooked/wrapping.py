"""Wraps any torch module of the user's own as a `Model`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, overload

import torch
from torch import nn

from reverie.errors import SettingsError
from reverie.models.hooked.network import REFUSAL_ERRORS, HookedNetwork, hash_module_weights
from reverie.models.keras.model import KerasModel
from reverie.models.keras.wrapping import check_left_to_tensorflow, is_of_keras, wrap_keras
from reverie.models.torch_model import TorchModel, choose_device, choose_precision


@overload
def wrap(
    module: nn.Module,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> TorchModel: ...


@overload
def wrap(
    module: Any,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> KerasModel: ...


def wrap(
    module: Any,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> TorchModel | KerasModel:
    """Wrap any torch module that takes images (b, 3, h, w), or a Keras model, as a `Model`.

    `mean` and `std` are those that images were normalized with when it was trained: red, green, blue, on the scale
    0..1. `name` is what messages and recipes call it (default: the module's class, the Keras model's name).
    `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16.

    The layers of a torch module are its submodules by dotted names. The module itself is not changed: the model holds a
    copy, switched to eval mode. Of a submodule that is called more than once, the activations are the output of its
    first call; of one with several outputs, the first tensor. The classes are the channels of the first output (b, n)
    of the whole module.

    The layers of a Keras model have Keras's names, "outer/inner" where one lies within another. It is not copied:
    weights that it gets later show. `mean` and `std` may be left out: then it is fed 0..255 if it rescales or
    normalizes by itself, else what the network of keras.applications within it expects, else 0..1. TensorFlow runs it,
    in float32; a gray one is given the luminance.

    Raises `SettingsError` for a torch module without mean and std, for one that cannot be copied, takes no image, or
    has no layer with a grid of activations; for a Keras model that is not built, or takes something else than a
    picture.

    >>> from torch import nn
    >>> import reverie as rv
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    >>> model = rv.wrap(network, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    >>> model.layers
    ('0', '1', '2')
    """
    if is_of_keras(module):
        check_left_to_tensorflow(device, precision)
        return wrap_keras(module, mean, std, name)
    name = name or type(module).__name__
    if mean is None or std is None:
        raise SettingsError(f"{name} is a torch module: say the mean and std that its images were normalized with")
    try:
        own = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"{name} cannot be copied ({error}): remove what is attached to it first") from error
    return make_hooked_model(HookedNetwork(own, mean, std, name=name), hash_module_weights(own), device, precision)


def make_hooked_model(network: HookedNetwork, digest: str, device: str, precision: str) -> TorchModel:
    """A `TorchModel` around a hooked network; precision "auto" falls back to float32 if bfloat16 fails.

    `digest` is the SHA-256 of the weights, in hexadecimal.
    """
    if precision == "auto" and not supports_dtype(network, choose_precision(precision, choose_device(device))):
        precision = "float32"
    parameters = network.block_parameters
    return TorchModel(network, network.name, digest, parameters=parameters, device=device, precision=precision)


def supports_dtype(network: HookedNetwork, dtype: torch.dtype) -> bool:
    """Whether a forward pass works in a dtype: some transformers create float32 tensors of their own and fail."""
    if dtype == torch.float32:
        return True
    trial = copy.deepcopy(network).to(dtype)
    try:
        with torch.no_grad():
            trial(network.pictures[0].to(dtype), trial.LAYERS[-1:])
    except REFUSAL_ERRORS:
        return False
    return True
