"""The command line in this process: what is said, what it answers, and a folder to work in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from command import Answer, Command
from reverie.cli import main

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    log = logging.getLogger("reverie")
    before = log.handlers, log.propagate
    yield
    log.handlers, log.propagate = before


@pytest.fixture
def reverie(capsys: pytest.CaptureFixture[str]) -> Command:
    """Says words to the command line."""

    def say(*words: object) -> Answer:
        capsys.readouterr()
        return Answer(main([str(word) for word in words]), *capsys.readouterr())

    return say


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one photograph in it, `photo.jpg` of 120 x 80 pixels."""
    monkeypatch.chdir(tmp_path)
    with PIL.Image.open(DATA / "coffee.jpg") as picture:
        picture.resize((120, 80)).save("photo.jpg", quality=90)
    return tmp_path
