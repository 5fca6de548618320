"""The networks of timm (PyTorch Image Models): a `zoo.load.Library`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import timm
from timm.data import resolve_data_config
from torch import Tensor, nn

from reverie.errors import WeightsError
from reverie.models.weights import DownloadProgress
from reverie.models.zoo.files import (
    find_hugging_face_file,
    find_torch_hub_file,
    get_from_hugging_face,
    get_from_torch_hub,
)
from reverie.models.zoo.load import NetworkMetadata

ANY_SIZE_OPTIONS: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""Options by which timm's architectures take images of any size, tried in turn; the others have no such option."""


@lru_cache(maxsize=1)
def list_networks() -> list[str]:
    """See `Library`. Architectures, and architectures with the tag of their weights."""
    return list(dict.fromkeys([*timm.list_models(), *timm.list_models(include_tags=True)]))


def build_network(name: str) -> nn.Module:
    """See `Library`."""
    return create_network(name)


def create_network(name: str, **options: Any) -> nn.Module:
    """Create a network that takes images of any size, if its architecture allows it. `options` are timm's."""
    for any_size in ANY_SIZE_OPTIONS:
        with contextlib.suppress(TypeError):  # an option that its architecture does not know
            return enable_padding(timm.create_model(name, **any_size, **options))
    raise WeightsError(f"timm cannot build {name}")


def enable_padding(module: nn.Module) -> nn.Module:
    """Let a network pad images that are no whole number of patches; Swin has no option for it when it is created."""
    for each in module.modules():
        if hasattr(each, "dynamic_img_pad"):
            each.dynamic_img_pad = cast(Any, True)
    return module


def read_metadata(name: str, module: nn.Module) -> NetworkMetadata:
    """See `Library`."""
    config = resolve_data_config({}, model=module)
    return NetworkMetadata(tuple(config["mean"]), tuple(config["std"]), config["input_size"][-1])


def find_weights_file(name: str, progress: DownloadProgress | None = None) -> Path:
    """See `Library`."""
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        tags = [each for each in timm.list_pretrained() if each.split(".")[0] == name.split(".")[0]]
        others = f"name one of {', '.join(tags[:5])}, or give" if tags else "give"
        raise WeightsError(f"timm has no weights for {name}: {others} --weights FILE, or --weights random")
    # "Custom" weights (.npz, ...) are in no format that is read here, but of most the hub has a state dict too.
    if config.custom_load == "hf" or (config.custom_load and not config.hf_hub_id):
        raise WeightsError(f"the weights of {name} are no state dict: give --weights FILE, or --weights random")
    if config.hf_hub_id:
        return get_from_hugging_face(config.hf_hub_id, progress=progress)
    return get_from_torch_hub(str(config.url), progress)


def find_local_file(name: str) -> Path | None:
    """See `Library`."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is None or not config.has_weights or config.custom_load == "hf":
        return None
    if config.hf_hub_id:
        return find_hugging_face_file(config.hf_hub_id)
    return None if config.custom_load else find_torch_hub_file(str(config.url))


def list_published() -> list[str]:
    """See `Library`."""
    return list(timm.list_pretrained())


def build_trained(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """See `Library`. timm itself converts the tensors where its architecture has changed since they were published."""
    return create_network(name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(tensors)})
