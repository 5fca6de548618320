"""The objective used where the user gives none."""

from __future__ import annotations

from reverie.models.catalog import SPECS
from reverie.models.default_layer import middle_layer
from reverie.objectives.base import quoted
from reverie.types import Model


def default_objective(model: Model) -> str:
    """The default objective of a network, in words: the catalog's, or else the mean square of a block in its middle."""
    if model.name in SPECS:
        return SPECS[model.name].objective
    return f"{quoted(middle_layer(model))}^2"
