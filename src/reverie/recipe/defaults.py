"""The preset and the settings used where the user gives none, chosen by the objective."""

from __future__ import annotations

from reverie.gradient.compose import ObjectiveLike, parse_objective
from reverie.objectives.classes import ClassTerm
from reverie.objectives.guides import GuideTerm
from reverie.recipe.presets import find_preset
from reverie.settings import Settings


def choose_settings(objective: ObjectiveLike) -> Settings:
    """The default settings for an objective: those of the preset that `choose_preset` names."""
    return Settings.of(find_preset(choose_preset(objective)).settings)


def choose_preset(objective: ObjectiveLike) -> str:
    """The name of the default preset for an objective: "class" for classes and guides, else "default".

    Whole objects need more and smoother steps than textures.
    """
    terms = parse_objective(objective).objective.terms
    things = any(weight > 0 and isinstance(term, (ClassTerm, GuideTerm)) for weight, term in terms)
    return "class" if things else "default"
