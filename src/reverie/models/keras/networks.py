"""Builds the networks of keras.applications by name, with weights from Keras, from a file, or random."""

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
from reverie.models.weights import check_host_known, make_download_error

OWN_NAMES = {"inception_v3": "InceptionV3"}
"""Networks with a name of their own, and their constructors; all others are "keras:" and the constructor's name."""

DOWNLOAD_TIMEOUT = 20.0
"""Seconds without a byte from Keras's server after which a download fails."""


@cache
def import_tensorflow() -> Any:
    """Import TensorFlow at the first call, without its startup messages.

    Raises `MissingExtra` where it is not installed, and `SettingsError` where Keras is set to another backend, image
    format or float type.
    """
    try:
        with _silence_startup():
            if "tensorflow" not in sys.modules:
                # triton, which torch may bring along, crashes the process if it is loaded after TensorFlow.
                with contextlib.suppress(ImportError):
                    importlib.import_module("triton")
            import keras
            import tensorflow as tf

            for gpu in tf.config.list_physical_devices("GPU"):
                with contextlib.suppress(RuntimeError, ValueError):  # its runtime has started: as its user set it
                    tf.config.experimental.set_memory_growth(gpu, True)  # else it allocates all memory, torch gets none
            tf.constant(0)  # starts the runtime, which prints messages too
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


def make_preprocessing(mode: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make the function that turns images (b, h, w, 3), 0..255, into what a network of that mode expects.

    `mode`: see `KerasModel`. Raises `UnknownName`.
    """
    import keras

    if callable(mode):
        return mode
    if mode == "raw":
        return lambda x: x
    if mode not in ("tf", "caffe", "torch"):
        raise UnknownName("preprocessing", mode, ("tf", "caffe", "torch", "raw"))
    return partial(keras.applications.imagenet_utils.preprocess_input, mode=mode)


def list_keras_networks() -> tuple[str, ...]:
    """All names that `build_keras_network` knows."""
    return (*OWN_NAMES, *(f"keras:{name}" for name in _list_constructors()))


def build_keras_network(
    name: str, weights: str | Path | None = None, seed: int = 0
) -> tuple[Any, Callable[[Any], Any]]:
    """Build a network of keras.applications without its top; returns it and its own preprocessing.

    `name` is "inception_v3" or "keras:ResNet50"; `weights` is None (Keras's own, from its cache or its server),
    "random" (drawn with `seed`), or a file: .h5 in Keras 2's layout, .weights.h5 or .keras.
    Raises `UnknownName`, `WeightsError` and `MissingExtra`.
    """
    import_tensorflow()
    constructors = _list_constructors()
    constructor = constructors.get(OWN_NAMES.get(name, name.removeprefix("keras:")))
    if constructor is None or not (name in OWN_NAMES or name.startswith("keras:")):
        raise UnknownName("Keras network", name, list_keras_networks())
    build = partial(_construct_network, constructor, name, weights, seed)
    # Keras numbers the layers it names (conv2d, conv2d_1, ...) by a counter for each thread: in a new thread a network
    # always gets the same names, and nobody else's counter is touched.
    with ThreadPoolExecutor(1) as new_thread:
        network = new_thread.submit(build).result()
    return network, sys.modules[constructor.__module__].preprocess_input


def _list_constructors() -> dict[str, Callable[..., Any]]:
    """The constructors of keras.applications by name, such as "ResNet50"."""
    import_tensorflow()
    import keras

    found = {name: getattr(keras.applications, name) for name in dir(keras.applications) if name[0].isupper()}
    return {name: value for name, value in found.items() if callable(value)}


def _construct_network(constructor: Callable[..., Any], name: str, weights: str | Path | None, seed: int) -> Any:
    """Call a constructor and load the weights, see `build_keras_network`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some constructors warn that they want a fixed size; others are Keras's own
        build = partial(constructor, include_top=False, input_shape=(None, None, 3))
        if weights is None:
            return _build_pretrained(partial(build, weights="imagenet"), name)
        with _seed_python_random(seed):
            network = build(weights=None)
    if str(weights) != "random":
        _load_weights_file(network, Path(weights), name)
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


def _load_weights_file(network: Any, path: Path, name: str) -> None:
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


@contextlib.contextmanager
def _silence_startup() -> Iterator[None]:
    """Keep TensorFlow's startup messages (oneDNN, CUDA, CPU) off stderr, unless TF_CPP_MIN_LOG_LEVEL is set.

    TensorFlow 2.21 writes some of them before it reads that variable, so the file descriptor itself is redirected.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of warnings that other packages raise at import, none can be mended here
        if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
            yield
            return
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        sys.stderr.flush()
        stderr = os.dup(2)
        with open(os.devnull, "w") as devnull:  # noqa: PTH123
            os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


def shorten_error(error: BaseException) -> str:
    """The text of an error on one line, shortened: Keras's errors run over pages."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def is_feature_map(layer: Any) -> bool:
    """Whether a layer's output is a single feature map (b, h, w, c), and it is not the input layer."""
    import keras

    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # several outputs, or called several times
        return False
    return len(shape) == 4 and not isinstance(layer, keras.layers.InputLayer)


def joins_branches(layer: Any) -> bool:
    """Whether a layer adds or concatenates branches; a gate, which multiplies, does not count."""
    import keras

    return isinstance(layer, (keras.layers.Add, keras.layers.Concatenate))


def describe_layer_output(layer: Any) -> str:
    """Describe the output of a layer in words, by its shape."""
    try:
        return "x".join("?" if side is None else str(side) for side in layer.output.shape[1:]) or "one number"
    except (AttributeError, ValueError):
        return "several tensors"


def count_numbers(weights: list[Any]) -> int:
    """Count the numbers in a list of Keras's weights."""
    return sum(int(weight.shape.num_elements()) for weight in weights)
