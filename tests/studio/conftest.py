"""A studio without its server: the routes of all rooms, over a workshop whose gallery is a temporary folder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn about while they are imported is not ours to mend
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

from reverie.errors import ReverieError
from reverie.studio.options import StudioOptions
from reverie.studio.rooms import list_routes
from reverie.studio.workshop import Workshop
from visiting import Visitor, tell_error


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(StudioOptions(gallery=tmp_path / "gallery", device="cpu", waiting=3))
    yield made
    made.close(60)


@pytest.fixture
def visitor(workshop: Workshop) -> Iterator[Visitor]:
    app = Starlette(routes=list_routes(workshop), exception_handlers={ReverieError: tell_error})
    with TestClient(app) as client:
        yield Visitor(client)
