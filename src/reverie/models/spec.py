"""Which network, and how it runs, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reverie.errors import SettingsError
from reverie.models.catalog import DEFAULT_MODEL


@dataclass(frozen=True)
class ModelSpec:
    """A network by name, and how it shall run. Every default of these has its home here.

    `name`: as `available_models` lists them, or of another library, such as "timm:convnext_tiny.fb_in22k".
    `weights`: a file (safetensors, Keras's .h5, a torch state dict), "random" for an untrained network, or None for the
    network's own. `engine`: "torch" or "tensorflow". `device`: "auto", "cpu", "cuda" or "mps". `precision`: "auto",
    "float32" or "bfloat16".

    >>> import reverie as rv
    >>> rv.load_model(rv.ModelSpec("squeezenet", precision="float32"))
    <squeezenet: ... layers, float32, ...>
    """

    name: str = DEFAULT_MODEL
    weights: str | None = None
    engine: str = "torch"
    device: str = "auto"
    precision: str = "auto"


def require_model(model: Any) -> None:
    """Raises `SettingsError` for what is no `Model`, such as the name of one, or a module that is not wrapped."""
    if not callable(model) or not all(hasattr(model, name) for name in ("name", "layers", "device", "precision")):
        said = repr(model) if isinstance(model, str) else f"a value of the type {type(model).__name__}"
        raise SettingsError(f'{said} is no model; expected rv.load_model("squeezenet"), or rv.wrap of your own network')
