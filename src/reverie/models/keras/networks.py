"""Builds the networks of keras.applications by name, with weights from Keras, from a file, or random."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from reverie.errors import UnknownName, WeightsError
from reverie.models.keras.engine import import_tensorflow, shorten_error
from reverie.models.keras.pictures import Preprocessing
from reverie.models.weights import check_host_known, make_download_error

log = logging.getLogger("reverie")

OWN_NAMES = {"inception_v3": "InceptionV3"}
"""Networks with a name of their own, and their constructors; all others are "keras:" and the constructor's name."""

DOWNLOAD_TIMEOUT = 20.0
"""Seconds without a byte from Keras's server after which a download fails."""


def list_keras_networks() -> tuple[str, ...]:
    """All names that `build_keras_network` knows."""
    return (*OWN_NAMES, *(f"keras:{name}" for name in _list_constructors()))


def build_keras_network(name: str, weights: str | Path | None = None, seed: int = 0) -> tuple[Any, Preprocessing]:
    """Build a network of keras.applications; returns it and its own preprocessing.

    `name` is "inception_v3" or "keras:ResNet50"; `weights` is None (Keras's own, from its cache or its server),
    "random" (drawn with `seed`), or a file: .h5 in Keras 2's layout, .weights.h5 or .keras. It has its top, except
    "inception_v3", which has none, and where the file has none.
    Raises `UnknownName`, `WeightsError` and `MissingExtra`.
    """
    import_tensorflow()
    constructors = _list_constructors()
    constructor = constructors.get(OWN_NAMES.get(name, name.removeprefix("keras:")))
    if constructor is None or not (name in OWN_NAMES or name.startswith("keras:")):
        raise UnknownName("Keras network", name, list_keras_networks())
    network = _build_with_top_or_without(constructor, name, weights, seed)
    return network, sys.modules[constructor.__module__].preprocess_input


def _build_with_top_or_without(
    constructor: Callable[..., Any], name: str, weights: str | Path | None, seed: int
) -> Any:
    """Build a network with its top, or without it where the weights have none. Raises WeightsError."""
    bare = {"include_top": False, "input_shape": (None, None, 3)}
    first_error: WeightsError | None = None
    for options in [bare] if name in OWN_NAMES else [{}, bare]:
        try:
            network = _construct_network(partial(constructor, **options), name, weights, seed)
        except WeightsError as error:
            first_error = first_error or error
            continue
        if first_error is not None:
            log.warning("%s is without its top, as its weights are, so without classes", name)
        return network
    assert first_error is not None
    raise first_error


def _list_constructors() -> dict[str, Callable[..., Any]]:
    """The constructors of keras.applications by name, such as "ResNet50"."""
    import_tensorflow()
    import keras

    found = {name: getattr(keras.applications, name) for name in dir(keras.applications) if name[0].isupper()}
    return {name: value for name, value in found.items() if callable(value)}


def _construct_network(constructor: Callable[..., Any], name: str, weights: str | Path | None, seed: int) -> Any:
    """Call a constructor and load the weights, see `build_keras_network`."""
    # Keras numbers the layers it names (conv2d, conv2d_1, ...) by a counter for each thread: in a new thread a network
    # always gets the same names, and nobody else's counter is touched.
    with ThreadPoolExecutor(1) as new_thread, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some constructors warn that they want a fixed size; others are Keras's own
        if weights is None:
            return _build_pretrained(new_thread.submit(partial(constructor, weights="imagenet")).result, name)
        with _seed_python_random(seed):
            network = new_thread.submit(partial(constructor, weights=None)).result()
    if str(weights) != "random":
        load_weights_file(network, Path(weights), name)
    return network


def _build_pretrained(build: Callable[[], Any], name: str) -> Any:
    """Build a network with Keras's own weights; Keras caches them and checks their MD5. Raises WeightsError."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras's download has no timeout of its own, and would wait for ever
    try:
        # Keras prints a progress bar, and stdout is for results.
        with contextlib.redirect_stdout(sys.stderr), check_hosts_first():
            return build()
    except WeightsError:
        raise
    except Exception as error:  # Keras raises a bare Exception when a download fails
        address = re.search(r"https?://\S+/([^/\s]+\.h5)", str(error))
        what = f"{address[1]} ({address[0]})" if address else f"the weights of {name}"
        raise WeightsError(
            f"cannot get {what}: {shorten_error(error)}; put the file into {_keras_cache_folder()}, "
            "or take the bundled network, which needs no download"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


@contextlib.contextmanager
def check_hosts_first() -> Iterator[None]:
    """Let Keras's downloads fail at once, within this context, if the server's name is unknown: it would wait long."""
    from keras.src.utils import file_utils

    get_file = file_utils.get_file

    def get_file_from_known_host(fname: str, origin: str, *args: Any, **kwargs: Any) -> Any:
        if not (path := _keras_cache_folder() / fname).is_file():
            try:
                check_host_known(origin)
            except OSError as error:
                raise make_download_error(path, origin, error) from error
        return get_file(fname, origin, *args, **kwargs)

    file_utils.get_file = get_file_from_known_host
    try:
        yield
    finally:
        file_utils.get_file = get_file


def _keras_cache_folder() -> Path:
    """The folder in which Keras caches weights."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"


def load_weights_file(network: Any, path: Path, name: str) -> None:
    """Load a network's weights from a file; nothing in the file is executed. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}")
    with tempfile.TemporaryDirectory() as folder:
        # Keras tells a file's layout from its name; a link with the right suffix lets the file have any name.
        link = Path(folder) / ("model" + _detect_layout(path))
        link.symlink_to(path.resolve())
        try:
            network.load_weights(link)
        except Exception as error:  # of a faulty file h5py and Keras raise OSError, KeyError, ValueError, ...
            raise WeightsError(f"{path} does not hold the weights of {name}: {shorten_error(error)}") from error


def _detect_layout(path: Path) -> str:
    """Detect a file's layout; returns the suffix by which Keras knows it. Raises WeightsError."""
    import h5py

    if path.suffix == ".keras":
        return ".keras"
    try:
        with h5py.File(path, "r") as file:
            keras2 = "layer_names" in file.attrs or "model_weights" in file
    except OSError as error:
        raise WeightsError(
            f"{path} is not a whole HDF5 file ({shorten_error(error)}): expected .h5, .weights.h5 or .keras"
        ) from error
    return ".h5" if keras2 else ".weights.h5"


@contextlib.contextmanager
def _seed_python_random(seed: int) -> Iterator[None]:
    """Seed Python's `random` within this context, from which Keras draws the seed of every layer; restore it after."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
