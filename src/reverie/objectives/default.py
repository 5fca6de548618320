"""What a network dreams of unless told."""

from __future__ import annotations

from reverie.models.catalog import SPECS
from reverie.models.default_layer import middle_layer
from reverie.objectives.base import quoted
from reverie.types import Model


def default_objective(model: Model) -> str:
    """What a network dreams of unless told: the catalog's word for it, or a block in its middle, squared."""
    if model.name in SPECS:
        return SPECS[model.name].objective
    return f"{quoted(middle_layer(model))}^2"
