"""Weights of other libraries: where they keep them already, or brought into our cache once, verified."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import torch

from reverie.errors import WeightsError
from reverie.models import weights
from reverie.models.weights import CONNECT, READ

HUGGING_FACE = "https://huggingface.co"


def from_torch_hub(url: str) -> Path:
    """The file of a url as torch's hub names it, "resnet18-f37072fd.pth": the name holds how its SHA-256 begins."""
    name = Path(urlsplit(url).path).name
    known = re.search(r"-([0-9a-f]{8,})\.\w+$", name)
    if known is None:
        raise WeightsError(f"{url} says no digest of its own: download it yourself and give --weights {name}")
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if cached.is_file():
        return verified(cached, known[1])
    return weights.fetch(url, f"sha256:{known[1]}", name, weights.told(name))


def from_hugging_face(repository: str, file: str = "model.safetensors") -> Path:
    """A file of the Hugging Face hub. The hub names large files in its cache by their SHA-256."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return verified(Path(cached), Path(cached).resolve().name)
    url = f"{HUGGING_FACE}/{repository}/resolve/main/{file}"
    name = f"{repository.replace('/', '--')}--{file}"
    if (ours := weights.cache_folder() / name).is_file():
        return ours
    return weights.fetch(url, f"sha256:{published(url, ours)}", name, weights.told(name))


def verified(path: Path, known: str) -> Path:
    """The file, if its SHA-256 begins as `known` says; a name that is no digest says nothing. WeightsError."""
    if re.fullmatch(r"[0-9a-f]{8,64}", known) and not weights.digest(path).startswith(known):
        raise WeightsError(f"{path} is damaged: its sha256 does not begin with {known[:12]}; delete it")
    return path


def published(url: str, path: Path) -> str:
    """The SHA-256 that the hub publishes of a file, asked before the file itself. WeightsError."""
    import requests

    try:
        weights.look_up(url)
        answer = requests.head(url, allow_redirects=True, timeout=(CONNECT, READ))
        answer.raise_for_status()
    except (requests.RequestException, OSError) as error:
        raise weights.out_of_reach(path, url, error) from error
    tags = [each.headers.get("X-Linked-Etag", "").strip('"') for each in (*answer.history, answer)]
    found = next((tag for tag in tags if re.fullmatch(r"[0-9a-f]{64}", tag)), None)
    if found is None:
        raise WeightsError(f"{url} says no sha256 of its own: download it yourself and put it at {path}")
    return found
