"""The preset and the settings used where the user gives none, chosen by the objective."""

from __future__ import annotations

from reverie.gradient.compose import Dream, understood
from reverie.objectives.classes import ClassTerm
from reverie.objectives.guides import GuideTerm
from reverie.recipe.presets import preset_of
from reverie.settings import Settings


def settings_for(objective: Dream) -> Settings:
    """The default settings for an objective: those of the preset that `choose_preset` names."""
    return Settings.of(preset_of(preset_for(objective)).settings)


def preset_for(objective: Dream) -> str:
    """The name of the default preset for an objective: "class" for classes and guides, else "default".

    Whole objects need more and smoother steps than textures.
    """
    terms = understood(objective).objective.terms
    things = any(weight > 0 and isinstance(term, (ClassTerm, GuideTerm)) for weight, term in terms)
    return "class" if things else "default"
