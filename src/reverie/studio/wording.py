"""Wishes in words and as a list: what a text wishes for, term by term, so that each can be weighed by itself."""

from __future__ import annotations

from typing import Any

from reverie.errors import ReverieError, WordingError
from reverie.gradient.base import find_model_layers
from reverie.models.receptive_field import measure_geometry
from reverie.objectives.base import ChannelTerm, LayerTerm, NeuronTerm, Objective, Term
from reverie.objectives.classes import ClassTerm
from reverie.objectives.guides import GuideTerm
from reverie.objectives.parser import objective as parse_objective
from reverie.types import Model


def read_words(words: str, model: Model | None = None) -> dict[str, Any]:
    """The terms of a wish, or, as "error", the line that says why it is none; nothing is wished for by no words.

    `model`: whose layers and classes they must be, if it is at hand.
    """
    if not words.strip():
        return {"terms": [], "error": None}
    try:
        wish = parse_objective(words)
        told = [describe_term(weight, term) for weight, term in wish.terms]
        if model is not None and not wish.files:
            find_model_layers(model, wish.resolved(model))
            check_channels(wish, model)
    except ReverieError as error:
        return {"terms": [], "error": str(error)}
    return {"terms": told, "error": None}


def check_channels(wish: Objective, model: Model) -> None:
    """Raises `WordingError` for a channel that a layer does not have; a dream would tell it only at its first step."""
    terms = [term for _, term in wish.terms if type(term) is ChannelTerm]
    counts = measure_geometry(model, {term.layer for term in terms}) if terms else {}
    for term in terms:
        if term.layer in counts and term.channel >= counts[term.layer].channels:
            raise WordingError(f"{term}: {term.layer} has the channels 0 to {counts[term.layer].channels - 1}")


def describe_term(weight: float, term: Term) -> dict[str, Any]:
    """A term as a page shows it: its weight, its words, and what it is of."""
    told: dict[str, Any] = {"weight": weight, "words": str(term), "kind": "other"}
    if isinstance(term, NeuronTerm) or term.place is not None:
        return told
    if isinstance(term, LayerTerm):
        return told | {"kind": "layer", "layer": term.layer, "power": term.power}
    if isinstance(term, ClassTerm):
        return told | {"kind": "class"}
    if type(term) is ChannelTerm:
        return told | {"kind": "channel", "layer": term.layer, "channel": term.channel, "power": term.power}
    return told | {"kind": "guide"} if isinstance(term, GuideTerm) else told
