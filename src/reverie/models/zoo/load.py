"""Networks of other libraries by name: `torchvision:googlenet`, `timm:convnext_tiny.fb_in22k`.

What each is normalised with, where its weights are and what size it was made for is the library's to say.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from reverie.errors import MissingExtra, UnknownName, WeightsError
from reverie.models import weights as files
from reverie.models.catalog import LIBRARIES
from reverie.models.hooked.hooks import look
from reverie.models.hooked.network import Hooked, taken
from reverie.models.hooked.wrapping import hooked_model
from reverie.models.torch_model import TorchModel

RANDOM = "random"


@dataclass(frozen=True)
class Metadata:
    """What a library says of a network: its pictures' normalisation, and the side in pixels it was trained at."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int


@runtime_checkable
class Library(Protocol):
    """What the zoo asks of a library (a module of ours that speaks for it)."""

    def known(self) -> list[str]:
        """The names of its networks."""

    def build(self, name: str) -> nn.Module:
        """The network untrained, by chance as torch's generator has it."""

    def metadata(self, name: str, module: nn.Module) -> Metadata:
        """What the library says of it."""

    def weights_file(self, name: str) -> Path:
        """The file of the library's own weights, verified; from its cache, else ours, else downloaded. WeightsError."""

    def trained(self, name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
        """The network with the tensors of that file."""


def load(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> TorchModel:
    """A network of the zoo as `load_model` loads it. UnknownName, WeightsError, MissingExtra."""
    from reverie.models.catalog import untrained_digest

    library, network = library_of(name)
    if weights == RANDOM:
        module = untrained(library, network, seed)
        digest = untrained_digest(name, seed)
    else:
        path = library.weights_file(network) if weights is None else Path(weights)
        tensors, digest = files.read_weights(path), files.digest(path)
        module = own(library, network, tensors) if weights is None else filled(library, network, tensors, path)
    about = library.metadata(network, module)
    return hooked_model(Hooked(module, about.mean, about.std, name=name, side=about.side), digest, device, precision)


def library_of(name: str) -> tuple[Library, str]:
    """The library of "library:network", and the network's name in it."""
    title, _, network = name.partition(":")
    if title not in LIBRARIES:
        raise UnknownName("library of networks", title, LIBRARIES)
    try:
        library = cast(Library, importlib.import_module(LIBRARIES[title]))
    except ImportError as error:
        raise MissingExtra(f"the network {name}", "zoo") from error
    known = library.known()
    if network not in known:
        raise UnknownName(f"network of {title}", network, known)
    return library, network


def untrained(library: Library, network: str, seed: int) -> nn.Module:
    """A network by chance. Its batch norms have seen noise, or its activations would fade from layer to layer."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torchvision asks its callers how to begin the training
        torch.default_generator.manual_seed(seed)
        module = library.build(network).eval()
        side = library.metadata(network, module).side
        norms = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
        for norm in norms:
            norm.train().momentum = 1.0
        with torch.no_grad():
            module(torch.randn(2, 3, side, side))
    return module.eval()


def own(library: Library, network: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network with the library's weights."""
    try:
        return library.trained(network, tensors)
    except (RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"the weights of {network} do not fit it: is its library of another time?") from error


def filled(library: Library, network: str, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """A network with the tensors of a file; each must be there, of its shape, and no other. WeightsError.

    Blocks that only run in training (auxiliary classifiers) may be missing, as may the counters of batch norms.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = library.build(network).eval()
    expected = module.state_dict()
    for name, tensor in tensors.items():
        if name not in expected:
            raise WeightsError(f"{path} holds other weights: {network} has no {name}")
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            raise WeightsError(f"{path} holds other weights: {name} of {network} is {shapes}")
    missing = [name for name in expected if name not in tensors and not name.endswith("num_batches_tracked")]
    if missing:
        used = running(module, library.metadata(network, module).side)
        for name in missing:
            if name in used or name.split(".")[0] in used:
                raise WeightsError(f"{path} holds not all weights of {network}: {name} is missing")
    module.load_state_dict(dict(tensors), strict=False)
    return module


def running(module: nn.Module, side: int) -> set[str]:
    """The top-level blocks that a picture runs through, and the parameters beside them."""
    ran = look(module, taken(module, side)[0])
    return {name.split(".")[0] for name in ran} | {name for name, _ in module.named_parameters(recurse=False)}
