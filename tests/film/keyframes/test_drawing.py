"""The picture of keyframes shows every curve, wish and mask, and the command writes it or says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from reverie.analysis.figures import COLORS
from reverie.cli import main
from reverie.errors import ImageFileError
from reverie.film.keyframes.drawing import collect_bands, draw_schedule
from reverie.film.keyframes.moments import read_schedule
from reverie.film.keyframes.times import Clock

CURVES = '[curves]\nstep_size = "0:(0.01), 30:(0.03)"\nsteps = "1 + t/9"\n'
WISHES = '[[wish]]\nat = 0\nobjective = "fire3^2"\n[[wish]]\nat = "50%"\nobjective = "class:volcano"\n'
MASKS = '[[mask]]\nfile = "a/sky.png"\nobjective = "fire8"\nfrom = "1s"\n'


def draw(text: str, target: Path, clock: Clock | None = None) -> tuple[int, int]:
    draw_schedule(read_schedule(text, clock or Clock.steady(50, 25), objective="fire8"), target)
    with PIL.Image.open(target) as picture:
        return picture.size


def colors_of(path: Path) -> set[str]:
    with PIL.Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.int64)
    return {f"#{number:06X}" for number in set((pixels @ [65536, 256, 1]).ravel().tolist())}


def test_a_picture_has_a_row_for_each_curve(tmp_path: Path) -> None:
    width, height = draw(CURVES, tmp_path / "two.png")
    assert draw(CURVES + "jitter = 8\n", tmp_path / "three.png") > (width, height)
    assert {*COLORS[:2]} <= colors_of(tmp_path / "two.png") and COLORS[2] not in colors_of(tmp_path / "two.png")
    assert {*COLORS[:3]} <= colors_of(tmp_path / "three.png")


@pytest.mark.parametrize("text", ["", CURVES + "fire5 = 2\n" + WISHES, CURVES + MASKS])
def test_anything_can_be_drawn(text: str, tmp_path: Path) -> None:
    assert min(draw(text, tmp_path / "uneven.png", Clock((0.0, 0.5, 0.6, 2.0), 2))) > 100


def test_a_single_frame_can_be_drawn(tmp_path: Path) -> None:
    assert min(draw(CURVES + WISHES, tmp_path / "one.png", Clock.steady(1, 25))) > 100


def test_the_same_keyframes_give_the_same_picture(tmp_path: Path) -> None:
    draw(CURVES + WISHES, tmp_path / "a.png")
    draw(CURVES + WISHES, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_bands_are_wishes_in_words_and_masks_by_file() -> None:
    wishes = collect_bands(read_schedule("[curves]\nfire5 = 2\n" + WISHES, Clock.steady(9, 1)))
    assert [words for words, _ in wishes["wish"]] == ["fire3^2", "class:volcano"] and not wishes["masks"]
    masks = collect_bands(read_schedule(MASKS, Clock.steady(9, 1)))
    assert [words for words, _ in masks["masks"]] == ["sky.png: fire8"]


@pytest.mark.parametrize("name", ["a.jpg", "a", "gone/a.png", "."])
def test_what_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageFileError):
        draw(CURVES, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_draws_a_file_and_what_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("night.toml").write_text(CURVES, "utf-8")
    assert main(["keyframes", "night.toml"]) == 0
    assert main(["keyframes", "night.toml", "-o", "c.pdf", "--set", "fire5 = -1 + t", "--objective", "fire8"]) == 0
    assert main(["keyframes", "--set", "steps = 2", "-o", "d.png", "--frames", "9", "--rate", "5", "--json"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"night.toml", "night-curves.png", "c.pdf", "d.png"}
    said = capsys.readouterr()
    assert '"output": "d.png"' in said.out and "night-curves.png" in said.err


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (["gone.toml"], "gone.toml cannot be read"),
        (["--set", "steps = 0"], "steps is 0 at frame 0"),
        (["--set", "steps = audio.low"], "no film to hear"),
        (["--set", "steps"], "expected a name and a value"),
        (["--set", "steps = 2", "--frames", "0"], "expected more"),
        (["--set", "steps = 2", "--rate", "0"], "expected more"),
        (["--set", "steps = 2", "-o", "a.gif"], "no picture of curves"),
        ([], "no keyframes"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["keyframes", *words]) == 2
    assert mistake in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
