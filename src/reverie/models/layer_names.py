"""The names of a model's layers: which are listed first, and which are other names of the same layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from reverie.types import Model

TermT = TypeVar("TermT", bound=Any)


def list_main_layers(model: Model) -> tuple[str, ...]:
    """The layers that are listed unless all are asked for: the blocks of a network, without what is within them.

    All layers of a model that has no `main_layers`.
    """
    main: tuple[str, ...] = getattr(model, "main_layers", model.layers)
    return main


def list_aliases(model: Model) -> Mapping[str, str]:
    """Other names of layers, each with the name in `model.layers`: {"mixed5/branch7x7": "activation_43", ...}.

    Empty for a model that has no `aliases`.
    """
    aliases: Mapping[str, str] = getattr(model, "aliases", {})
    return aliases


def rename_layers(terms: Iterable[tuple[float, TermT]], model: Model) -> tuple[tuple[float, TermT], ...]:
    """The terms of an objective, each with its weight, their layers by the names in `model.layers`."""
    names = list_aliases(model)
    return tuple(
        (weight, replace(term, layer=names[term.layer]) if term.layer in names else term) for weight, term in terms
    )
