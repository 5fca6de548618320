"""An outsider's file is used from the command line; code that a stranger's picture names is not run unless told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reverie as rv
from command import Command
from extension import write_file, write_package
from reverie.errors import RecipeError
from reverie.models import extensions

SMALL = ("--size", 64, "--octaves", 2, "--steps", 2)
NETWORK = ("--model", "mine.py:make_eye")


@pytest.fixture(autouse=True)
def fresh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder with the file in it, and nothing of it imported yet."""
    write_file(folder)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    forget(monkeypatch)
    yield
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(extensions, "_registered", {})
    for name in [name for name in sys.modules if name.startswith(("mine_", "outsider"))]:
        del sys.modules[name]


def was_run() -> bool:
    return any(name.startswith("mine_") for name in sys.modules)


def test_one_file_brings_network_objective_and_preset(reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("photo.jpg", *NETWORK, "--objective", "winner(shapes) - calm(edges)", "--preset", "mist", "--size", 64)
    assert reverie("dream", *said, "-o", "a.png").code == 0
    recipe = rv.Recipe.from_file("a.png")
    assert (recipe.model, recipe.objective) == ("mine.py:make_eye", "winner(shapes) - calm(edges)")
    assert (recipe.settings.smoothing, recipe.settings.steps) == (1.5, 2)
    forget(monkeypatch)
    assert reverie("run", "a.png", "--allow-code", "-o", "b.png").code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_an_objective_of_ones_own_for_a_known_network(reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("photo.jpg", "--objective", "winner(fire2)", *SMALL)
    assert "no objective is called winner(...)" in reverie("dream", *said).err
    assert reverie("dream", *said, "--extension", "mine.py", "-o", "a.png").code == 0
    forget(monkeypatch)
    refused = reverie("run", "a.png", "-o", "b.png")
    assert refused.code == 2 and "for one of your own, say --extension FILE" in refused.err and not was_run()
    assert reverie("run", "a.png", "--extension", "mine.py", "-o", "b.png").code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_every_command_knows_what_is_registered(reverie: Command) -> None:
    mine = ("--extension", "mine.py")
    assert "eye" in [row["name"] for row in json.loads(reverie("models", "--json", *mine).out)]
    assert "mist" in [row["name"] for row in json.loads(reverie("presets", "--json", *mine).out)]
    assert [row["layer"] for row in json.loads(reverie("layers", "eye", "--json", *mine).out)["layers"]] == [
        "edges",
        "shapes",
    ]
    small = ("--model", "eye", "--size", 64, "--steps", 2, *mine)
    assert reverie("visualize", "winner(shapes)", *small, "-o", "v.png").code == 0
    assert reverie("channels", "photo.jpg", *small, "-o", "sheet.png").code == 0
    assert rv.read_recipe("v.png").model == "eye" and Path("sheet.png").exists()


def test_a_package_is_known_without_a_word(reverie: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_package(folder)
    monkeypatch.syspath_prepend(folder)
    said = ("photo.jpg", "--model", "eye", "--objective", "winner(shapes)", "--preset", "mist", "--size", 64)
    assert reverie("dream", *said, "-o", "a.png").code == 0
    assert reverie("run", "a.png", "-o", "b.png").code == 0, "what is installed needs no leave"
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    listed = reverie("presets")
    assert listed.code == 0 and "mist" in listed.out
    assert "reverie: the preset 'gone' of outsider (outsider_gone:gone) cannot be imported" in listed.err
    assert "outsider (outsider:make_eye)" in reverie("models", "--json").out


@pytest.mark.parametrize("kind", ["dream", "visualize"])
def test_code_of_a_recipe_is_not_run_unless_told(kind: str, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    wish = ("photo.jpg", "--objective", "shapes") if kind == "dream" else ("shapes",)
    assert reverie(kind, *wish, *NETWORK, "--size", 64, "--steps", 2, "-o", "strange.png").code == 0
    forget(monkeypatch)
    for said in (
        ("run", "strange.png"),
        ("dream", "--config", "strange.png"),
        ("visualize", "--config", "strange.png"),
    ):
        refused = reverie(*said)
        assert refused.code == 2 and refused.err.count("\n") == 1, said
        assert "mine.py:make_eye" in refused.err and "code" in refused.err and not was_run(), said
    with pytest.raises(RecipeError, match=r"is code, which would be run: .*allow_code=True"):
        rv.run(rv.read_recipe("strange.png"))
    assert not was_run()
    assert reverie("show", "strange.png").code == 0 and not was_run()
    if kind == "dream":
        assert reverie("caption", "strange.png").code == 2 and not was_run()
    assert rv.run(rv.read_recipe("strange.png"), allow_code=True).shape[1] == 3 and was_run()


def test_what_the_user_names_on_the_command_line_may_run(reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reverie("dream", "photo.jpg", *NETWORK, "--objective", "shapes", *SMALL, "-o", "strange.png").code == 0
    forget(monkeypatch)
    assert reverie("dream", "photo.jpg", "--config", "strange.png", *NETWORK, "-o", "c.png").code == 0


def test_code_is_found_beside_the_picture_that_names_it(
    reverie: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reverie("dream", "photo.jpg", *NETWORK, "--objective", "winner(shapes)", *SMALL, "-o", "a.png").code == 0
    forget(monkeypatch)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert reverie("run", "../a.png", "--allow-code", "-o", "b.png").code == 0
    assert rv.Recipe.from_file("b.png").model == "../mine.py:make_eye"


def test_an_extension_that_cannot_be_imported_is_told_in_a_line(reverie: Command) -> None:
    Path("broken.py").write_text("x = 1 / 0")
    refused = reverie("dream", "photo.jpg", "--extension", "broken.py")
    assert refused.code == 2 and refused.err == (
        "reverie: broken.py cannot be imported: ZeroDivisionError: division by zero (broken.py, line 1)\n"
    )
