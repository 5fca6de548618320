"""`reverie analyze`, from words to a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from reverie.analysis import compare
from reverie.analysis.folder import draft_report_folder, write_files
from reverie.analysis.machine import MATMUL_SIDES
from reverie.cli import main
from reverie.errors import ReportError, ScoreError
from reverie.image.writing import save_image
from reverie.settings import Settings

SMALL = ["--weights", "random", "--device", "cpu", "--objective", "fire2 + fire3", "--octaves", "1", "--turns", "1"]
SMALL += ["--steps", "2", "--jitter", "2"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MATMUL_SIDES, "cpu", 64)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of two lines, for tests of where it goes: they need no figures."""

    def write(settings: Settings, folder: Path) -> None:
        results = {"settings": settings.as_dict(), "files": ["index.html"]}
        write_files(folder, {"index.html": b"brief", "results.json": json.dumps(results).encode()})

    monkeypatch.setattr(
        compare, "analyze_runs", lambda runs, variants, plan, watch: next(iter(runs.values())).recipe.settings
    )
    monkeypatch.setattr(compare, "write_report", write)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "sky.png"
    save_image(torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(2)), path)
    return path


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_from_words_to_a_report(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "report"
    words = ["analyze", str(photo), "-o", str(target), *SMALL, "--at", "0", "--at", "1", "--size", "48"]
    assert main([*words, "--precision", "bfloat16", "--precision", "float32"]) == 0
    results = json.loads((target / "results.json").read_text())
    assert [each["precision"] for each in results["performance"]["variants"]] == ["bfloat16", "float32"]
    assert results["photos"][0]["size"] == [34, 48]
    assert [each["step"] for each in results["photos"][0]["snapshots"]] == [0, 1]
    assert results["settings"]["steps"] == 2
    assert str(target / "index.html") in capsys.readouterr().err
    assert left(tmp_path) == {"sky.png", "report"}


@pytest.mark.parametrize("words", [["--objective", "fire2 + 0.2*keep"], ["--mask"], ["--memory", "2GB"]])
def test_what_can_be_dreamed_can_be_analyzed(words: list[str], photo: Path, tmp_path: Path) -> None:
    said = [*words, f"{photo}:fire3"] if words == ["--mask"] else words
    small = [word for word in SMALL if word not in ("--objective", "fire2 + fire3")]
    assert main(["analyze", str(photo), "-o", str(tmp_path / "report"), *small, *said, "--quiet"]) == 0
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert results["photos"][0]["snapshots"] and results["objective"]


def test_a_report_is_replaced(photo: Path, tmp_path: Path, brief: None, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "report"
    for jitter in ("1", "2"):
        assert main(["analyze", str(photo), "-o", str(target), *SMALL[:-2], "--jitter", jitter, "--quiet"]) == 0
        assert capsys.readouterr().err == ""
    assert json.loads((target / "results.json").read_text())["settings"]["jitter"] == 2
    assert left(tmp_path) == {"sky.png", "report"}


BAD: dict[str, tuple[list[str], str]] = {
    "engine": (["--engine", "jax"], "no engine is called 'jax'"),
    "precision": (["--precision", "float32", "--precision", "float8"], "precision 'float8'"),
    "device": (["--device", "tpu"], "no device 'tpu'"),
    "at": (["--at", "-1"], "at is -1"),
    "at, no number": (["--at", "soon"], "soon"),
    "turns": (["--turns", "0"], "turns is 0"),
    "layer": (["--objective", "mixed3"], "mixed3"),
    "model": (["--model", "inception"], "inception_v3"),
    "preset": (["--preset", "papr"], "paper"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_words_are_one_line(name: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, said = BAD[name]
    base = ["analyze", str(photo), "-o", str(tmp_path / "report"), "--quiet", "--weights", "random"]
    assert main([*base, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert left(tmp_path) == {"sky.png"}


def test_a_photo_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(tmp_path / "none.jpg"), "-o", str(tmp_path / "report"), "--quiet"]) == 2
    assert capsys.readouterr().err.startswith(f"reverie: {tmp_path / 'none.jpg'} does not exist")
    assert left(tmp_path) == set()


def test_the_missing_extra_is_named(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["analyze", str(photo), "-o", str(tmp_path / "report"), *SMALL]) == 2
    assert "pip install 'reverie[analysis]'" in capsys.readouterr().err
    assert left(tmp_path) == {"sky.png"}


def test_places_that_hold_no_report_are_refused(photo: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "thesis.txt").write_text("mine")
    for target, said in (
        (photo, "is a file"),
        (tmp_path / "none" / "report", "make it first"),
        (photo / "report", "make it first"),
        (notes, "holds thesis.txt"),
        (tmp_path / "a\0b", "cannot be written"),
    ):
        with pytest.raises(ReportError, match=said), draft_report_folder(target):
            raise AssertionError("the work was begun")
    assert (notes / "thesis.txt").read_text() == "mine"
    assert left(tmp_path) == {"sky.png", "notes"}


def test_a_note_within_an_old_report_is_not_thrown_away(photo: Path, tmp_path: Path, brief: None) -> None:
    target = tmp_path / "report"
    assert main(["analyze", str(photo), "-o", str(target), *SMALL, "--quiet"]) == 0
    (target / "figures").mkdir()
    (target / "figures" / "notes.txt").write_text("mine")
    assert main(["analyze", str(photo), "-o", str(target), *SMALL, "--quiet"]) == 2
    assert (target / "figures" / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(ReportError, match="cannot be written: Permission denied"),
        draft_report_folder(tmp_path / "report"),
    ):
        raise AssertionError("the work was begun")


def test_work_that_fails_leaves_nothing(
    photo: Path, tmp_path: Path, brief: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report"
    assert main(["analyze", str(photo), "-o", str(target), *SMALL, "--quiet"]) == 0
    before = (target / "index.html").read_bytes()

    def fail(analysis: Any, folder: Path) -> None:
        (folder / "index.html").write_text("half")
        raise ScoreError("the score became [nan] at step 1")

    monkeypatch.setattr(compare, "write_report", fail)
    assert main(["analyze", str(photo), "-o", str(target), *SMALL, "--quiet"]) == 2
    assert (target / "index.html").read_bytes() == before
    assert left(tmp_path) == {"sky.png", "report"}


def test_photos_of_one_name_are_told_apart(photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "sky.png"
    other.parent.mkdir()
    other.write_bytes(photo.read_bytes())
    assert list(compare.name_photos([photo, other, photo])) == [str(photo), str(other)]
    assert list(compare.name_photos([])) == ["astronaut.jpg"]
