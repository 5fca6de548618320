"""Reverie makes trained networks dream.

    import reverie as rv
    sky = rv.open_image("sky.jpg")
    model = rv.load_model("squeezenet")
    rv.save_image(rv.dream(sky, model, "fire8^2"), "dream.png")

Every public name is here. Each is imported when it is first used, so that the command line can answer
`--help` without loading a framework.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reverie.ascent import ascend as ascend
    from reverie.classes import logit as logit
    from reverie.composition import dream_gradient as dream_gradient
    from reverie.dream import dream as dream
    from reverie.dream import dream_steps as dream_steps
    from reverie.errors import ReverieError as ReverieError
    from reverie.features import direction as direction
    from reverie.gradient import color_correlated as color_correlated
    from reverie.gradient import color_kept as color_kept
    from reverie.gradient import gradient_of as gradient_of
    from reverie.gradient import jittered as jittered
    from reverie.gradient import laplacian_normalized as laplacian_normalized
    from reverie.gradient import normalized as normalized
    from reverie.gradient import smoothed as smoothed
    from reverie.guides import guide as guide
    from reverie.image import Photo as Photo
    from reverie.image import open_image as open_image
    from reverie.image import read_photo as read_photo
    from reverie.image import save_image as save_image
    from reverie.models import available_models as available_models
    from reverie.models import load_model as load_model
    from reverie.models.wrapping import Model as Model
    from reverie.models.wrapping import wrap as wrap
    from reverie.nearness import contrast as contrast
    from reverie.nearness import diversity as diversity
    from reverie.nearness import keep as keep
    from reverie.nearness import kept as kept
    from reverie.objectives import Objective as Objective
    from reverie.objectives import channel as channel
    from reverie.objectives import layer as layer
    from reverie.objectives import neuron as neuron
    from reverie.objectives import total_variation as total_variation
    from reverie.recipe import Recipe as Recipe
    from reverie.recipe import run as run
    from reverie.regions import Regions as Regions
    from reverie.regions import masked as masked
    from reverie.regions import regional as regional
    from reverie.regions import soft as soft
    from reverie.settings import Settings as Settings
    from reverie.settings import VisualSettings as VisualSettings
    from reverie.types import Gradient as Gradient
    from reverie.types import Image as Image
    from reverie.types import Step as Step
    from reverie.visualize import visualize as visualize
    from reverie.wording import objective as objective

HOMES = {
    "ascent": ("ascend",),
    "classes": ("logit",),
    "composition": ("dream_gradient",),
    "dream": ("dream", "dream_steps"),
    "errors": ("ReverieError",),
    "features": ("direction",),
    "gradient": (
        "color_correlated",
        "color_kept",
        "gradient_of",
        "jittered",
        "laplacian_normalized",
        "normalized",
        "smoothed",
    ),
    "guides": ("guide",),
    "image": ("Photo", "open_image", "read_photo", "save_image"),
    "models": ("available_models", "load_model"),
    "models.wrapping": ("Model", "wrap"),
    "nearness": ("contrast", "diversity", "keep", "kept"),
    "objectives": ("Objective", "channel", "layer", "neuron", "total_variation"),
    "recipe": ("Recipe", "run"),
    "regions": ("Regions", "masked", "regional", "soft"),
    "settings": ("Settings", "VisualSettings"),
    "types": ("Gradient", "Image", "Step"),
    "visualize": ("visualize",),
    "wording": ("objective",),
}
HOME_OF = {name: home for home, names in HOMES.items() for name in names}

__all__ = sorted(HOME_OF)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("reverie")
    if name not in HOME_OF:
        raise AttributeError(f"module 'reverie' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reverie.{HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class Package(ModuleType):
    """Keeps `reverie.dream` the function: importing the module of that name would put itself in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Package
