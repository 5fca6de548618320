"""The networks known by name."""

from __future__ import annotations

from dataclasses import dataclass

from reverie.errors import UnknownName


@dataclass(frozen=True)
class ModelSpec:
    """A network known by name: where its code and weights are, and what it dreams of unless told."""

    name: str
    about: str
    objective: str
    network: str
    """Where its class is: "module:Class"."""
    weights: str
    """The weights' file within the package's data, or empty."""
    sha256: str
    """The digest of that file."""


SPECS = {
    spec.name: spec
    for spec in [
        ModelSpec(
            name="squeezenet",
            about="SqueezeNet 1.1, ImageNet; 5 MB, comes with the package",
            objective="fire8^2",
            network="reverie.models.squeezenet:SqueezeNet",
            weights="squeezenet1_1.safetensors",
            sha256="6f1d074c42b7077d2eb7a20bd586697bc12ca8cefeb8726f859ec517fb9c44f8",
        ),
    ]
}

DEFAULT = "squeezenet"


def spec_of(name: str) -> ModelSpec:
    """The entry of a name; raises `UnknownName` with the nearest ones."""
    if name not in SPECS:
        raise UnknownName("model", name, SPECS)
    return SPECS[name]
