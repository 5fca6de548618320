"""Downloads weights once and verifies them, reads them without unpickling, writes them whole or not at all.

A file is read as {name: tensor}, in the file's own order where it has one (Keras's has one, and it matters: see
`networks.inception_weights`).
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from reverie._native.files import hash_file, write_file
from reverie.errors import WeightsError
from reverie.models.keras.hdf5 import read_keras_archive, read_keras_weights

log = logging.getLogger("reverie")

DownloadProgress = Callable[[int, int], None]
"""`progress(done, total)` in bytes; `total` is 0 where the server does not tell it."""

CONNECT, READ = 1.5, 20.0  # seconds to wait for the server's name or a connection, and for its next bytes


def cache_folder() -> Path:
    """The folder of downloaded weights: REVERIE_CACHE from the environment, else the user's cache folder."""
    import pooch

    return Path(os.environ.get("REVERIE_CACHE") or pooch.os_cache("reverie"))


def fetch_weights(url: str, known_hash: str, name: str, progress: DownloadProgress | None = None) -> Path:
    """Get the file `name` from the cache folder; if it is not there, download it from `url` first.

    `known_hash` is "md5:..." or "sha256:..." in hexadecimal, or a prefix of that (torch writes the first eight digits
    into a file's name). `progress(done, total)` is called with the bytes. An interrupted download leaves nothing behind
    and starts anew next time. Raises WeightsError: no network, another digest, a folder that cannot be written.
    """
    path = cache_folder() / name
    if path.exists():
        _verify_digest(path, known_hash, url)
        return path
    _make_folder(path.parent)
    _download_file(url, known_hash, path, progress)
    return path


def _verify_digest(path: Path, known_hash: str, url: str) -> None:
    """Raise WeightsError unless a cached file's digest begins as `known_hash` says."""
    method, _, expected = known_hash.partition(":")
    got = _compute_digest(path, method)
    if not got.startswith(expected):
        raise WeightsError(
            f"{path} has {method} {got}, expected {expected}: delete it, or put the file from {url} there"
        )


def _make_folder(folder: Path) -> None:
    """Make the folder, and raise WeightsError unless files can be written there: before the download, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {folder}: {error.strerror}; set REVERIE_CACHE to a folder you own"
        ) from error


def _download_file(url: str, known_hash: str, path: Path, progress: DownloadProgress | None) -> None:
    """Download a file to `path`, whole or not at all. Raises WeightsError."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # by default it reports every download on the terminal
    try:
        check_host_known(url)
        pooch.retrieve(url, None, fname=path.name, path=path.parent, downloader=_make_downloader(known_hash, progress))
    except (requests.RequestException, OSError) as error:
        raise make_download_error(path, url, error) from error
    except ValueError as error:  # another digest; pooch has deleted the file
        raise WeightsError(f"{url} gives another file than expected ({known_hash}); nothing was kept") from error


def _make_downloader(known_hash: str, progress: DownloadProgress | None) -> Callable[[str, str, Any], None]:
    """Make the function that pooch calls to download `url` to a temporary file.

    It raises ValueError for a file of another digest.
    """
    import requests

    def download(url: str, target: str, _: Any) -> None:
        with requests.get(url, stream=True, timeout=(CONNECT, READ)) as response, Path(target).open("wb") as file:
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0))
            for chunk in response.iter_content(1 << 20):
                file.write(chunk)
                if progress is not None:
                    progress(file.tell(), total)
        method, _, expected = known_hash.partition(":")
        if not _compute_digest(Path(target), method).startswith(expected):  # checked here: pooch wants the whole digest
            raise ValueError(known_hash)

    return download


def make_progress_logger(name: str) -> DownloadProgress:
    """Make a progress callback that logs a line for each tenth of the file."""
    logged = -1

    def log_tenth(done: int, total: int) -> None:
        nonlocal logged
        tenth = 10 * done // max(total, done, 1)
        if tenth > logged:
            logged = tenth
            log.info("downloading %s: %.0f of %.0f MB", name, done / 1e6, max(total, done) / 1e6)

    return log_tenth


def check_host_known(url: str) -> None:
    """Raise OSError unless DNS knows the server's name within CONNECT seconds; requests would wait much longer."""
    if urllib.request.getproxies():
        return  # the proxy resolves names itself
    parts = urlsplit(url)
    found: list[Any] = []
    # getaddrinfo has no timeout, so it runs in a thread that is left behind when time is up.
    lookup = threading.Thread(
        target=_resolve_host, args=(parts.hostname, parts.port or parts.scheme, found), daemon=True
    )
    lookup.start()
    lookup.join(CONNECT)
    if not found:
        raise OSError(f"no network, or {parts.hostname} is unknown to it")


def _resolve_host(host: str, port: int | str, found: list[Any]) -> None:
    """Append the addresses of a host to `found`; nothing if it is unknown."""
    try:
        found += socket.getaddrinfo(host, port)
    except OSError:
        return


def make_download_error(path: Path, url: str, error: Exception) -> WeightsError:
    """Make the error for a file that cannot be downloaded to `path`: it says how to put it there by hand."""
    return WeightsError(
        f"{path.name} could not be downloaded ({describe_download_failure(error)}): "
        f"put it at {path} by hand, from {url}; the bundled network squeezenet needs no download"
    )


def describe_download_failure(error: Exception) -> str:
    """Say in a few words why a download failed."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code}"
    return str(error) if type(error) is OSError else type(error).__name__


def hash_weights_file(path: str | Path) -> str:
    """The SHA-256 of a weights file, in hexadecimal. Raises WeightsError if it cannot be read."""
    return _compute_digest(Path(path), "sha256")


def _compute_digest(path: Path, method: str) -> str:
    """The digest of a file by "sha256" or "md5", in hexadecimal. Raises WeightsError if it cannot be read."""
    try:
        return hash_file(path, method)
    except OSError as error:
        raise WeightsError(f"cannot read weights from {path}: {error.strerror}") from error


def save_weights(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write tensors by name as safetensors, whole or not at all. Raises WeightsError if `path` cannot be written."""
    from safetensors.torch import save

    path = Path(path)
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    try:
        write_file(path, content)
    except OSError as error:
        raise WeightsError(f"cannot write weights to {path}: {error.strerror}") from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a file: safetensors, a Keras `.h5`, `.weights.h5` or `.keras`, a torch state dict (`.pt`).

    Keras's tensors are named "layer/weight", or "layer/0", "layer/1", ... where the file only numbers them, and come in
    Keras's order. The format is told from the first bytes, not from the name. Nothing is unpickled.
    Raises WeightsError for a file that cannot be read, is damaged, or has another format.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(9)
        return _choose_reader(start, path)(path)
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is a pickle that could run a program of its own, or is damaged: save it as safetensors"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"cannot read weights from {path}: {error.strerror or 'it is damaged or cut off'}"
        ) from error
    except Exception as error:  # each library raises errors of its own for a file that is cut off or changed
        raise WeightsError(f"cannot read weights from {path}: it is damaged or cut off") from error


def _choose_reader(start: bytes, path: Path) -> Callable[[Path], dict[str, Tensor]]:
    """Choose the reader for a file that begins with `start` (9 bytes). Raises WeightsError for another format."""
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_keras_weights
    if path.suffix == ".keras" and start.startswith(b"PK"):
        return read_keras_archive
    if start[8:] == b"{":  # safetensors: eight bytes for the length of the header, then the header, a JSON object
        return _read_safetensors
    if path.suffix in (".pt", ".pth"):
        return _read_state_dict
    raise WeightsError(
        f"{path} holds no weights: expected safetensors, Keras's .h5, .weights.h5 or .keras, or a torch .pt"
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(tensors, dict):  # a training checkpoint holds the state dict beside the epoch and the like
        tensors = next((tensors[each] for each in CHECKPOINT_KEYS if isinstance(tensors.get(each), dict)), tensors)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(f"{path} holds no state dict: expected tensors by name")
    return tensors


CHECKPOINT_KEYS = ("state_dict", "model_state_dict", "model")
"""The keys under which training checkpoints hold the state dict."""
