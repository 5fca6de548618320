"""Reads the weights in Keras's files, in Keras's order; neither Keras nor TensorFlow is needed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reverie.errors import WeightsError


def read_keras_weights(source: Path | io.BytesIO, path: Path | None = None) -> dict[str, Tensor]:
    """Read an HDF5 file; `path` is what messages call it."""
    import h5py

    with h5py.File(source, "r") as file:
        root = file.get("model_weights", file)
        legacy = any(name.startswith("layer_names") for name in root.attrs)
        found = _iterate_keras2(root) if legacy else _iterate_keras3(root)
        tensors = {name: torch.from_numpy(data[()]) for name, data in found}
    if not tensors:
        raise WeightsError(f"{path or source} holds no weights of a Keras network")
    return tensors


def read_keras_archive(path: Path) -> dict[str, Tensor]:
    """Read the weights of a whole model in Keras 3's format: an HDF5 file within a zip file."""
    with zipfile.ZipFile(path) as archive:
        return read_keras_weights(io.BytesIO(archive.read("model.weights.h5")), path)


def _iterate_keras2(root: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the (name, dataset) pairs of Keras 2's layout.

    It has a group per layer; attributes hold the order of the layers and, within each, of its weights.
    """
    for layer in _read_name_list(root, "layer_names"):
        for weight in _read_name_list(root[layer], "weight_names"):
            yield f"{layer}/{weight.removeprefix(layer + '/')}", root[layer][weight]


def _read_name_list(group: Any, attribute: str) -> list[str]:
    """Read a list of names from an attribute; Keras splits one too long for HDF5 into names0, names1, ..."""
    parts = sorted((name for name in group.attrs if name.rstrip("0123456789") == attribute), key=_natural_sort_key)
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in group.attrs[part]]


def _iterate_keras3(root: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the (name, dataset) pairs of Keras 3's layout, such as "layers/conv2d_7/vars/0".

    Layers of one kind are numbered in their order, the first without a number: a natural sort restores it.
    """
    found: dict[str, Any] = {}
    root.visititems(lambda name, item: found.update({name: item}) if "/vars/" in name else None)
    found = {name: item for name, item in found.items() if not name.startswith("optimizer/")}  # its momenta
    for name in sorted(found, key=_natural_sort_key):
        yield re.sub(r"^(layers|_layer_checkpoint_dependencies)/|(?<=/)vars/", "", name), found[name]


def _natural_sort_key(name: str) -> list[str | int]:
    """The key of a natural sort, in which "conv2d_2" comes before "conv2d_10"."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
