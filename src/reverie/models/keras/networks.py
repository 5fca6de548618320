"""Keras's own networks by name, with weights: from Keras, from a file, or random."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import re
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

from reverie.errors import MissingExtra, SettingsError, UnknownName, WeightsError
from reverie.models.weights import look_up, out_of_reach

OWN_NAMES = {"inception_v3": "InceptionV3"}
"""Networks that both engines have under one name; every other is `keras:` and the constructor's name."""

PATIENCE = 20.0
"""Seconds that Keras's server may stay silent."""


@cache
def tensorflow() -> Any:
    """TensorFlow, imported at the first call, without its greetings. Raises `MissingExtra`."""
    try:
        with _quiet_start():
            if "tensorflow" not in sys.modules:
                # triton, which torch may bring along, ends the process if it is loaded second.
                with contextlib.suppress(ImportError):
                    importlib.import_module("triton")
            import keras
            import tensorflow as tf

            for gpu in tf.config.list_physical_devices("GPU"):
                with contextlib.suppress(RuntimeError, ValueError):  # TensorFlow runs already: as its user has set it
                    tf.config.experimental.set_memory_growth(gpu, True)  # or it takes all of it, and torch has none
            tf.constant(0)  # starts its runtime, which greets too
    except ModuleNotFoundError as error:
        raise MissingExtra("the TensorFlow engine", "tensorflow") from error
    found = (keras.config.backend(), keras.config.image_data_format(), keras.config.floatx())
    wanted = ("tensorflow", "channels_last", "float32")
    if found != wanted:
        raise SettingsError(
            f"Keras is set to {', '.join(found)}; the TensorFlow engine needs {', '.join(wanted)}:"
            " see KERAS_BACKEND and keras.json in its folder"
        )
    return tf


def preprocessing(mode: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What turns (b, h, w, 3), 0..255, into what a network of that mode expects."""
    import keras

    if callable(mode):
        return mode
    if mode == "raw":
        return lambda x: x
    if mode not in ("tf", "caffe", "torch"):
        raise UnknownName("preprocessing", mode, ("tf", "caffe", "torch", "raw"))
    return partial(keras.applications.imagenet_utils.preprocess_input, mode=mode)


def network_names() -> tuple[str, ...]:
    """Every name that `build_network` knows."""
    return (*OWN_NAMES, *(f"keras:{name}" for name in _constructors()))


def build_network(name: str, weights: str | Path | None = None, seed: int = 0) -> tuple[Any, Callable[[Any], Any]]:
    """A network of keras.applications without its top, and its own preprocessing.

    `name` is "inception_v3" or "keras:ResNet50"; `weights` None (Keras's own, from its cache or its server), "random"
    (drawn with `seed`), or a file: .h5 in the old layout, .weights.h5 or .keras.
    Raises `UnknownName`, `WeightsError` and `MissingExtra`.
    """
    tensorflow()
    constructors = _constructors()
    constructor = constructors.get(OWN_NAMES.get(name, name.removeprefix("keras:")))
    if constructor is None or not (name in OWN_NAMES or name.startswith("keras:")):
        raise UnknownName("Keras network", name, network_names())
    build = partial(_build, constructor, name, weights, seed)
    # Keras numbers the layers it names (conv2d, conv2d_1, ...) by a counter for each thread: in a new one every network
    # gets the same names, and nobody else's counter is touched.
    with ThreadPoolExecutor(1) as fresh:
        network = fresh.submit(build).result()
    return network, sys.modules[constructor.__module__].preprocess_input


def _constructors() -> dict[str, Callable[..., Any]]:
    tensorflow()
    import keras

    found = {name: getattr(keras.applications, name) for name in dir(keras.applications) if name[0].isupper()}
    return {name: value for name, value in found.items() if callable(value)}


def _build(constructor: Callable[..., Any], name: str, weights: str | Path | None, seed: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some constructors would rather have a fixed size; the rest is Keras's affair
        build = partial(constructor, include_top=False, input_shape=(None, None, 3))
        if weights is None:
            return _download(partial(build, weights="imagenet"), name)
        with _seeded(seed):
            network = build(weights=None)
    if str(weights) != "random":
        _read(network, Path(weights), name)
    return network


def _download(build: Callable[[], Any], name: str) -> Any:
    """The network with Keras's own weights. Keras keeps them in its cache and checks their MD5."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # Keras's download has none of its own, and would wait for ever
    try:
        with contextlib.redirect_stdout(sys.stderr), asked_first():  # its progress bar: stdout is for results
            return build()
    except WeightsError:
        raise
    except Exception as error:  # Keras raises a bare Exception when a download fails
        address = re.search(r"https?://\S+/([^/\s]+\.h5)", str(error))
        what = f"{address[1]} ({address[0]})" if address else f"the weights of {name}"
        raise WeightsError(
            f"cannot get {what}: {one_line(error)}; put the file into {_folder()}, or take the bundled network,"
            " which needs no download"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)


@contextlib.contextmanager
def asked_first() -> Iterator[None]:
    """Keras downloads nothing from a server whose name is not known within moments; it would wait for much longer."""
    from keras.src.utils import file_utils

    get_file = file_utils.get_file

    def careful(fname: str, origin: str, *words: Any, **how: Any) -> Any:
        if not (path := _folder() / fname).is_file():
            try:
                look_up(origin)
            except OSError as error:
                raise out_of_reach(path, origin, error) from error
        return get_file(fname, origin, *words, **how)

    file_utils.get_file = careful
    try:
        yield
    finally:
        file_utils.get_file = get_file


def _folder() -> Path:
    """Where Keras keeps weights."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"


def _read(network: Any, path: Path, name: str) -> None:
    """Fill a network from a file; weights only, nothing in the file is run."""
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}")
    with tempfile.TemporaryDirectory() as folder:
        # Keras judges a layout by the file's name; a link with the right one lets a file be called anything.
        link = Path(folder) / ("model" + _layout(path))
        link.symlink_to(path.resolve())
        try:
            network.load_weights(link)
        except (
            Exception
        ) as error:  # h5py and Keras raise OSError, KeyError, ValueError, ... for what is wrong in a file
            raise WeightsError(f"{path} does not hold the weights of {name}: {one_line(error)}") from error


def _layout(path: Path) -> str:
    """The ending that tells Keras how a file is laid out."""
    import h5py

    if path.suffix == ".keras":
        return ".keras"
    try:
        with h5py.File(path, "r") as file:
            old = "layer_names" in file.attrs or "model_weights" in file
    except OSError as error:
        raise WeightsError(
            f"{path} is not a whole HDF5 file ({one_line(error)}): expected .h5, .weights.h5 or .keras"
        ) from error
    return ".h5" if old else ".weights.h5"


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras draws the seed of every layer from Python's `random`: seeded here, and given back as it was."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep TensorFlow's greetings (oneDNN, CUDA, processor) off stderr, unless TF_CPP_MIN_LOG_LEVEL asks for them.

    TensorFlow 2.21 writes some of them before it reads that variable, so the file descriptor itself is turned away.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages warn about while they are imported is not ours to mend
        if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
            yield
            return
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        sys.stderr.flush()
        kept = os.dup(2)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


def one_line(error: BaseException) -> str:
    """An error on one line, cut short: Keras writes pages."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def is_map(layer: Any) -> bool:
    """Whether a layer answers one (b, h, w, c) tensor, and is not the input itself."""
    import keras

    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # several outputs, or used in several places
        return False
    return len(shape) == 4 and not isinstance(layer, keras.layers.InputLayer)


def joins(layer: Any) -> bool:
    """Whether a layer brings branches together that are of equal rank: no gate that one is multiplied by."""
    import keras

    return isinstance(layer, (keras.layers.Add, keras.layers.Concatenate))


def answer_in_words(layer: Any) -> str:
    """What a layer answers with, in words."""
    try:
        return "x".join("?" if side is None else str(side) for side in layer.output.shape[1:]) or "one number"
    except (AttributeError, ValueError):
        return "several tensors"


def count(weights: list[Any]) -> int:
    return sum(int(weight.shape.num_elements()) for weight in weights)
