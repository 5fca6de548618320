"""What a user hands in as a network: unwrapped where it is wrapped, refused in a line where it is none."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from reverie.errors import SettingsError
from reverie.types import Model

WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}
WRAPPERS |= {"AveragedModel": "module", "FullyShardedDataParallel": "module"}
"""Torch's modules around a whole network (of torch.compile, of training on several devices), and where it is."""


def copy_module(module: Any, name: str) -> nn.Module:
    """Copy a network, without torch's modules around it and around its parts. Raises SettingsError for what is none."""
    check_module(module, name)
    try:
        with torch.no_grad():  # the copied parameters of a scripted part would not be leaves
            own: nn.Module = unwrap(copy.deepcopy(unwrap(module)))
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"{name} cannot be copied ({error}): remove what is attached to it first") from error
    for parent in list(own.modules()):
        for part, child in list(parent.named_children()):
            if unwrap(child) is not child:
                setattr(parent, part, unwrap(child))
    return own


def unwrap(module: Any) -> Any:
    """The network within torch's modules around it; the module itself where there is none."""
    while type(module).__name__ in WRAPPERS and type(module).__module__.startswith("torch."):
        module = getattr(module, WRAPPERS[type(module).__name__])
    return module


def check_module(module: Any, name: str) -> None:
    """Raises SettingsError for what is no torch module, and for one whose layers cannot be read."""
    if isinstance(module, torch.jit.ScriptModule):
        raise SettingsError(
            f"{name} is a scripted or traced module (torch.jit), whose layers cannot be read: "
            "wrap the module that it was made from"
        )
    if isinstance(module, nn.Module):
        check_weights_are_there(module, name)
        return
    if isinstance(module, Model) and not isinstance(module, type):
        raise SettingsError(f"{name} is a model already: use it as it is")
    if isinstance(module, type):
        what = f"the class {module.__name__}, not a network of it: say {module.__name__}(...)"
    elif isinstance(module, Mapping):
        what = f"a {type(module).__name__}, such as weights are: load them into their module first (load_state_dict)"
    elif isinstance(module, str):
        what = f"the text {module!r}: a network is loaded by its name with load_model"
    elif hasattr(module, "module") and callable(module.module):  # torch.export's program
        what = f"a {type(module).__name__}: wrap what its .module() gives"
    else:
        what = f"a {type(module).__name__}: put what it does into a torch.nn.Module, whose submodules are the layers"
    raise SettingsError(f"expected a torch module to wrap, got {what}")


def check_weights_are_there(module: nn.Module, name: str) -> None:
    """Raises SettingsError for a network that has no weights yet: of lazy layers, or on the device "meta"."""
    tensors = [*module.parameters(), *module.buffers()]
    if any(is_lazy(each) for each in tensors):
        raise SettingsError(f"{name} has lazy layers without weights: call it once with a picture before it is wrapped")
    if any(each.is_meta for each in tensors):
        raise SettingsError(f'{name} is on the device "meta", where it has no weights: load them first')


def is_quantized(module: nn.Module) -> bool:
    """Whether a network, or a part of it, computes in integers."""
    return any("quantized" in type(each).__module__.split(".") for each in module.modules())
