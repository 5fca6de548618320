"""Finds the weights of torchvision and timm: in the libraries' own caches, else downloaded into ours, verified."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import torch

from reverie.errors import WeightsError
from reverie.models import weights
from reverie.models.weights import CONNECT, READ, DownloadProgress

HUGGING_FACE_URL = "https://huggingface.co"


def get_from_torch_hub(url: str, progress: DownloadProgress | None = None) -> Path:
    """Get the file of a URL of torch's hub, such as ".../resnet18-f37072fd.pth".

    Its name ends with the first digits of its SHA-256. Raises WeightsError.
    """
    name = Path(urlsplit(url).path).name
    known = re.search(r"-([0-9a-f]{8,})\.\w+$", name)
    if known is None:
        raise WeightsError(f"{url} says no digest of its own: download it yourself and give --weights {name}")
    cached = locate_in_torch_hub(name)
    if cached.is_file():
        return verify_cached_file(cached, known[1])
    return weights.fetch_weights(url, f"sha256:{known[1]}", name, progress or weights.make_progress_logger(name))


def locate_in_torch_hub(name: str) -> Path:
    """The place of a file in torch's own cache, whether it is there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def find_torch_hub_file(url: str) -> Path | None:
    """Find the file of a URL of torch's hub in torch's cache, or in ours, without verifying it; None: it is in neither.

    Nothing is downloaded.
    """
    name = Path(urlsplit(url).path).name
    return next((each for each in (locate_in_torch_hub(name), weights.cache_folder() / name) if each.is_file()), None)


def get_from_hugging_face(
    repository: str, file: str = "model.safetensors", progress: DownloadProgress | None = None
) -> Path:
    """Get a file of a repository of the Hugging Face hub. Raises WeightsError."""
    cached = find_in_hub_cache(repository, file)
    if cached is not None:
        # The cache's file is a link; the hub names what it points at by its SHA-256 (small files by another digest).
        return verify_cached_file(cached, cached.resolve().name)
    url = f"{HUGGING_FACE_URL}/{repository}/resolve/main/{file}"
    ours = locate_hub_file(repository, file)
    if ours.is_file():
        return ours  # verified when it was downloaded; its digest is known to the hub alone
    known = f"sha256:{request_published_digest(url, ours)}"
    return weights.fetch_weights(url, known, ours.name, progress or weights.make_progress_logger(ours.name))


def locate_hub_file(repository: str, file: str) -> Path:
    """The place in our cache of a file of the Hugging Face hub, whether it is there or not."""
    return weights.cache_folder() / f"{repository.replace('/', '--')}--{file}"


def find_in_hub_cache(repository: str, file: str) -> Path | None:
    """Find a file of the Hugging Face hub in that hub's own cache."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(repository, file)
    return Path(cached) if isinstance(cached, str) else None


def find_hugging_face_file(repository: str, file: str = "model.safetensors") -> Path | None:
    """Find a file of the Hugging Face hub in its cache, or in ours, without verifying it; None: it is in neither."""
    ours = locate_hub_file(repository, file)
    return find_in_hub_cache(repository, file) or (ours if ours.is_file() else None)


def verify_cached_file(path: Path, known: str) -> Path:
    """Return the file if its SHA-256 begins with `known`, or if `known` is no digest; else raise WeightsError."""
    if re.fullmatch(r"[0-9a-f]{8,64}", known) and not weights.hash_weights_file(path).startswith(known):
        raise WeightsError(f"{path} is damaged: its sha256 does not begin with {known[:12]}; delete it")
    return path


def request_published_digest(url: str, path: Path) -> str:
    """Ask the hub for the SHA-256 of a file that is to be downloaded to `path`. Raises WeightsError."""
    import requests

    try:
        weights.check_host_known(url)
        response = requests.head(url, allow_redirects=True, timeout=(CONNECT, READ))
        response.raise_for_status()
    except (requests.RequestException, OSError) as error:
        raise weights.make_download_error(path, url, error) from error
    # The hub itself sends the header, before it redirects to the server that holds the file.
    tags = [each.headers.get("X-Linked-Etag", "").strip('"') for each in (*response.history, response)]
    found = next((tag for tag in tags if re.fullmatch(r"[0-9a-f]{64}", tag)), None)
    if found is None:
        raise WeightsError(f"{url} says no sha256 of its own: download it yourself and put it at {path}")
    return found
