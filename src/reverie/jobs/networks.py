"""Networks that are loaded once, however many jobs they dream."""

from __future__ import annotations

from dataclasses import replace

from reverie.models.catalog import RANDOM_WEIGHTS
from reverie.models.load import load_model
from reverie.models.spec import ModelSpec
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

    def keep(self, spec: ModelSpec, model: Model, seed: int = 0) -> None:
        """Keeps a network that is loaded already as that of a spec."""
        own = seed if spec.weights == RANDOM_WEIGHTS else 0
        # A recipe says in which precision it was: what "auto" came to is the same network by another name.
        for each in (spec, replace(spec, precision=model.precision)):
            self._loaded.setdefault((each, own), model)
