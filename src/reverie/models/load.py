"""Loads networks by name. Torch is imported with the first network, so that `reverie --help` stays fast."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import SettingsError, UnknownName, WeightsError
from reverie.models.catalog import (
    DEFAULT,
    ENGINES,
    KERAS,
    LIBRARIES,
    RANDOM,
    SPECS,
    ModelSpec,
    spec_of,
    untrained_digest,
)

if TYPE_CHECKING:
    from reverie.types import Model


def available_models() -> tuple[str, ...]:
    """The names of the cataloged networks; `load_model` knows those of other libraries too, as "library:network"."""
    return tuple(SPECS)


def load_model(
    name: str = DEFAULT,
    *,
    weights: str | Path | None = None,
    seed: int = 0,
    engine: str = "torch",
    device: str = "auto",
    precision: str = "auto",
) -> Model:
    """Load a network by name, such as "squeezenet", "torchvision:googlenet" or "timm:convnext_tiny.fb_in22k".

    `weights`: None for its own (which are verified, and downloaded once if they are not in the package), a file
    (safetensors, Keras's .h5 or .weights.h5, a torch state dict), or "random" for an untrained network, drawn with
    `seed`. `engine`: torch or tensorflow. `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16.

    Raises `UnknownName` for a network or engine that is not known, `WeightsError` for weights that cannot be had, read
    or do not fit, `SettingsError` for a device or precision that is not there, and `MissingExtra` where the network
    needs a library that is not installed.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    load = load_torch if engine == "torch" and not name.startswith(f"{KERAS}:") else load_tensorflow
    return load(name, weights, seed, device, precision)


def load_torch(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    """Load a network that torch runs, see `load_model`."""
    from reverie.models.torch_model import TorchModel

    entry = spec_of(name)
    if ":" in name:
        from reverie.models.zoo import load as zoo

        return zoo.load(name, weights, seed, device, precision)
    module, _, class_name = entry.network.partition(":")
    network: Any = getattr(importlib.import_module(module), class_name)
    if weights == RANDOM:
        built, digest = network.random(seed), untrained_digest(entry.name, seed)
    else:
        tensors, digest = own_weights(entry) if weights is None else file_weights(Path(weights))
        built = network.from_weights(tensors)
    return TorchModel(built, entry.name, digest, parameters=built.block_parameters, device=device, precision=precision)


def load_tensorflow(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    """Load a network that TensorFlow runs, see `load_model`; `device` and `precision` must be left to it."""
    from reverie.models.keras.inception_weights import NETWORKS, filled
    from reverie.models.keras.model import KerasModel, load_keras
    from reverie.models.networks.inception_weights import untrained

    if device not in ("auto", "cpu") or precision not in ("auto", "float32"):
        raise SettingsError("TensorFlow places its networks itself and computes in float32: leave device and precision")
    if name in set(SPECS) - set(NETWORKS) or name.partition(":")[0] in LIBRARIES:
        others = f"{', '.join(NETWORKS)} or {KERAS}:NAME"
        raise SettingsError(f"{name} is run by torch alone: leave out the engine, or take {others}")
    if name not in NETWORKS:
        return load_keras(name, weights, seed)
    entry = spec_of(name)
    # The same files, and the same random weights, as torch runs: one recipe serves both engines.
    if weights == RANDOM:
        tensors, digest = untrained(seed), untrained_digest(entry.name, seed)
    else:
        tensors, digest = own_weights(entry) if weights is None else file_weights(Path(weights))
    return KerasModel(*filled(name, tensors), digest=digest)


def own_weights(entry: ModelSpec) -> tuple[dict[str, Any], str]:
    """Read a network's published weights, verified: the tensors by name, and the SHA-256 of their file.

    Downloads the file once if it is not in the package. Raises WeightsError.
    """
    from reverie.models import weights

    if not entry.url:
        path = Path(str(resources.files("reverie").joinpath("data", entry.file)))
        found = weights.digest(path)
        if entry.digest != f"sha256:{found}":
            raise WeightsError(f"the weights of {entry.name} are damaged ({path}): install reverie again")
        return weights.read_weights(path), found
    path = weights.fetch(entry.url, entry.digest, entry.file, weights.told(entry.file))
    return file_weights(path)


def file_weights(path: Path) -> tuple[dict[str, Any], str]:
    """Read a file of weights: its tensors by name, and its SHA-256. Raises WeightsError."""
    from reverie.models import weights

    return weights.read_weights(path), weights.digest(path)
