"""Networks of one's own: what a factory returns, made a `Model`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reverie.errors import ExtensionError, SettingsError, WeightsError
from reverie.models import weights as files
from reverie.models.catalog import ENTRIES, KERAS, LIBRARIES, RANDOM_WEIGHTS
from reverie.models.extensions import register, run_own_code
from reverie.models.hooked.wrapping import wrap
from reverie.models.keras.wrapping import is_of_keras
from reverie.models.torch_model import TorchModel
from reverie.types import Activations, Image, Model


def register_model(name: str, factory: Callable[[], Any]) -> None:
    """Make a network of your own known by name, in this process: to `load_model`, to recipes and to every command.

    `factory()` returns a `Model`, such as `wrap` makes, or a torch module and the arguments of `wrap` for it, as
    `module, {"mean": ..., "std": ...}`. It is called whenever the network is loaded, with torch's generator seeded. A
    name registered before is registered anew. A package does the same for good by an entry point in the group
    "reverie.models".

    Raises `SettingsError` for a name of Reverie's own, or one that is not letters, digits, _ and -.

    >>> import torch, reverie as rv
    >>> def make_eye():
    ...     return rv.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), mean=(0.5,) * 3, std=(0.5,) * 3)
    >>> rv.register_model("eye", make_eye)
    >>> rv.load_model("eye").layers
    ('0',)
    """
    register("model", name, factory, (*ENTRIES, *LIBRARIES, KERAS))


@dataclass(frozen=True)
class OwnNetwork:
    """A network of the user's own that is to be loaded: its name, its factory, and a file of weights or None."""

    name: str
    factory: Any
    weights: str | Path | None = None

    def __post_init__(self) -> None:
        if self.weights == RANDOM_WEIGHTS:
            raise SettingsError(f"{self.name} has the weights that its factory gives it: leave out --weights random")


def load_own(network: OwnNetwork, seed: int, device: str, precision: str) -> Model:
    """Load a network of the user's own, see `load_model`; `seed` is that of torch's generator while it is made."""
    made = network.factory
    if isinstance(made, type) or not isinstance(made, (nn.Module, Model)):  # a class looks like what it makes
        made = run_own_code(lambda: call_seeded(network.factory, seed), f"{network.name} failed")
    module, how = made if is_described(made) else (made, {})
    if isinstance(module, Model) and not how:
        if network.weights is not None:
            raise WeightsError(f"{network.name} returns a finished model: let it return the module, for --weights")
        return rename(place(module, network.name, device, precision), network.name)
    if network.weights is not None:
        load_into(module, Path(network.weights), network.name)
    if ("mean" not in how or "std" not in how) and not is_of_keras(module):  # Keras's say it themselves
        raise ExtensionError(f"{network.name} returns {describe_kind(module)}; {EXPECTED}")
    try:
        model: Model = wrap(module, **{"device": device, "precision": precision, **how, "name": network.name})
        return model
    except TypeError as error:
        raise ExtensionError(f"{network.name} cannot be wrapped: {error}") from None


EXPECTED = 'expected rv.wrap(module, mean=..., std=...), or module, {"mean": ..., "std": ...}'


def call_seeded(factory: Callable[[], Any], seed: int) -> Any:
    """Call a factory with torch's generator seeded, so that an untrained network is the same again."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return factory()


def is_described(made: Any) -> bool:
    """Whether a factory returned a network together with the arguments of `wrap`."""
    return isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Mapping)


def describe_kind(made: Any) -> str:
    """What a factory returned, in a few words."""
    return f"the bare module {type(made).__name__}" if isinstance(made, nn.Module) else f"a {type(made).__name__}"


def load_into(module: Any, path: Path, name: str) -> None:
    """Load a file of weights into a torch module. Raises WeightsError where they do not fit."""
    if not isinstance(module, nn.Module):
        raise WeightsError(f"{name} returns no torch module: let its factory load {path}")
    try:
        module.load_state_dict(files.read_weights(path))
    except RuntimeError as error:
        raise WeightsError(f"{path} holds other weights than those of {name}: {' '.join(str(error).split())}") from None


def place(model: Model, name: str, device: str, precision: str) -> Model:
    """The model on a device and in a precision, where it can be moved. Raises SettingsError where it cannot."""
    same = device in ("auto", str(model.device), model.device.type) and precision in ("auto", model.precision)
    if same:
        return model
    if not isinstance(model, TorchModel):
        here = f"{model.device} in {model.precision}"
        raise SettingsError(f"{name} runs on {here}, and its own code says so: leave out --device and --precision")
    how = {"device": device if device != "auto" else str(model.device), "precision": precision}
    moved = TorchModel(model.network, name, model.digest, parameters=model.parameters, **how)  # type: ignore[arg-type]
    moved.class_names = model.class_names
    return moved


def rename(model: Model, name: str) -> Model:
    """The model under the name that it is loaded by, which its recipes say."""
    try:
        model.name = name  # type: ignore[misc]
    except (AttributeError, TypeError):  # a property, or a frozen dataclass
        return RenamedModel(model, name)
    return model if hasattr(model, "__dict__") else RenamedModel(model, name)  # how it was loaded is noted there


class RenamedModel:
    """A model under another name, and in everything else itself."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.name = model, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.__dict__["model"], attribute)

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        """The activations of the model."""
        return self.model(image, layers)
