"""Weights brought here: downloaded once and verified, read without pickle, written whole.

A file is read as {name: tensor}, in the file's own order where it has one (Keras's has, and means it).
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from reverie._native.files import hash_file, write_file
from reverie.errors import WeightsError

log = logging.getLogger("reverie")

Progress = Callable[[int, int], None]
CONNECT, READ = 1.5, 20.0  # seconds to wait for a server to be found, and for its next bytes


def cache_folder() -> Path:
    """Where downloaded weights are kept: REVERIE_CACHE, else the user's cache folder."""
    import pooch

    return Path(os.environ.get("REVERIE_CACHE") or pooch.os_cache("reverie"))


def fetch(url: str, known_hash: str, name: str, progress: Progress | None = None) -> Path:
    """The file `name`, from the cache folder or, once, from `url`.

    `known_hash` is "md5:..." or "sha256:...", or how that begins (torch writes so much into a file's name);
    `progress(done, total)` is told the bytes. WeightsError: no network, another digest, a folder that cannot be
    written. A download cut off leaves nothing behind and starts anew next time.
    """
    path = cache_folder() / name
    if path.exists():
        _verify(path, known_hash, url)
        return path
    _make_folder(path.parent)
    _download(url, known_hash, path, progress)
    return path


def _verify(path: Path, known_hash: str, url: str) -> None:
    method, _, expected = known_hash.partition(":")
    got = _hash(path, method)
    if not got.startswith(expected):
        raise WeightsError(
            f"{path} has {method} {got}, expected {expected}: delete it, or put the file from {url} there"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {folder}: {error.strerror}; set REVERIE_CACHE to a folder you own"
        ) from error


def _download(url: str, known_hash: str, path: Path, progress: Progress | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # it would tell of every download on the terminal
    try:
        look_up(url)
        pooch.retrieve(url, None, fname=path.name, path=path.parent, downloader=_downloader(known_hash, progress))
    except (requests.RequestException, OSError) as error:
        raise out_of_reach(path, url, error) from error
    except ValueError as error:  # another digest; pooch has thrown the file away
        raise WeightsError(f"{url} gives another file than expected ({known_hash}); nothing was kept") from error


def _downloader(known_hash: str, progress: Progress | None) -> Callable[[str, str, Any], None]:
    """What pooch asks to put `url` into a temporary file of its own. ValueError for a file of another digest."""
    import requests

    def download(url: str, target: str, _: Any) -> None:
        with requests.get(url, stream=True, timeout=(CONNECT, READ)) as answer, Path(target).open("wb") as file:
            answer.raise_for_status()
            total = int(answer.headers.get("content-length", 0))
            for piece in answer.iter_content(1 << 20):
                file.write(piece)
                if progress is not None:
                    progress(file.tell(), total)
        method, _, expected = known_hash.partition(":")
        if not _hash(Path(target), method).startswith(expected):  # pooch would ask for the whole digest
            raise ValueError(known_hash)

    return download


def told(name: str) -> Progress:
    """Progress as words to the log: a line for each tenth of the file."""
    tenths = [-1]

    def tell(done: int, total: int) -> None:
        tenth = 10 * done // max(total, done, 1)
        if tenth > tenths[0]:
            tenths[0] = tenth
            log.info("downloading %s: %.0f of %.0f MB", name, done / 1e6, max(total, done) / 1e6)

    return tell


def look_up(url: str) -> None:
    """Raise OSError unless the server's name is known within CONNECT seconds; requests would wait much longer."""
    if urllib.request.getproxies():
        return  # the proxy looks it up
    parts = urlsplit(url)
    found: list[Any] = []
    asking = threading.Thread(target=_ask, args=(parts.hostname, parts.port or parts.scheme, found), daemon=True)
    asking.start()
    asking.join(CONNECT)
    if not found:
        raise OSError(f"no network, or {parts.hostname} is unknown to it")


def _ask(host: str, port: int | str, found: list[Any]) -> None:
    try:
        found += socket.getaddrinfo(host, port)
    except OSError:
        return


def out_of_reach(path: Path, url: str, error: Exception) -> WeightsError:
    """What is said of a file that should come to `path` and cannot."""
    return WeightsError(
        f"{path.name} could not be downloaded ({reason(error)}): put it at {path} by hand, from {url}; "
        "the bundled network squeezenet needs no download"
    )


def reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code}"
    return str(error) if type(error) is OSError else type(error).__name__


def digest(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return _hash(Path(path), "sha256")


def _hash(path: Path, method: str) -> str:
    try:
        return hash_file(path, method)
    except OSError as error:
        raise WeightsError(f"cannot read weights from {path}: {error.strerror}") from error


def save_weights(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write tensors as safetensors, whole or not at all. Raises WeightsError if the place cannot be written."""
    from safetensors.torch import save

    path = Path(path)
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    try:
        write_file(path, content)
    except OSError as error:
        raise WeightsError(f"cannot write weights to {path}: {error.strerror}") from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, a Keras `.h5` or `.weights.h5`, or a torch state dict (`.pt`, `.pth`).

    Keras's names are "layer/weight", or "layer/0", "layer/1", ... where it gives numbers only, in Keras's order.
    What a file is shows in its first bytes, not in its name. Nothing is unpickled. Raises WeightsError.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(9)
        return _reader(start, path)(path)
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
    except Exception as error:  # each reader has its own words for a file that is cut off or changed
        raise WeightsError(f"cannot read weights from {path}: it is damaged or cut off") from error


def _reader(start: bytes, path: Path) -> Callable[[Path], dict[str, Tensor]]:
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return _read_keras
    if start[8:] == b"{":
        return _read_safetensors
    if path.suffix in (".pt", ".pth"):
        return _read_state_dict
    raise WeightsError(f"{path} holds no weights: expected safetensors, Keras's .h5 or .weights.h5, or a torch .pt")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(tensors, dict):  # a checkpoint of a training keeps them beside the epoch and the like
        tensors = next((tensors[each] for each in KEPT_AS if isinstance(tensors.get(each), dict)), tensors)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(f"{path} holds no state dict: expected tensors by name")
    return tensors


KEPT_AS = ("state_dict", "model_state_dict", "model")
"""What trainings call the state dict within their checkpoints."""


def _read_keras(path: Path) -> dict[str, Tensor]:
    import h5py

    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        legacy = any(name.startswith("layer_names") for name in root.attrs)
        found = _legacy(root) if legacy else _numbered(root)
        tensors = {name: torch.from_numpy(data[()]) for name, data in found}
    if not tensors:
        raise WeightsError(f"{path} holds no weights of a Keras network")
    return tensors


def _legacy(root: Any) -> Iterator[tuple[str, Any]]:
    """A group per layer; attributes say the order of layers and, in each, of weights."""
    for layer in _names(root, "layer_names"):
        for weight in _names(root[layer], "weight_names"):
            yield f"{layer}/{weight.removeprefix(layer + '/')}", root[layer][weight]


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names; Keras cuts one that is too long for HDF5 into names0, names1, ..."""
    pieces = sorted((name for name in group.attrs if name.rstrip("0123456789") == attribute), key=_natural)
    return [name.decode() if isinstance(name, bytes) else str(name) for piece in pieces for name in group.attrs[piece]]


def _numbered(root: Any) -> Iterator[tuple[str, Any]]:
    """Keras 3: "layers/conv2d_7/vars/0"; layers of one kind are numbered in their order, the first has no number."""
    found: dict[str, Any] = {}
    root.visititems(lambda name, item: found.update({name: item}) if "/vars/" in name else None)
    for name in sorted(found, key=_natural):
        yield re.sub(r"^(layers|_layer_checkpoint_dependencies)/|(?<=/)vars/", "", name), found[name]


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
