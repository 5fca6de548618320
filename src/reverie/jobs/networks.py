"""Networks that are loaded once, however many jobs they dream."""

from __future__ import annotations

from dataclasses import replace

from reverie.errors import RecipeError
from reverie.models.catalog import RANDOM_WEIGHTS, names_code
from reverie.models.load import load_model
from reverie.models.spec import ModelSpec
from reverie.recipe.inputs import check_weights
from reverie.recipe.recipe import AnyRecipe
from reverie.types import Model


class Networks:
    """Loads each network once and keeps it. Two specs that come to the same network share it.

    >>> import reverie as rv
    >>> networks = rv.Networks()
    >>> networks.load(rv.ModelSpec("squeezenet")) is networks.load(rv.ModelSpec("squeezenet"))
    True
    """

    def __init__(self) -> None:
        self._loaded: dict[tuple[ModelSpec, int], Model] = {}

    def load(self, spec: ModelSpec, seed: int = 0) -> Model:
        """The network of a spec; `seed` makes an untrained one. Raises as `load_model` does."""
        key = spec, seed if spec.weights == RANDOM_WEIGHTS else 0
        if key not in self._loaded:
            self.keep(spec, load_model(spec, seed=seed), seed)
        return self._loaded[key]

    def load_of(self, recipe: AnyRecipe, device: str = ModelSpec.device, allow_code: bool = False) -> Model:
        """The network of a recipe, to be run on a device.

        `allow_code`: whether code that the recipe names may be run. Raises `RecipeError` for code that may not, and for
        other weights than the recipe's.
        """
        spec, seed = recipe.model_spec(device), recipe.settings.seed
        if not self.holds(spec, seed):
            check_code(recipe, allow_code)
        return check_weights(self.load(spec, seed), recipe.model_sha256)

    def holds(self, spec: ModelSpec, seed: int = 0) -> bool:
        """Whether the network of a spec is loaded already."""
        return (spec, seed if spec.weights == RANDOM_WEIGHTS else 0) in self._loaded

    def keep(self, spec: ModelSpec, model: Model, seed: int = 0) -> None:
        """Keeps a network that is loaded already as that of a spec."""
        own = seed if spec.weights == RANDOM_WEIGHTS else 0
        # A recipe says in which precision it was: what "auto" came to is the same network by another name.
        for each in (spec, replace(spec, precision=model.precision)):
            self._loaded.setdefault((each, own), model)


def check_code(recipe: AnyRecipe, allow_code: bool) -> None:
    """Raises `RecipeError` where a recipe's network is code, such as "mine.py:make_eye", that may not be run.

    Recipes travel within pictures, and a stranger's may name any code that lies on this machine.
    """
    if names_code(recipe.model) and not allow_code:
        raise RecipeError(
            f"the recipe's network {recipe.model} is code, which would be run: look at it, and if you trust it, "
            "say --allow-code (in Python, allow_code=True)"
        )
