"""Attribution at the command line: a picture, its numbers beside it, and one line for what cannot be explained."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from command import Command

QUICK = ("--weights", "random", "--precision", "float32", "--device", "cpu", "--size", "96")


@pytest.mark.parametrize("method", ["grad-cam", "integrated-gradients", "channels"])
def test_the_command_line_writes_a_picture_and_its_numbers(method: str, folder: Path, reverie: Command) -> None:
    how = ("--samples", "4") if method == "integrated-gradients" else ()
    words = ("photo.jpg", "-o", "map.png", "--method", method, "--objective", "class:7", *how, *QUICK)
    said = reverie("attribute", *words, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert {"output": "map.png"} | json.loads(Path("map.json").read_text()) == told
    assert (told["objective"], told["method"], told["width"], told["height"]) == ("class:7", method, 96, 64)
    assert told["layer"] == (None if method == "integrated-gradients" else "fire9")
    with PIL.Image.open("map.png") as picture:
        assert picture.width > 1000
    if method == "channels":
        best = told["channels"][0]
        assert len(told["channels"]) == 20 and abs(best["value"]) >= abs(told["channels"][-1]["value"])
    if method == "integrated-gradients":
        change = told["score"] - told["baseline_score"]
        assert told["sum"] - told["completeness_error"] == pytest.approx(change, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.jpg"], "gone.jpg"),
        (["photo.jpg", "--method", "gradcam"], "grad-cam"),
        (["photo.jpg", "--layer", "fire9"], "leave out the layer"),
        (["photo.jpg", "--method", "channels", "--layer", "fire99"], "fire9"),
        (["photo.jpg", "--objective", "fire99:1"], "fire9"),
        (["photo.jpg", "--objective", "fire9:"], "a channel"),
        (["photo.jpg", "--size", "0"], "at least 1"),
        (["photo.jpg", "--samples", "0"], "samples is 0"),
        (["photo.jpg", "--baseline", "green"], "baseline is 'green'"),
        (["photo.jpg", "-o", "photo.jpg"], "the input itself"),
        (["photo.jpg", "-o", "taken.png"], "taken.json is there already"),
        (["photo.jpg", "-o", "map.bmp"], ".bmp"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_line(
    words: list[str], message: str, folder: Path, reverie: Command
) -> None:
    Path("taken.json").write_text("{}")
    said = reverie("attribute", *words, "--weights", "random", *(() if "--size" in words else ("--size", "64")))
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1
    assert not Path("map.png").exists() and Path("taken.json").read_text() == "{}"
