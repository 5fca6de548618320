"""Loads networks by name. Torch is imported with the first network, so that `reverie --help` stays fast."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import SettingsError, UnknownName, WeightsError
from reverie.models.catalog import (
    DEFAULT_MODEL,
    ENGINES,
    ENTRIES,
    KERAS,
    LIBRARIES,
    RANDOM_WEIGHTS,
    CatalogEntry,
    find_entry,
    find_factory,
    is_own,
    make_untrained_digest,
    names_keras_file,
)
from reverie.models.extensions import list_registered
from reverie.models.spec import ModelSpec

if TYPE_CHECKING:
    from reverie.types import Model


def available_models() -> tuple[str, ...]:
    """The names of the cataloged networks, and of those that `register_model` or a package's entry points add.

    `load_model` knows those of other libraries too, as "library:network", and code, as "mine.py:factory".

    >>> import reverie as rv
    >>> rv.available_models()
    ('squeezenet', 'inception_v3')
    """
    return tuple(dict.fromkeys([*ENTRIES, *list_registered("model")]))


def load_model(
    name: str | ModelSpec = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    seed: int = 0,
    engine: str = ModelSpec.engine,
    device: str = ModelSpec.device,
    precision: str = ModelSpec.precision,
) -> Model:
    """Load a network by name, such as "squeezenet", "torchvision:googlenet" or "timm:convnext_tiny.fb_in22k".

    One of your own is known by the name that it is registered under (`register_model`), or by where its factory is:
    "package.module:factory" or "path/to/mine.py:factory", whose code is then run.

    A name that ends in .keras or .h5 is a file with a whole Keras model of your own, which is fed what it rescales by
    itself (0..255), or else 0..1; no code in it is run.

    `weights`: None for its own (which are verified, and downloaded once if they are not in the package), a file
    (safetensors, Keras's .h5 or .weights.h5, a torch state dict), or "random" for an untrained network, drawn with
    `seed`. `engine`: torch or tensorflow. `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16. A
    `ModelSpec` says all of these at once.

    Raises `UnknownName` for a network or engine that is not known, `WeightsError` for weights that cannot be had, read
    or do not fit, `SettingsError` for a device or precision that is not there, `MissingExtra` where the network
    needs a library that is not installed, and `ExtensionError` where code of your own cannot be imported, or fails.

    >>> import reverie as rv
    >>> model = rv.load_model("inception_v3", weights="random")
    >>> model.layers[-1]
    'mixed10'
    """
    if isinstance(name, ModelSpec):
        how = {"engine": name.engine, "device": name.device, "precision": name.precision}
        return load_model(name.name, weights=name.weights, seed=seed, **how)
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    import torch

    needs_tensorflow = engine == "tensorflow" or name.startswith(f"{KERAS}:") or names_keras_file(name)
    load = load_tensorflow if needs_tensorflow else load_torch
    with torch.inference_mode(False):  # weights made where that is on could not be differentiated through, ever
        if is_own(name):
            model = load_by_factory(name, weights, seed, engine, (device, precision))
        else:
            model = load(name, weights, seed, device, precision)
    # Optional, and so no part of the protocol: a recipe asks a network how it was loaded.
    vars(model)["spec"] = ModelSpec(model.name, None if weights is None else str(weights), engine, device, precision)
    return model


def load_by_factory(name: str, weights: str | Path | None, seed: int, engine: str, place: tuple[str, str]) -> Model:
    """Load a network of the user's own, see `load_model`; `place`: its device and precision."""
    from reverie.models.factories import OwnNetwork, load_own

    find_entry(name)
    if engine != ModelSpec.engine:
        raise SettingsError(f"{name} is run by what its own code says: leave out the engine {engine}")
    return load_own(OwnNetwork(name, find_factory(name), weights), seed, *place)


def load_torch(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    """Load a network that torch runs, see `load_model`."""
    from reverie.models.torch_model import TorchModel

    entry = find_entry(name)
    if ":" in name:
        from reverie.models.zoo import load as zoo

        return zoo.load_from_library(name, weights, seed, device, precision)
    module, _, class_name = entry.network.partition(":")
    network: Any = getattr(importlib.import_module(module), class_name)
    if weights == RANDOM_WEIGHTS:
        built, digest = network.random(seed), make_untrained_digest(entry.name, seed)
    else:
        tensors, digest = read_catalog_weights(entry) if weights is None else read_file_weights(Path(weights))
        built = network.from_weights(tensors)
    return TorchModel(built, entry.name, digest, parameters=built.block_parameters, device=device, precision=precision)


def load_tensorflow(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    """Load a network that TensorFlow runs, see `load_model`; `device` and `precision` must be left to it."""
    from reverie.models.keras.inception import KerasInception
    from reverie.models.keras.inception_weights import CONVERTIBLE_NETWORKS
    from reverie.models.keras.model import load_keras, load_keras_file
    from reverie.models.keras.wrapping import check_left_to_tensorflow
    from reverie.models.networks.inception_weights import draw_random_weights

    check_left_to_tensorflow(device, precision)
    if names_keras_file(name):
        if weights == RANDOM_WEIGHTS:
            raise SettingsError(f"{name} has weights of its own: leave out the weights, or give a file of others")
        return load_keras_file(Path(name), Path(weights) if weights is not None else None)
    if name in set(ENTRIES) - set(CONVERTIBLE_NETWORKS) or name.partition(":")[0] in LIBRARIES:
        others = f"{', '.join(CONVERTIBLE_NETWORKS)} or {KERAS}:NAME"
        raise SettingsError(f"{name} is run by torch alone: leave out the engine, or take {others}")
    if name not in CONVERTIBLE_NETWORKS:
        return load_keras(name, weights, seed)
    entry = find_entry(name)
    # The same files, and the same random weights, as torch runs: one recipe serves both engines.
    if weights == RANDOM_WEIGHTS:
        tensors, digest = draw_random_weights(seed), make_untrained_digest(entry.name, seed)
    else:
        tensors, digest = read_catalog_weights(entry) if weights is None else read_file_weights(Path(weights))
    return KerasInception(name, tensors, digest)


def read_catalog_weights(entry: CatalogEntry) -> tuple[dict[str, Any], str]:
    """Read a network's published weights, verified: the tensors by name, and the SHA-256 of their file.

    Downloads the file once if it is not in the package. Raises WeightsError.
    """
    from reverie.models import weights

    if not entry.url:
        path = Path(str(resources.files("reverie").joinpath("data", entry.file)))
        found = weights.hash_weights_file(path)
        if entry.digest != f"sha256:{found}":
            raise WeightsError(f"the weights of {entry.name} are damaged ({path}): install reverie again")
        return weights.read_weights(path), found
    path = weights.fetch_weights(entry.url, entry.digest, entry.file, weights.make_progress_logger(entry.file))
    return read_file_weights(path)


def read_file_weights(path: Path) -> tuple[dict[str, Any], str]:
    """Read a file of weights: its tensors by name, and its SHA-256. Raises WeightsError."""
    from reverie.models import weights

    return weights.read_weights(path), weights.hash_weights_file(path)
