"""Activation grids and atlases at the command line: written whole, gone on with, refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from torch import Tensor

from command import Command
from reverie.analysis.activations import atlas, cells
from reverie.jobs.visuals import visualize

RANDOM = ("--weights", "random", "--precision", "float32", "--device", "cpu")
GRID = ("activation-grid", "photo.jpg", "--layer", "fire5", "-o", "grid.png", "--across", "3", *RANDOM)
ATLAS = (
    "activation-atlas",
    "photos",
    "--layer",
    "fire5",
    "-o",
    "atlas.png",
    "--samples",
    "60",
    "--across",
    "2",
    *RANDOM,
)
QUICK = ("--cell", "32", "--steps", "1")


@pytest.fixture
def many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos, two of which are none; laid out without UMAP."""

    def lay_out(vectors: Tensor, seed: int) -> Tensor:
        return torch.rand(len(vectors), 2, generator=torch.Generator().manual_seed(seed))

    monkeypatch.setattr(atlas, "lay_out", lay_out)
    inside = Path("photos")
    inside.mkdir()
    with PIL.Image.open("photo.jpg") as picture:
        for number in range(3):
            picture.crop((10 * number, 0, 80 + 10 * number, 80)).save(inside / f"{number}.jpg")
    (inside / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (inside / ".hidden").write_text("not looked at")
    return inside


def test_a_grid_is_written_with_how_it_was_made(folder: Path, reverie: Command) -> None:
    said = reverie(*GRID, *QUICK, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert {"output": "grid.png"} | json.loads(Path("grid.json").read_text()) == told
    assert (told["rows"], told["columns"], told["layer"]) == (2, 3, "fire5")
    with PIL.Image.open("grid.png") as picture:
        assert picture.size == (96, 64)
    assert not list(Path().glob(".grid*"))


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets so many batches of two cells be made, and interrupts the next; the lengths of those that were asked for."""
    asked: list[int] = []

    def counted(model: Any, wishes: Any, settings: Any) -> Any:
        asked.append(len(wishes))
        if len(asked) == count + 1:
            raise KeyboardInterrupt
        return visualize(model, wishes, settings)

    monkeypatch.setattr("reverie.analysis.activations.cells.visualize", counted)
    monkeypatch.setattr(cells, "MOST_AT_ONCE", 2)
    return asked


@pytest.mark.parametrize(("words", "batches"), [(GRID, [2, 2, 2, 2]), (ATLAS, [2, 2, 2])])
def test_what_was_interrupted_goes_on_where_it_was(
    words: tuple[str, ...], batches: list[int], many: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stop_after(1, monkeypatch)
    stopped = reverie(*words, *QUICK)
    assert stopped.code == 130 and "goes on from here" in stopped.err
    target = Path(words[words.index("-o") + 1])
    assert not target.exists() and not target.with_suffix(".json").exists()
    assert reverie(*words, *QUICK).code == 0 and asked == batches
    first = target.read_bytes()
    assert reverie(*words, *QUICK).code == 0 and target.read_bytes() == first


def test_an_atlas_is_written_with_its_numbers_and_its_page(many: Path, reverie: Command) -> None:
    said = reverie(*ATLAS, *QUICK, "--html", "--json")
    assert said.code == 0, said.err
    assert "photos/broken.jpg" in said.err and ".hidden" not in said.err
    told = json.loads(said.out)
    assert {"output": "atlas.png"} | json.loads(Path("atlas.json").read_text()) == told
    assert sorted(told["photos"]) == [f"photos/{number}.jpg" for number in range(3)]
    assert list(told["skipped"]) == ["photos/broken.jpg"] and told["activations"] == 60 - 60 // 4
    assert sum(cell["count"] for cell in told["cells"]) == told["activations"]
    assert all(cell["classes"] for cell in told["cells"])
    with PIL.Image.open("atlas.png") as picture:
        assert picture.size == (64, 64)
    page = Path("atlas.html").read_text()
    assert len(re.findall("<figure id=", page)) == len(told["cells"]) == page.count("data:image/png;base64,")
    assert told["cells"][0]["classes"][0] in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["activation-grid", "gone.jpg", "--layer", "fire5"], "gone.jpg"),
        (["activation-grid", "photo.jpg", "--layer", "fire55"], "fire5"),
        (["activation-grid", "photo.jpg", "--layer", "fire5", "--across", "0"], "across is 0"),
        (["activation-grid", "photo.jpg", "--layer", "fire5", "--cell", "8"], "size is 8"),
        (["activation-grid", "photo.jpg", "--layer", "fire5", "-o", "taken.png"], "taken.json is there already"),
        (["activation-grid", "photo.jpg"], "--layer"),
        (["activation-atlas", "--layer", "fire5"], "say of which photos"),
        (["activation-atlas", "gone", "--layer", "fire5"], "gone does not exist"),
        (["activation-atlas", "empty", "--layer", "fire5"], "no files in empty"),
        (["activation-atlas", "photo.jpg", "--layer", "fire5"], "one photo (photo.jpg)"),
        (["activation-atlas", "photos/broken.jpg", "--layer", "fire5"], "no photo; 1 could not be read"),
        (["activation-atlas", "photos", "--layer", "fire55"], "fire5"),
        (["activation-atlas", "photos", "--layer", "fire5", "--least", "1000"], "least is 1000"),
        (["activation-atlas", "photos", "--layer", "fire5", "--samples", "0"], "samples is 0"),
        (["activation-atlas", "photos", "--layer", "fire5", "-o", "photos/0.jpg"], "the input itself"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    words: list[str], message: str, many: Path, reverie: Command
) -> None:
    Path("empty").mkdir()
    Path("taken.json").write_text("{}")
    said = reverie(*words, "--weights", "random", "--quiet")
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert sorted(path.name for path in Path().glob("*.png")) == []
