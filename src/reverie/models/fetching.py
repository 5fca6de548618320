"""Weights of networks by name: whether they are on this machine, and how they come here."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from reverie.errors import MissingExtra, WeightsError
from reverie.models import weights
from reverie.models.catalog import ENTRIES, KERAS, LIBRARIES, find_entry
from reverie.models.weights import DownloadProgress
from reverie.models.zoo.load import import_library, import_library_module


def find_network_file(name: str) -> Path | None:
    """Find the file of a network's own weights on this machine, not verified; None: it would have to be downloaded.

    Raises UnknownName, and MissingExtra where its library is not installed.
    """
    if name.partition(":")[0] in LIBRARIES:
        library, network = import_library(name)
        return library.find_local_file(network)
    entry = find_entry(name)
    if not entry.file:
        return None
    bundled = Path(str(resources.files("reverie").joinpath("data", entry.file)))
    cached = weights.cache_folder() / entry.file
    return next((each for each in (bundled, cached) if each.is_file()), None)


def fetch_network_file(name: str, progress: DownloadProgress) -> Path:
    """Get the file of a network's own weights, verified; it is downloaded if it is not on this machine.

    Raises WeightsError, UnknownName, and MissingExtra where its library is not installed.
    """
    if name.partition(":")[0] in LIBRARIES:
        library, network = import_library(name)
        return library.find_weights_file(network, progress)
    entry = find_entry(name)
    if not entry.file:
        raise WeightsError(f"the weights of {name} are not fetched beforehand: they come when it is loaded")
    if not entry.url:
        return Path(str(resources.files("reverie").joinpath("data", entry.file)))
    return weights.fetch_weights(entry.url, entry.digest, entry.file, progress)


def list_local_networks() -> list[str]:
    """The names of all networks whose own weights are on this machine, as far as their libraries are installed."""
    found = [name for name in ENTRIES if find_network_file(name) is not None]
    for title in LIBRARIES:
        if find_spec(title) is not None:
            found += list_local_of(title)
    return found


def list_local_of(title: str) -> list[str]:
    """The names of a library's networks whose weights are on this machine."""
    library = import_library_module(title)
    return [f"{title}:{each}" for each in library.list_published() if library.find_local_file(each) is not None]


EXTRAS = {"torchvision": ("zoo", "torchvision"), "timm": ("zoo", "timm"), KERAS: ("tensorflow", "tensorflow")}
"""What networks of other libraries need: the extra, and the module that it installs."""


def tell_missing_extra(name: str) -> str | None:
    """What is to be installed for a network, in one line; None: nothing."""
    extra, module = EXTRAS.get(name.partition(":")[0], ("", ""))
    return str(MissingExtra(name, extra)) if module and find_spec(module) is None else None
