"""Loads networks of other libraries by name: `torchvision:googlenet`, `timm:convnext_tiny.fb_in22k`.

The library itself tells each network's normalization, where its weights are and the image size it was made for.
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
from reverie.models.catalog import LIBRARIES, RANDOM_WEIGHTS, make_untrained_digest
from reverie.models.hooked.hooks import record_all_outputs
from reverie.models.hooked.network import HookedNetwork
from reverie.models.hooked.trials import find_accepted_images
from reverie.models.hooked.wrapping import make_hooked_model
from reverie.models.torch_model import TorchModel
from reverie.models.weights import DownloadProgress


@dataclass(frozen=True)
class NetworkMetadata:
    """What a library tells of a network: the normalization of its images, and their side in pixels in training."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int


@runtime_checkable
class Library(Protocol):
    """The interface to a library: our modules `zoo.torchvision` and `zoo.timm` have these functions."""

    def list_networks(self) -> list[str]:
        """The names of the library's networks."""

    def build_network(self, name: str) -> nn.Module:
        """Build a network with random weights, drawn by torch's default generator."""

    def read_metadata(self, name: str, module: nn.Module) -> NetworkMetadata:
        """Read the library's metadata of a network; `module` is the network itself."""

    def find_weights_file(self, name: str, progress: DownloadProgress | None = None) -> Path:
        """Find the file of a network's weights, verified: in the library's cache, else in ours, else downloaded.

        Raises WeightsError.
        """

    def find_local_file(self, name: str) -> Path | None:
        """Find the file of a network's weights in either cache, not verified; None: it would have to be downloaded."""

    def list_published(self) -> list[str]:
        """The names of the networks that weights are published for."""

    def build_trained(self, name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Build a network with the tensors of that file."""


def load_from_library(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> TorchModel:
    """Load a network of another library, see `load_model`. Raises UnknownName, WeightsError, MissingExtra."""
    library, network = import_library(name)
    if weights == RANDOM_WEIGHTS:
        module = build_untrained(library, network, seed)
        digest = make_untrained_digest(name, seed)
    else:
        path = library.find_weights_file(network) if weights is None else Path(weights)
        tensors, digest = files.read_weights(path), files.hash_weights_file(path)
        module = (
            build_with_library_weights(library, network, tensors)
            if weights is None
            else build_with_file_weights(library, network, tensors, path)
        )
    metadata = library.read_metadata(network, module)
    hooked = HookedNetwork(module, metadata.mean, metadata.std, name=name, side=metadata.side)
    return make_hooked_model(hooked, digest, device, precision)


def import_library(name: str) -> tuple[Library, str]:
    """Import the library of "library:network"; returns it and the network's name in it.

    Raises UnknownName, and MissingExtra where the library is not installed.
    """
    title, _, network = name.partition(":")
    library = import_library_module(title, f"the network {name}")
    known = library.list_networks()
    if network not in known:
        raise UnknownName(f"network of {title}", network, known)
    return library, network


def import_library_module(title: str, purpose: str = "the zoo") -> Library:
    """Import our module of a library; raises UnknownName, and MissingExtra where the library is not installed."""
    if title not in LIBRARIES:
        raise UnknownName("library of networks", title, LIBRARIES)
    try:
        return cast(Library, importlib.import_module(LIBRARIES[title]))
    except ImportError as error:
        raise MissingExtra(purpose, "zoo") from error


def build_untrained(library: Library, network: str, seed: int) -> nn.Module:
    """Build a network with random weights; the same seed gives the same.

    The statistics of its batch norms are those of Gaussian noise: with the initial ones, activations would vanish from
    layer to layer.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torchvision warns that its weight initialization will change
        torch.default_generator.manual_seed(seed)
        module = library.build_network(network).eval()
        side = library.read_metadata(network, module).side
        norms = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
        for norm in norms:
            norm.train().momentum = 1.0  # one forward pass sets the statistics
        with torch.no_grad():
            module(torch.randn(2, 3, side, side))
    return module.eval()


def build_with_library_weights(library: Library, network: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build a network with the library's weights. Raises WeightsError if they do not fit."""
    try:
        return library.build_trained(network, tensors)
    except (RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"the weights of {network} do not fit it: is its library of another time?") from error


def build_with_file_weights(library: Library, network: str, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Build a network with the tensors of a file.

    Raises WeightsError unless every tensor is there, has its shape, and there is no other. Blocks that only run
    in training (auxiliary classifiers) may be missing, as may the batch counters of batch norms.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = library.build_network(network).eval()
    expected = module.state_dict()
    for name, tensor in tensors.items():
        if name not in expected:
            raise WeightsError(f"{path} holds other weights: {network} has no {name}")
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            raise WeightsError(f"{path} holds other weights: {name} of {network} is {shapes}")
    missing = [name for name in expected if name not in tensors and not name.endswith("num_batches_tracked")]
    if missing:
        used = find_running_blocks(module, library.read_metadata(network, module).side)
        for name in missing:
            if name in used or name.split(".")[0] in used:
                raise WeightsError(f"{path} holds not all weights of {network}: {name} is missing")
    module.load_state_dict(dict(tensors), strict=False)
    return module


def find_running_blocks(module: nn.Module, side: int) -> set[str]:
    """The names of the top-level blocks that run in a forward pass, and of the parameters beside them."""
    outputs = record_all_outputs(module, find_accepted_images(module, side)[0])
    return {name.split(".")[0] for name in outputs} | {name for name, _ in module.named_parameters(recurse=False)}
