"""Every public docstring has an example, and every example gives what it says."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import reverie as rv

ROOT = Path(__file__).parent.parent
PUBLIC: list[str] = vars(rv)["__all__"]

WITHOUT = {"Gradient", "Image", "ReverieError", "Scorer", "__version__"}
"""Names of types, which are written in annotations, and of the base of all errors."""

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples speak of examples/astronaut.jpg; they may write beside it. A small one dreams quickly."""
    (tmp_path / "examples").mkdir()
    with PIL.Image.open(ROOT / "examples" / "astronaut.jpg") as photo:
        photo.resize((96, 96)).save(tmp_path / "examples" / "astronaut.jpg")
    monkeypatch.chdir(tmp_path)


def find_examples(name: str) -> list[doctest.DocTest]:
    """The examples of a public name, with those of its methods."""
    thing: Any = getattr(rv, name)
    found = doctest.DocTestFinder(exclude_empty=True).find(thing, name, globs={})
    return [each for each in found if each.examples]


@pytest.mark.bundled
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", PUBLIC)
def test_the_examples_of_a_public_name_hold(name: str) -> None:
    examples = find_examples(name)
    thing = getattr(rv, name)
    documented = inspect.isclass(thing) or inspect.isroutine(thing)
    assert examples or name in WITHOUT or not documented, f"{name} has no example"
    for each in examples:
        each.globs = {}
        told: list[str] = []
        failed = doctest.DocTestRunner(optionflags=FLAGS).run(each, out=told.append).failed
        assert not failed, "".join(told)
