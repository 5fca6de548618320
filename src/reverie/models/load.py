"""Networks by name. Torch comes with the first network, not before: the command line reads the catalog alone."""

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
    """The names that `load_model` knows."""
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
    """A network by name; those of other libraries as "torchvision:googlenet" or "timm:convnext_tiny.fb_in22k".

    `weights`: None for its own (which are verified, and downloaded once if they are not in the package), a file
    (safetensors, Keras's .h5 or .weights.h5, a torch state dict), or "random" for an untrained network of `seed`.
    `engine`: torch or tensorflow. `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16.
    Raises `UnknownName`, `WeightsError`, `SettingsError`, `MissingExtra`.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    load = load_torch if engine == "torch" and not name.startswith(f"{KERAS}:") else load_tensorflow
    return load(name, weights, seed, device, precision)


def load_torch(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    from reverie.models.torch_model import TorchModel

    spec = spec_of(name)
    if ":" in name:
        from reverie.models.zoo import load as zoo

        return zoo.load(name, weights, seed, device, precision)
    module, _, class_name = spec.network.partition(":")
    network: Any = getattr(importlib.import_module(module), class_name)
    if weights == RANDOM:
        built, digest = network.random(seed), untrained_digest(spec.name, seed)
    else:
        tensors, digest = own_weights(spec) if weights is None else file_weights(Path(weights))
        built = network.from_weights(tensors)
    return TorchModel(built, spec.name, digest, parameters=built.block_parameters, device=device, precision=precision)


def load_tensorflow(name: str, weights: str | Path | None, seed: int, device: str, precision: str) -> Model:
    from reverie.models.keras import inception_weights as keras_weights
    from reverie.models.keras.model import KerasModel, load_keras

    if device not in ("auto", "cpu") or precision not in ("auto", "float32"):
        raise SettingsError("TensorFlow places its networks itself and computes in float32: leave device and precision")
    if name in set(SPECS) - set(keras_weights.NETWORKS) or name.partition(":")[0] in LIBRARIES:
        others = f"{', '.join(keras_weights.NETWORKS)} or {KERAS}:NAME"
        raise SettingsError(f"{name} is run by torch alone: leave out the engine, or take {others}")
    if name not in keras_weights.NETWORKS:
        return load_keras(name, weights, seed)
    spec = spec_of(name)
    if weights == RANDOM:
        tensors, digest = keras_weights.untrained(seed), untrained_digest(spec.name, seed)
    else:
        tensors, digest = own_weights(spec) if weights is None else file_weights(Path(weights))
    return KerasModel(*keras_weights.filled(name, tensors), digest=digest)


def own_weights(spec: ModelSpec) -> tuple[dict[str, Any], str]:
    """A network's own tensors, verified, and the SHA-256 of their file."""
    from reverie.models import weights

    if not spec.url:
        path = Path(str(resources.files("reverie").joinpath("data", spec.file)))
        found = weights.digest(path)
        if spec.digest != f"sha256:{found}":
            raise WeightsError(f"the weights of {spec.name} are damaged ({path}): install reverie again")
        return weights.read_weights(path), found
    path = weights.fetch(spec.url, spec.digest, spec.file, weights.told(spec.file))
    return file_weights(path)


def file_weights(path: Path) -> tuple[dict[str, Any], str]:
    """The tensors of a file, and its SHA-256."""
    from reverie.models import weights

    return weights.read_weights(path), weights.digest(path)
