"""The paper's InceptionV3 run by TensorFlow, with the one list of layers that both engines have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from reverie.models.keras.inception_weights import build_inception
from reverie.models.keras.model import KerasModel
from reverie.models.networks.inception_blocks import parse_blocks
from reverie.models.networks.inception_names import list_aliases, list_inner_layers
from reverie.models.networks.inner import insert_inner_layers
from reverie.types import Image


class KerasInception(KerasModel):
    """InceptionV3 as a Keras network; its layers, and their other names, are those of our torch network."""

    main_layers = tuple(parse_blocks())
    aliases = list_aliases()

    def __init__(self, name: str, weights: Mapping[str, Any], digest: str) -> None:
        """`weights` by our own names or by Keras's; `digest`: SHA-256 of their file. Raises `WeightsError`."""
        super().__init__(*build_inception(name, weights), digest=digest)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, lowest first, as `inception_names` lists them."""
        return insert_inner_layers(self.main_layers, list_inner_layers())

    def __call__(self, image: Image, layers: Collection[str]) -> dict[str, Float[Tensor, "b _ _ _"]]:
        """See `KerasModel`; layers may be called by their other names, too."""
        names = {layer: self.aliases.get(layer, layer) for layer in layers}
        activations = super().__call__(image, set(names.values()))
        return {layer: activations[name] for layer, name in names.items()}
