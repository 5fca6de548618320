"""The preset that suits a wish."""

from __future__ import annotations

from reverie.gradient.compose import Dream, understood
from reverie.objectives.classes import ClassTerm
from reverie.objectives.guides import GuideTerm
from reverie.recipe.presets import preset_of
from reverie.settings import Settings


def settings_for(objective: Dream) -> Settings:
    """How to dream of something unless told: the preset that suits it."""
    return Settings.of(preset_of(preset_for(objective)).settings)


def preset_for(objective: Dream) -> str:
    """The name of the preset that suits a wish: things need more and smoother steps than textures."""
    terms = understood(objective).objective.terms
    things = any(weight > 0 and isinstance(term, (ClassTerm, GuideTerm)) for weight, term in terms)
    return "class" if things else "default"
