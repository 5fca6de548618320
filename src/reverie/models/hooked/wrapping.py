"""Wraps any torch module of the user's own as a `Model`."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, Unpack, overload

import torch
from torch import nn

from reverie.errors import SettingsError
from reverie.models.hooked.channels import Channels, feed_channels
from reverie.models.hooked.modules import copy_module, unwrap
from reverie.models.hooked.network import HookedNetwork, hash_module_weights
from reverie.models.hooked.trials import REFUSAL_ERRORS
from reverie.models.keras.model import KerasModel
from reverie.models.keras.wrapping import check_left_to_tensorflow, is_of_keras, wrap_keras
from reverie.models.torch_model import TorchModel, choose_device, choose_precision


class WrapOptions(TypedDict, total=False):
    """What `wrap` may be told beside the normalization."""

    name: str | None
    class_names: Sequence[str] | None
    layers: Sequence[str] | None
    size: int | tuple[int, int] | None
    channels: Channels
    device: str
    precision: str


@dataclass(frozen=True)
class Wrapping:
    """The same, with what is meant where nothing is said."""

    name: str | None = None
    class_names: Sequence[str] | None = None
    layers: Sequence[str] | None = None
    size: Any = None
    channels: Any = 3
    device: str = "auto"
    precision: str = "auto"


Numbers: TypeAlias = Sequence[float] | float


@overload
def wrap(module: nn.Module, *, mean: Numbers, std: Numbers, **options: Unpack[WrapOptions]) -> TorchModel: ...


@overload
def wrap(
    module: Any, *, mean: Numbers | None = None, std: Numbers | None = None, **options: Unpack[WrapOptions]
) -> KerasModel: ...


def wrap(
    module: Any, *, mean: Numbers | None = None, std: Numbers | None = None, **options: Unpack[WrapOptions]
) -> TorchModel | KerasModel:
    """Wrap any torch module that takes images (b, 3, h, w), or a Keras model, as a `Model`.

    Args:
        mean, std: those that images were normalized with when it was trained: red, green, blue, on the scale 0..1.
        name: what messages and recipes call it; by default the module's class, or the Keras model's name.
        class_names: the names of its classes, in the order of its scores; ImageNet's if it has 1000 and none are given.
        layers: the layers to keep, of all that it has.
        size: that in pixels of the images it was made for, a side or a (height, width), tried alone; by default those
            that networks usually take are tried.
        channels: those of its images where they are not 3. 1: it is fed the luminance; n: red, green, blue in turn; or
            a function of images (b, 3, h, w), 0..1, that makes them (b, n, h, w). `mean` and `std` then have n numbers,
            or one.
        device: auto, cpu, cuda or mps.
        precision: auto, float32 or bfloat16.

    The layers of a torch module are its submodules by dotted names. What torch wraps around a network, by
    `torch.compile` or for several devices, is taken off. The module itself is not changed: the model holds a copy,
    switched to eval mode. Of a submodule that is called more than once, the activations are the output of its first
    call; of one with several outputs, the first tensor. The classes are the channels of the first output (b, n) of the
    whole module.

    The layers of a Keras model have Keras's names, "outer/inner" where one lies within another. It is not copied:
    weights that it gets later show. `mean` and `std` may be left out: then it is fed 0..255 if it rescales or
    normalizes by itself, else what the network of keras.applications within it expects, else 0..1. TensorFlow runs it,
    in float32; a gray one is given the luminance. Of the options it takes `name` and `class_names`.

    Raises `SettingsError` for a torch module without mean and std, for one that cannot be copied, takes no image, or
    has no layer that a gradient reaches (scripted, quantized and gradient-free networks); for a Keras model that is not
    built, or takes something else than a picture; `UnknownLayer` for one of `layers` that there is not; `TypeError` for
    an unknown option.

    >>> from torch import nn
    >>> import reverie as rv
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    >>> model = rv.wrap(network, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    >>> model.layers
    ('0', '1', '2')
    >>> gray = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> digits = rv.wrap(gray, mean=0.13, std=0.31, channels=1, size=28, class_names=list("0123456789"))
    >>> digits.classes, digits.class_names[7]
    ('logits', '7')
    """
    asked = read_options(options)
    if is_of_keras(module):
        check_left_to_tensorflow(asked.device, asked.precision)
        refuse_torch_options(options)
        return wrap_keras(module, mean, std, asked.name, asked.class_names)
    name = asked.name or type(unwrap(module)).__name__
    own = copy_module(module, name)
    if mean is None or std is None:
        raise SettingsError(f"{name} is a torch module: say the mean and std that its images were normalized with")
    left = feed_channels(own, asked.channels, mean, std, name)
    network = HookedNetwork(own, *left, name=name, side=read_size(asked.size))
    name_classes(network, asked.class_names)
    if asked.layers is not None:
        network.keep_layers(asked.layers)
    return make_hooked_model(network, hash_module_weights(own), asked.device, asked.precision)


def read_options(options: Any) -> Wrapping:
    """The options; raises TypeError for one that there is not."""
    unknown = [name for name in options if name not in WrapOptions.__annotations__]
    if unknown:
        raise TypeError(f"wrap() got an unexpected keyword argument {unknown[0]!r}")
    return Wrapping(**options)


def refuse_torch_options(options: Mapping[str, Any]) -> None:
    """Raises SettingsError for options that a Keras model answers by itself."""
    for name in ("layers", "size", "channels"):
        if name in options:
            raise SettingsError(f"{name} is for torch modules: a Keras model says it by itself")


def read_size(size: Any) -> int | tuple[int, int]:
    """A size as (height, width), 0 for none; raises SettingsError for what is none."""
    if size is None:
        return 0
    try:
        sides = (operator.index(size),) * 2 if not isinstance(size, Sequence) else tuple(map(operator.index, size))
    except TypeError:
        sides = ()
    if len(sides) != 2 or min(sides) < 1:
        raise SettingsError(f"size is {size!r}; expected a side in pixels, or a (height, width)")
    return sides[0], sides[1]


def name_classes(network: HookedNetwork, names: Sequence[str] | None) -> None:
    """Give a network the names of its classes. Raises SettingsError for another number of them than it has scores."""
    if names is None:
        return
    if len(names) != network.CLASS_COUNT:
        has = f"{network.CLASS_COUNT} classes" if network.CLASS_COUNT else "no score per class (b, n)"
        raise SettingsError(f"{len(names)} class_names; but {network.name} has {has}")
    network.CLASS_NAMES = tuple(map(str, names))


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
