"""Networks by name. Torch comes with the first network, not before: the command line reads the catalog alone."""

from __future__ import annotations

import hashlib
import importlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from reverie.errors import WeightsError
from reverie.models.catalog import DEFAULT, SPECS, ModelSpec, spec_of

if TYPE_CHECKING:
    from reverie.types import Model


def available_models() -> tuple[str, ...]:
    """The names that `load_model` knows."""
    return tuple(SPECS)


def load_model(name: str = DEFAULT, *, device: str = "auto", precision: str = "auto") -> Model:
    """A network by name, its weights verified.

    `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16.
    Raises `UnknownName`, `WeightsError`, `SettingsError`.
    """
    from reverie.engines.torch_engine import TorchModel

    spec = spec_of(name)
    module, _, network = spec.network.partition(":")
    built = getattr(importlib.import_module(module), network)()
    built.load_state_dict(bundled_weights(spec))
    return TorchModel(built, spec.name, spec.sha256, device=device, precision=precision)


def bundled_weights(spec: ModelSpec) -> dict[str, Any]:
    """The tensors of a file within the package; raises `WeightsError` where its digest is not the published one."""
    from safetensors.torch import load

    data = resources.files("reverie").joinpath("data", spec.weights).read_bytes()
    if hashlib.sha256(data).hexdigest() != spec.sha256:
        raise WeightsError(f"the weights of {spec.name} are damaged ({spec.weights}): install reverie again")
    return dict(load(data))
