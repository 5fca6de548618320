"""The classifiers of torchvision: a `zoo.load.Library`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision import models

from reverie.models.weights import DownloadProgress
from reverie.models.zoo.files import find_torch_hub_file, get_from_torch_hub
from reverie.models.zoo.load import NetworkMetadata
from reverie.models.zoo.torchvision_vit import allow_any_size


def list_networks() -> list[str]:
    """See `Library`."""
    return list(models.list_models(module=torchvision.models))


def build_network(name: str) -> nn.Module:
    """See `Library`."""
    module: Any = models.get_model(name, weights=None)
    if hasattr(module, "transform_input"):
        # As torchvision sets it with its weights, which want another normalization than its metadata tells.
        module.transform_input = True
    return allow_any_size(cast(nn.Module, module))


def read_metadata(name: str, module: nn.Module) -> NetworkMetadata:
    """See `Library`."""
    preset = find_weights_entry(name).transforms()
    return NetworkMetadata(tuple(preset.mean), tuple(preset.std), preset.crop_size[0])


def find_weights_file(name: str, progress: DownloadProgress | None = None) -> Path:
    """See `Library`."""
    return get_from_torch_hub(find_weights_url(name), progress)


def find_local_file(name: str) -> Path | None:
    """See `Library`."""
    return find_torch_hub_file(find_weights_url(name))


def list_published() -> list[str]:
    """See `Library`."""
    return list_networks()


def find_weights_url(name: str) -> str:
    """The URL of a network's default weights."""
    return str(find_weights_entry(name).url)


def build_trained(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """See `Library`."""
    weights = find_weights_entry(name)
    with provide_tensors(weights, tensors):
        return allow_any_size(cast(nn.Module, models.get_model(name, weights=weights)))


def find_weights_entry(name: str) -> Any:
    """Torchvision's entry of a network's default weights: their URL, metadata and loader."""
    return models.get_model_weights(name).DEFAULT


@contextmanager
def provide_tensors(weights: Any, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Let the library's own loader take tensors that were verified and read without unpickling.

    So what it does besides, network by network (renames, another normalization, auxiliary classifiers), is done too.
    """
    weights.get_state_dict = lambda *_, **__: dict(tensors)
    try:
        yield
    finally:
        del weights.get_state_dict
