"""Starts TensorFlow and Keras, silently and once, when the first network needs them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from reverie.errors import MissingExtra, SettingsError


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
