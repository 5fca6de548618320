"""The objective used where the user gives none."""

from __future__ import annotations

from reverie.models.catalog import ENTRIES
from reverie.models.default_layer import choose_middle_layer
from reverie.objectives.wording import quote_name
from reverie.types import Model


def default_objective(model: Model) -> str:
    """The default objective of a network, in words: the catalog's, or else the mean square of a block in its middle."""
    if model.name in ENTRIES:
        return ENTRIES[model.name].objective
    return f"{quote_name(choose_middle_layer(model))}^2"
