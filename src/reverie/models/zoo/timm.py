"""The networks of timm, the PyTorch image models."""

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
from reverie.models.zoo.files import from_hugging_face, from_torch_hub
from reverie.models.zoo.load import Metadata

ANY_SIZE: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""How timm's families are told to take pictures of any size; those that know no such word take them, or never do."""


@lru_cache(maxsize=1)
def known() -> list[str]:
    return list(dict.fromkeys([*timm.list_models(), *timm.list_models(include_tags=True)]))


def build(name: str) -> nn.Module:
    return created(name)


def created(name: str, **how: Any) -> nn.Module:
    """A network for any size of picture, if it can be had."""
    for words in ANY_SIZE:
        with contextlib.suppress(TypeError):  # a word that its family does not know
            return padding(timm.create_model(name, **words, **how))
    raise WeightsError(f"timm cannot build {name}")


def padding(module: nn.Module) -> nn.Module:
    """The network, whose patches now take pictures that fill no whole number of them (Swin's know no word for it)."""
    for each in module.modules():
        if hasattr(each, "dynamic_img_pad"):
            each.dynamic_img_pad = cast(Any, True)
    return module


def metadata(name: str, module: nn.Module) -> Metadata:
    config = resolve_data_config({}, model=module)
    return Metadata(tuple(config["mean"]), tuple(config["std"]), config["input_size"][-1])


def weights_file(name: str) -> Path:
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        tags = [each for each in timm.list_pretrained() if each.split(".")[0] == name.split(".")[0]]
        others = f"name one of {', '.join(tags[:5])}, or give" if tags else "give"
        raise WeightsError(f"timm has no weights for {name}: {others} --weights FILE, or --weights random")
    if config.custom_load == "hf" or (config.custom_load and not config.hf_hub_id):  # the hub has a state dict of most
        raise WeightsError(f"the weights of {name} are no state dict: give --weights FILE, or --weights random")
    return from_hugging_face(config.hf_hub_id) if config.hf_hub_id else from_torch_hub(str(config.url))


def trained(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    return created(name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(tensors)})
