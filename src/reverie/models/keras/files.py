"""Reads whole Keras models from files: .keras, and .h5 as Keras 2 wrote it. No code in a file is ever run."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reverie.errors import WeightsError
from reverie.models.keras.engine import import_tensorflow, shorten_error
from reverie.models.keras.networks import load_weights_file

TRUST = (
    "if you trust it, load it yourself (keras.saving.load_model, with safe_mode=False) and hand it to rv.wrap, "
    "at the command line by a factory: --model mine.py:NAME"
)
"""What to do with a file that needs Python code: the end of a message."""


def read_keras_network(path: Path, weights: Path | None = None) -> Any:
    """Read a Keras model from a file, .keras or .h5; `weights`: a file of other weights for it.

    Raises `WeightsError` for a file that is missing, damaged or no whole model, and for one that needs Python code: a
    Lambda layer's, which is in the file, or that of a layer of the user's own, which is not.
    """
    if not path.is_file():
        raise WeightsError(f"there is no Keras model {path}")
    code = next(find_lambdas(read_config(path)), None)
    if code is not None:
        raise WeightsError(f"{path} holds Python code, the Lambda layer {code}, which is not run: {TRUST}")
    import_tensorflow()
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of a faulty file Keras raises ValueError, TypeError, KeyError, OSError, ...
        missing = re.search(r"(?:ould not locate (?:class|function)|nknown layer:) '(\w+)'", str(error))
        if missing:
            raise WeightsError(f"{path} needs the code of {missing[1]}, which is not in it: {TRUST}") from error
        raise WeightsError(f"cannot read the Keras model {path}: {shorten_error(error)}") from error
    if weights is not None:
        load_weights_file(network, weights, str(path))
    return network


def read_config(path: Path) -> Any:
    """Read how a Keras model is built, as JSON, from its file. Raises `WeightsError`."""
    import h5py

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is no Keras model, or is damaged ({shorten_error(error)}): expected what model.save wrote"
        ) from error
    if config is None:
        raise WeightsError(
            f"{path} holds weights alone, and not the model that they are of: name it, "
            f"as in --model keras:ResNet50 --weights {path.name}, or save the whole model as .keras"
        )
    return json.loads(config)


def find_lambdas(config: Any) -> Iterator[str]:
    """The names of the Lambda layers, or of other Python code, within the JSON of a model's configuration."""
    if isinstance(config, dict):
        if config.get("class_name") in ("Lambda", "__lambda__"):
            inner = config.get("config")
            yield str(inner.get("name", "lambda") if isinstance(inner, dict) else "lambda")
        for value in config.values():
            yield from find_lambdas(value)
    elif isinstance(config, list):
        for value in config:
            yield from find_lambdas(value)
