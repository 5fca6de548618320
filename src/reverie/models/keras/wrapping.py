"""Wraps a Keras model of the user's own as a `Model`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reverie.errors import SettingsError
from reverie.models.keras.model import KerasModel
from reverie.models.keras.pictures import Preprocessing, make_normalization

Statistics = Sequence[float] | float | None
"""The mean or the deviation of the color channels, on the scale 0..1; None: not said."""


def is_of_keras(thing: Any) -> bool:
    """Whether something is a layer or a model of Keras; TensorFlow is not imported to see it."""
    modules = {each.__module__.partition(".")[0] for each in type(thing).__mro__}
    return bool(modules & {"keras", "tf_keras"})


def check_left_to_tensorflow(device: str, precision: str) -> None:
    """Raise `SettingsError` for a device or a precision that TensorFlow does not let us choose."""
    if device not in ("auto", "cpu") or precision not in ("auto", "float32"):
        raise SettingsError("TensorFlow places its networks itself and computes in float32: leave device and precision")


def wrap_keras(
    network: Any, mean: Statistics, std: Statistics, name: str | None = None, class_names: Sequence[str] | None = None
) -> KerasModel:
    """Wrap a built Keras model, see `wrap`. Raises `SettingsError`."""
    import keras

    name = name or str(getattr(network, "name", type(network).__name__))
    if not isinstance(network, keras.Model):
        kind = "a layer" if isinstance(network, keras.layers.Layer) else "of Keras 2 (tf_keras)"
        way = "put it into a keras.Sequential" if kind == "a layer" else "save it as .keras or .h5, and load that"
        raise SettingsError(f"{name} is {kind}, and no keras.Model of Keras 3: {way}")
    return KerasModel(network, name, read_statistics(mean, std, name), class_names=class_names)


def read_statistics(mean: Statistics, std: Statistics, name: str) -> Preprocessing | None:
    """The preprocessing by the mean and the deviation of the colors; None where neither is said."""
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise SettingsError(
            f"{name} is given a {'mean' if std is None else 'std'} alone: expected mean and std, or none"
        )
    means, deviations = (
        [float(each) for each in (given if isinstance(given, Sequence) else [given])] for given in (mean, std)
    )
    if len(means) not in (1, 3) or len(deviations) != len(means) or not all(each > 0 for each in deviations):
        raise SettingsError(
            f"mean is {mean!r} and std {std!r}; expected three numbers each (one if gray), 0..1, std above 0"
        )
    return make_normalization(means, deviations)
