"""Films by words: dreamed, zoomed, morphed, the making of a picture, made again, and refused in one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import av
import pytest

import reverie as rv
from command import Command
from film.clips import moving, write_clip

pytestmark = pytest.mark.bundled

QUICK = ("--octaves", "1", "--steps", "2", "--frame-steps", "1", "--objective", "fire2^2")


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_clip(Path("cat.mp4"), moving(6)).relative_to(".")


def count_frames(path: str) -> int:
    with av.open(path) as film:
        return sum(1 for _ in film.decode(video=0))


def test_a_film_is_dreamed_shown_configured_and_made_again(reverie: Command, clip: Path) -> None:
    told = reverie("film", str(clip), "-o", "dream.mp4", *QUICK, "--carry", "0.8", "--json")
    assert told.code == 0 and json.loads(told.out)["output"] == "dream.mp4"
    assert count_frames("dream.mp4") == 6
    shown = tomllib.loads(reverie("show", "dream.mp4").out)
    assert shown["film"]["carry"] == 0.8 and shown["input"] == "cat.mp4"
    assert reverie("run", "dream.mp4", "-o", "again.mp4").code == 0
    assert Path("again.mp4").read_bytes() == Path("dream.mp4").read_bytes()
    Path("night.toml").write_text(reverie("show", "dream.mp4").out)
    assert reverie("film", str(clip), "-o", "third.mp4", "--config", "night.toml").code == 0
    assert reverie("film", str(clip), "-o", "fourth.mp4", "--config", "dream.mp4").code == 0
    pictures = [tomllib.loads(reverie("show", name).out) for name in ("third.mp4", "fourth.mp4")]
    assert pictures == [shown, shown]
    assert reverie("dream", "-o", "still.png", "--size", "32", "--config", "dream.mp4").code == 0


def test_many_films_go_into_a_folder_and_one_that_fails_stops_no_other(reverie: Command, clip: Path) -> None:
    Path("bad.mp4").write_text("no film")
    told = reverie("film", "bad.mp4", str(clip), "-o", "films", *QUICK)
    assert told.code == 2 and "bad.mp4" in told.err
    assert sorted(path.name for path in Path("films").iterdir()) == ["cat.mp4"]


def test_one_frame_is_tried(reverie: Command, clip: Path) -> None:
    assert reverie("film", str(clip), "--frame", "4", "-o", "try.png", *QUICK).code == 0
    assert reverie("film", str(clip), "--frame", "4", "--alone", "-o", "alone.png", *QUICK).code == 0
    pictures = [rv.read_photo(name).image for name in ("try.png", "alone.png")]
    assert pictures[0].shape == (1, 3, 48, 64) and float((pictures[0] - pictures[1]).abs().max()) > 0.02
    told = reverie("film", str(clip), "--frame", "9", "-o", "none.png", *QUICK)
    assert told.code == 2 and told.err.endswith("reverie: the film has no frame 9; expected 0 to 5\n")
    assert not Path("none.png").exists()


def test_a_zoom_a_morph_and_a_making(reverie: Command, clip: Path) -> None:
    small = ("--size", "40", "--octaves", "1", "--steps", "2")
    assert reverie("zoom", "-o", "zoom.mp4", "--seconds", "0.3", "--rotate", "2", "--loop", *small).code == 0
    assert count_frames("zoom.mp4") == 8
    wishes = ("--objective", "fire2^2", "--objective", "fire3^2")
    assert reverie("morph", "-o", "tour.mp4", "--seconds", "0.3", *wishes, *small).code == 0
    shown = tomllib.loads(reverie("show", "tour.mp4").out)
    assert [each["objective"] for each in shown["keyframes"]["wish"]] == ["fire2^2", "fire3^2"]
    assert reverie("run", "tour.mp4", "-o", "tour2.mp4").code == 0
    assert Path("tour.mp4").read_bytes() == Path("tour2.mp4").read_bytes()
    assert reverie("dream", "-o", "d.png", "--film", "making.mp4", *small).code == 0
    assert count_frames("making.mp4") == 4 and tomllib.loads(reverie("show", "making.mp4").out)["objective"]


def test_wishes_join_the_curves_of_keyframes_and_no_others(reverie: Command, clip: Path) -> None:
    small = ("--size", "40", "--octaves", "1", "--steps", "2", "--seconds", "0.2")
    wishes = ("--objective", "fire2^2", "--objective", "fire3^2")
    assert reverie("morph", "-o", "a.mp4", *wishes, *small, "--set", "strength = 0:(0), 4:(1)").code == 0
    keyframes = tomllib.loads(reverie("show", "a.mp4").out)["keyframes"]
    assert list(keyframes["curves"]) == ["strength"] and len(keyframes["wish"]) == 2
    told = reverie("morph", "-o", "b.mp4", *wishes, *small, "--config", "a.mp4")
    assert told.code == 2 and "wishes of their own" in told.err and not Path("b.mp4").exists()


def test_keyframes_hear_the_film(reverie: Command, clip: Path) -> None:
    sets = ("--set", "strength = 0:(0), 5:(1)", "--set", "fire2 = 1 + audio.low")
    assert reverie("keyframes", "--film", str(clip), "-o", "curves.png", "--objective", "fire2", *sets).code == 0
    assert reverie("film", str(clip), "-o", "dream.mp4", *QUICK, *sets).code == 0
    told = reverie("keyframes", "--film", str(clip), "--frames", "3", *sets)
    assert told.code == 2 and "leave out --frames" in told.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("film",), "no film is named"),
        (("film", "cat.mp4", "-o", "dream.txt"), "dream.txt"),
        (("film", "cat.mp4", "-o", "cat.mp4"), "is the input itself"),
        (("film", "missing.mp4", "-o", "d.mp4"), "missing.mp4 does not exist"),
        (("film", "cat.mp4", "-o", "d.mp4", "--carry", "2"), "carry is 2.0; expected 0 to 1"),
        (("film", "cat.mp4", "-o", "d.mp4", "--objective", "fire99"), "fire99"),
        (("film", "cat.mp4", "-o", "d.mp4", "--start", "9s"), "no frame there"),
        (("film", "cat.mp4", "-o", "d.mp4", "--set", "carri = 1"), "carri"),
        (("film", "cat.mp4", "-o", "d.mp4", "--set", "carry = 0:(0.5), 4:(3)"), "carry"),
        (("morph", "-o", "d.mp4", "--objective", "fire2"), "from wish to wish"),
        (("dream", "-o", "d.png", "--film", "d.xyz"), "d.xyz"),
        (("dream", "cat.mp4", "-o", "d.png"), "cat.mp4"),
        (("show", "cat.mp4"), "holds no recipe"),
        (("run", "cat.mp4"), "holds no recipe"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], line: str, reverie: Command, clip: Path) -> None:
    told = reverie(*words)
    own = [each for each in told.err.strip().splitlines() if "looking through" not in each]
    assert told.code == 2 and len(own) == 1 and line in own[0]
    assert sorted(path.name for path in Path().iterdir()) == ["cat.mp4"]


def test_killed_at_any_moment_a_film_ends_with_the_same_bytes(reverie: Command, clip: Path) -> None:
    write_clip(Path("long.mp4"), moving(150))
    words = ("film", "long.mp4", *QUICK, "--flow", "none")
    assert reverie(*words, "-o", "whole.mp4").code == 0
    command = [sys.executable, "-m", "reverie", *words, "-o", "parts.mp4"]
    work = Path(".parts.mp4.reverie")
    for parts in (1, 2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(work.glob("*.state"))) < parts:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not Path("parts.mp4").exists() and len(list(work.glob("*.state"))) >= 2
    assert reverie(*words, "-o", "parts.mp4").code == 0
    assert Path("parts.mp4").read_bytes() == Path("whole.mp4").read_bytes() and not work.exists()
