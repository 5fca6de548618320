"""Torchvision's classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision import models

from reverie.models.zoo.files import from_torch_hub
from reverie.models.zoo.load import Metadata
from reverie.models.zoo.torchvision_vit import of_any_size


def known() -> list[str]:
    return list(models.list_models(module=torchvision.models))


def build(name: str) -> nn.Module:
    module: Any = models.get_model(name, weights=None)
    if hasattr(module, "transform_input"):
        module.transform_input = True  # as torchvision sets it where its weights want other pictures than it says
    return of_any_size(cast(nn.Module, module))


def metadata(name: str, module: nn.Module) -> Metadata:
    preset = weights_of(name).transforms()
    return Metadata(tuple(preset.mean), tuple(preset.std), preset.crop_size[0])


def weights_file(name: str) -> Path:
    return from_torch_hub(url_of(name))


def url_of(name: str) -> str:
    return str(weights_of(name).url)


def trained(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    weights = weights_of(name)
    with answering(weights, tensors):
        return of_any_size(cast(nn.Module, models.get_model(name, weights=weights)))


def weights_of(name: str) -> Any:
    return models.get_model_weights(name).DEFAULT


@contextmanager
def answering(weights: Any, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """The library's own way of loading, with a file that we have verified and read without pickle.

    What it does beside (renames, other inputs, auxiliary classifiers) is not for us to know network by network.
    """
    weights.get_state_dict = lambda *_, **__: dict(tensors)
    try:
        yield
    finally:
        del weights.get_state_dict
