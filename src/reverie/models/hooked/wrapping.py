"""Any network of the user's own as a `Model`."""

from __future__ import annotations

import copy
from abc import ABCMeta
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import nn

from reverie import types
from reverie.errors import SettingsError
from reverie.models.hooked.network import REFUSALS, Hooked, digest_of
from reverie.models.torch_model import TorchModel, chosen_device, chosen_precision


def wrap(
    module: nn.Module,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> TorchModel:
    """A `Model` of any torch network that takes pictures (b, 3, h, w). Its layers are its modules' dotted names.

    `mean` and `std` are those that pictures were normalised with when it was trained: red, green, blue, 0..1.
    The module itself stays as it is; a copy of it is put at rest. A module that is called more than once answers with
    its first call, one with several outputs by the first; its classes are the first output (b, n) of the whole.
    Raises `SettingsError` for a module that takes no picture.
    """
    name = name or type(module).__name__
    try:
        own = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"{name} cannot be copied ({error}): remove what is attached to it first") from error
    return hooked_model(Hooked(own, mean, std, name=name), digest_of(own), device, precision)


def hooked_model(network: Hooked, digest: str, device: str, precision: str) -> TorchModel:
    """The model of a hooked network. Of its own accord it computes in bfloat16 only where the network can."""
    if precision == "auto" and not computes(network, chosen_precision(precision, chosen_device(device))):
        precision = "float32"
    parameters = network.block_parameters
    return TorchModel(network, network.name, digest, parameters=parameters, device=device, precision=precision)


def computes(network: Hooked, kind: torch.dtype) -> bool:
    """Whether a network answers in a type: some transformers bring numbers of another of their own."""
    if kind == torch.float32:
        return True
    trial = copy.deepcopy(network).to(kind)
    try:
        with torch.no_grad():
            trial(network.pictures[0].to(kind), trial.LAYERS[-1:])
    except REFUSALS:
        return False
    return True


if TYPE_CHECKING:
    ProtocolMeta = ABCMeta
else:
    ProtocolMeta = type(types.Model)


class Wrapping(ProtocolMeta):
    """Lets `Model.wrap(module, mean=..., std=...)` be said without asking a `wrap` of every model."""

    def wrap(cls, module: nn.Module, **how: Any) -> TorchModel:
        """See `wrap`."""
        return wrap(module, **how)


@runtime_checkable
class Model(types.Model, Protocol, metaclass=Wrapping):
    """A trained network: `reverie.types.Model`, as users say it. Whatever is the one is the other."""
