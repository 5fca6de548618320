"""What every test shares. Shapes in annotations are checked here, and only here, at run time."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# `Settings` is not among them: what a file says arrives there unchecked, and it refuses what does not fit by itself.
SOURCE = Path(__file__).parent.parent / "src" / "reverie"
CHECKED = [f"reverie.{path.stem}" for path in SOURCE.iterdir() if path.stem not in ("__init__", "settings")]
install_import_hook(CHECKED, "checker.checked")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn about while they are imported is not ours to mend
    import torch

    with contextlib.suppress(ImportError):
        importlib.import_module("triton")  # before any test imports keras: see `reverie.models.keras.networks`

from reverie.models import extensions  # noqa: E402
from reverie.models.torch_model import TorchModel  # noqa: E402
from reverie.types import Image  # noqa: E402
from silent import SilentNetwork  # noqa: E402
from tiny import TinyNetwork  # noqa: E402

torch.set_num_threads(1)  # two pytest workers on two cores: more threads would only spin

settings.register_profile("laws", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("laws")


@pytest.fixture(scope="session")
def tiny() -> TorchModel:
    """A small random network: the same laws as a large one, in a millisecond."""
    return TorchModel(TinyNetwork(), "tiny", "0" * 64, device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test registers under a name is unknown to the next."""
    monkeypatch.setattr(extensions, "_registered", {})


@pytest.fixture
def noise() -> Image:
    """Two pictures of noise around gray, (2, 3, 40, 48)."""
    return 0.3 + 0.4 * torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def silent_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentNetwork]:
    """No server's name is ever resolved, and no proxy resolves it for us; the wait for it is cut short."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    network = SilentNetwork()
    monkeypatch.setattr(socket, "getaddrinfo", network)
    monkeypatch.setattr("reverie.models.weights.CONNECT", 0.05)
    yield network
    network.over.set()
