"""The page on keyframes says what is: its files are read, its pictures are what the command makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import PIL.Image
import pytest

from reverie.cli import main
from reverie.film.keyframes.arithmetic import AUDIO, FUNCTIONS, VARIABLES
from reverie.film.keyframes.curves import EASINGS
from reverie.film.keyframes.moments import Schedule, read_schedule
from reverie.film.keyframes.times import Clock

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "keyframes.md").read_text("utf-8")
BLOCKS = {name: text for text, name in re.findall(r"^```toml\n(# (\S+)\n.*?)^```$", PAGE, re.M | re.S)}
WISH = "fire8^2 + fire5:12 - 0.1*tv"
PICTURES = {"curves": "night.toml", "wishes": "wishes.toml", "masks": "masks.toml"}


def read(name: str) -> Schedule:
    sound = {each.removeprefix("audio."): [0.5] * 250 for each in AUDIO}
    return read_schedule(BLOCKS[name], Clock.steady(250, 25), sound, WISH)


def test_every_block_has_a_name() -> None:
    assert len(BLOCKS) == PAGE.count("```toml") == 5


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_read(name: str) -> None:
    found = read(name)
    assert found.curves or found.wishes or found.masks


def test_the_weights_are_as_told() -> None:
    assert read("weights.toml").at(0).objective == "fire8^2 - 0.2*tv + fire3"
    assert read("weights.toml").at(200).objective == "fire8^2 + 2*fire5:12 - 0.2*tv + 3*fire3"


def test_all_that_can_be_said_is_told() -> None:
    told = set(re.findall(r"[\w.-]+", PAGE))
    plain = {name for name in FUNCTIONS if not name.startswith("arc") or name == "arcsin"}
    assert {*VARIABLES, *plain, *EASINGS} <= told


@pytest.mark.parametrize(("picture", "name"), PICTURES.items())
def test_a_picture_is_what_the_command_makes(
    picture: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size is: letters and lines differ by matplotlib's version."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(BLOCKS[name], "utf-8")
    assert main(["keyframes", name, "-o", "made.png", "--quiet"]) == 0
    with PIL.Image.open("made.png") as made, PIL.Image.open(DOCS / "images" / f"keyframes-{picture}.png") as kept:
        assert made.size == kept.size
    assert f"(images/keyframes-{picture}.png)" in PAGE
