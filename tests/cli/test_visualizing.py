"""Pictures from noise and contact sheets at the command line: made, made again, resumed, refused in one line."""

from __future__ import annotations

import base64
import json
import re
import shlex
from html import unescape
from pathlib import Path

import PIL.Image
import pytest
import torch

from command import Command
from reverie.ascent.visualization import climb_pieces
from reverie.errors import SettingsError
from reverie.image.arrays import open_image
from reverie.image.contact_sheet import CELL_GAP, LINE_HEIGHT
from reverie.jobs import noise_run, sheets
from reverie.jobs.sheets import parse_channels
from reverie.jobs.visuals import visualize

RANDOM = ("--weights", "random", "--precision", "float32", "--device", "cpu")
QUICK = (*RANDOM, "--size", "48", "--steps", "2")
CHANNELS = ("channels", "--layer", "fire2", "--channels", "3:14", "-o", "sheet.png", *QUICK)


def test_a_wish_is_visualized_and_says_how(folder: Path, reverie: Command) -> None:
    assert reverie("visualize", "fire2:5", "-o", "neuron.png", *QUICK, "--seed", "3", "--quiet").err == ""
    with PIL.Image.open("neuron.png") as picture:
        assert picture.size == (48, 48)
    recipe = reverie("show", "neuron.png").out
    assert 'visualize = "fire2:5"' in recipe
    assert "seed = 3" in recipe
    command = re.search(r'^command = "(.*)"$', recipe, re.MULTILINE)
    assert command is not None
    words = shlex.split(command[1])
    assert words[0] == "reverie"
    assert reverie(*words[1:], "-o", "again.png").code == 0
    assert Path("again.png").read_bytes() == Path("neuron.png").read_bytes()


@pytest.mark.parametrize("words", [("fire2:5",), ("fire2:5 - 0.1*tv", "--engine", "torch", "--param", "pixel")])
def test_run_visualizes_again_pixel_for_pixel(words: tuple[str, ...], folder: Path, reverie: Command) -> None:
    assert reverie("visualize", *words, "-o", "wish.png", *QUICK, "--seed", "3", "--quiet").code == 0
    said = reverie("run", "wish.png", "--json")
    assert said.code == 0
    assert Path("wish-again.png").read_bytes() == Path("wish.png").read_bytes()
    report = json.loads(said.out)
    assert (report["output"], report["objective"], report["steps"]) == ("wish-again.png", words[0], 2)
    Path("wish.toml").write_text(reverie("show", "wish.png").out)
    assert reverie("show", "wish.toml").out == Path("wish.toml").read_text()
    assert reverie("run", "wish.toml", "-o", "third.png", "--quiet").err == ""
    assert Path("third.png").read_bytes() == Path("wish.png").read_bytes()


def test_the_cells_of_a_sheet_are_made_again_by_their_recipes(folder: Path, reverie: Command) -> None:
    assert reverie("channels", "--layer", "fire2", "--channels", "3:5", "-o", "sheet.png", *QUICK, "--quiet").code == 0
    assert reverie("channels", "photo.jpg", "-o", "photo-sheet.png", *QUICK, "--quiet").code == 0
    for sheet_of in ("sheet", "photo-sheet"):
        cells = re.findall(r"data:image/png;base64,([^\"]+)", Path(f"{sheet_of}.html").read_text())
        Path("cell.png").write_bytes(base64.b64decode(cells[1]))
        assert reverie("run", "cell.png", "-o", "again.png", "--quiet").code == 0
        assert float((open_image("again.png") - open_image("cell.png")).abs().mean()) < 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (('model_sha256 = "', 'model_sha256 = "0'), "not those of the recipe"),
        (('visualize = "fire2:5"', "visualize = 3"), "visualize is 3"),
        (("model_sha256", "model_sha"), "does not say model_sha256"),
        (("seed = 0", "seed = -1"), "seed is -1"),
        (("command", "comand"), "did you mean command"),
    ],
)
def test_a_recipe_of_a_wish_that_was_spoiled_is_refused(
    changes: tuple[str, str], message: str, folder: Path, reverie: Command
) -> None:
    assert reverie("visualize", "fire2:5", "-o", "wish.png", *QUICK).code == 0
    Path("wish.toml").write_text(reverie("show", "wish.png").out.replace(*changes))
    said = reverie("run", "wish.toml")
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1
    said = reverie("run", "wish.png", "--input", "photo.jpg")
    assert said.code == 2 and "leave out --input" in said.err


def test_a_free_name_is_found(folder: Path, reverie: Command) -> None:
    for _ in range(2):
        assert reverie("visualize", "fire2:5 - 0.1*tv", *QUICK).code == 0
    assert {path.name for path in folder.glob("*.png")} == {"fire2-5-0-1-tv.png", "fire2-5-0-1-tv-2.png"}


def test_an_interrupted_picture_is_saved(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:

    def stopped(*given):  # type: ignore[no-untyped-def]
        for step in climb_pieces(*given):
            yield step
            raise KeyboardInterrupt

    monkeypatch.setattr(noise_run, "climb_pieces", stopped)
    assert reverie("visualize", "fire2:5", "-o", "part.png", *QUICK).code == 130
    assert "steps = 1" in reverie("show", "part.png").out
    monkeypatch.setattr(noise_run, "climb_pieces", climb_pieces)
    assert reverie("run", "part.png").code == 0
    assert Path("part-again.png").read_bytes() == Path("part.png").read_bytes()


def test_channels_are_put_on_a_sheet(folder: Path, reverie: Command) -> None:
    assert reverie(*CHANNELS, "--columns", "4").code == 0
    with PIL.Image.open("sheet.png") as picture:
        assert picture.size == (CELL_GAP + 4 * (48 + CELL_GAP), CELL_GAP + 3 * (48 + LINE_HEIGHT + CELL_GAP))
    page = Path("sheet.html").read_text()
    assert re.findall(r"<figcaption>(.*?)</figcaption>", page) == [f"fire2:{number}" for number in range(3, 14)]
    assert page.count("data:image/png;base64,") == 11
    assert "<script" not in page
    assert not list(folder.glob(".*"))
    command = shlex.split(re.findall(r"<code>(.*?)</code>", unescape(page))[9])
    assert command[:3] == ["reverie", "visualize", "fire2:12"]
    assert reverie(*command[1:], "-o", "cell.png").code == 0
    left, top = CELL_GAP + (48 + CELL_GAP), CELL_GAP + 2 * (48 + LINE_HEIGHT + CELL_GAP)
    placed = open_image("sheet.png")[..., top : top + 48, left : left + 48]
    assert float((placed - open_image("cell.png")).abs().mean()) < 0.01


def test_a_sheet_goes_on_where_it_was(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(model, wishes, settings):  # type: ignore[no-untyped-def]
        if asked and len(asked) < 2:
            asked.append(-1)
            raise KeyboardInterrupt
        asked.append(len(wishes))
        return visualize(model, wishes, settings)

    monkeypatch.setattr(sheets, "visualize", counted)
    stopped = reverie(*CHANNELS)
    assert stopped.code == 130
    assert "goes on from here" in stopped.err
    assert not Path("sheet.png").exists()
    assert reverie(*CHANNELS).code == 0
    assert asked == [8, -1, 3]
    monkeypatch.setattr(sheets, "visualize", visualize)
    resumed = open_image("sheet.png")
    assert reverie(*CHANNELS).code == 0
    assert torch.equal(resumed, open_image("sheet.png"))


def test_other_settings_do_not_take_the_cells_of_these(
    folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def failing(model, wishes, settings):  # type: ignore[no-untyped-def]
        asked.append(len(wishes))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return visualize(model, wishes, settings)

    monkeypatch.setattr(sheets, "visualize", failing)
    assert reverie(*CHANNELS).code == 130
    assert reverie(*CHANNELS, "--seed", "4").code == 0
    assert asked == [8, 3, 8, 3]


def test_a_photo_is_dreamed_by_every_layer(folder: Path, reverie: Command) -> None:
    assert reverie("channels", "photo.jpg", "-o", "layers.png", *RANDOM, "--size", "100", "--steps", "1").code == 0
    page = Path("layers.html").read_text()
    labels = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert labels[0] == "conv1"
    assert "fire9" in labels
    command = shlex.split(re.findall(r"<code>(.*?)</code>", unescape(page))[labels.index("fire5")])
    assert reverie(*command[1:], "-o", "cell.png").code == 0
    assert "fire5^2" in reverie("show", "cell.png").out
    with PIL.Image.open("cell.png") as cell:
        assert cell.size == (100, 67)


def test_a_page_of_someone_else_is_not_written_over(folder: Path, reverie: Command) -> None:
    Path("sheet.html").write_text("<p>mine</p>")
    answer = reverie(*CHANNELS)
    assert answer.code == 2
    assert "sheet.html" in answer.err
    assert Path("sheet.html").read_text() == "<p>mine</p>"
    Path("sheet.html").unlink()
    for _ in range(2):
        assert reverie(*CHANNELS[:4], "1:3", *CHANNELS[5:]).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["visualize", "fire2:"], "expected a channel"),
        (["visualize", "fire2:999"], "the channels 0 to 127"),
        (["visualize", "fire99:1"], "fire9"),
        (["visualize", "keep"], "photograph"),
        (["visualize", "fire2:1", "--size", "3"], "expected 16 to"),
        (["visualize", "fire2:1", "--param", "oil"], "fourier, pixel"),
        (["visualize", "class:retriever"], "golden retriever (207)"),
        (["visualize", "fire2:1", "-o", "a.bmp"], "a.bmp"),
        (["channels", "--layer", "fire99"], "fire9"),
        (["channels", "--layer", "fire2", "--channels", "128"], "the channels 0 to 127"),
        (["channels", "--layer", "fire2", "--channels", "few"], "0:64"),
        (["channels", "--channels", "0:4"], "--layer"),
        (["channels", "photo.jpg", "--layer", "fire2"], "leave out photo.jpg"),
        (["channels", "gone.jpg"], "gone.jpg"),
        (["channels", "--layer", "fire2", "--columns", "0"], "at least 1"),
        (["channels", "photo.jpg", "-o", "photo.jpg"], "photo.jpg"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, folder: Path, reverie: Command) -> None:
    answer = reverie(*words, *RANDOM)
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["photo.jpg"]


def test_channels_in_words() -> None:
    assert parse_channels(None, 3) == [0, 1, 2]
    assert parse_channels("1:3", 9) == [1, 2]
    assert parse_channels(":2,7, 1", 9) == [0, 1, 7]
    assert parse_channels("6:99", 9) == [6, 7, 8]
    for wrong in ("", "a", "3:2", "-1", "9", "1:2:3", "٣٣٣٣"):
        with pytest.raises(SettingsError):
            parse_channels(wrong, 9)


@pytest.mark.parametrize("words", [[], ["sky.jpg", "-o", "sheet.png"], ["--layer", "fire2", "--channels=0:4"]])
def test_the_old_name_of_a_sheet_says_both_new_ones(words: list[str], reverie: Command) -> None:
    said = reverie("atlas", *words)
    assert said.code == 2 and said.err.count("\n") == 1 and not said.out
    assert "reverie channels" in said.err and "reverie activation-atlas" in said.err
    commands = re.findall(r"^. ([\w-]+)  ", reverie("--help").out, re.MULTILINE)
    assert "channels" in commands and "atlas" not in commands
