"""What is stopped in the middle: the picture so far is kept, and nothing half written is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

import reverie as rv
from command import FEW, Command
from reverie.errors import ScoreError
from reverie.image.embedding import read_recipe_text
from reverie.image.reading import read_photo
from reverie.jobs import memory_run, networks
from reverie.jobs.memory_run import dream_recipe
from reverie.recipe.recipe import Recipe
from reverie.types import Step

pytestmark = pytest.mark.bundled


def stopping(after: int, error: BaseException) -> Any:
    """In place of `dream_recipe`: the same steps, and the error after so many of them."""

    def steps(*words: Any) -> Iterator[Step]:
        yield from islice(dream_recipe(*words), after)
        raise error

    return steps


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_ctrl_c_saves_the_picture_so_far(
    taken: int, folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(memory_run, "dream_recipe", stopping(taken, KeyboardInterrupt()))
        said = reverie("dream", "photo.jpg", "-o", "d.png", "--quiet", *FEW)
    assert (said.code, said.out, said.err) == (130, "", "")
    assert Recipe.from_toml(read_recipe_text("d.png")).only_steps == taken
    assert reverie("run", "d.png", "-o", "again.png").code == 0
    assert torch.equal(read_photo("d.png").image, read_photo("again.png").image)


def test_ctrl_c_stops_the_photos_that_are_left(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "b.jpg").write_bytes((folder / "photo.jpg").read_bytes())
    monkeypatch.setattr(memory_run, "dream_recipe", stopping(1, KeyboardInterrupt()))
    assert reverie("dream", "photo.jpg", "b.jpg", "-o", "dreams", *FEW).code == 130
    assert [path.name for path in (folder / "dreams").iterdir()] == ["photo.jpg"]


def test_ctrl_c_before_the_first_step_of_all(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*words: Any, **how: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(networks, "load_model", interrupted)
    said = reverie("dream", "photo.jpg", "-o", "d.png")
    assert (said.code, said.out, said.err) == (130, "", "")
    assert not (folder / "d.png").exists()


def test_a_score_that_is_no_number_keeps_the_picture_before(
    folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(memory_run, "dream_recipe", stopping(3, ScoreError("the score became [nan] at step 2")))
        said = reverie("dream", "photo.jpg", "-o", "d.png", "--quiet", *FEW)
    assert said.code == 2 and said.err == "reverie: the score became [nan] at step 2\n"
    assert Recipe.from_toml(read_recipe_text("d.png")).only_steps == 3
    assert reverie("run", "d.png", "-o", "again.png").code == 0
    assert torch.equal(read_photo("d.png").image, read_photo("again.png").image)


# Tests that were started in the background of a script ignore SIGINT, and so would every process that they start.
HEARING_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("reverie", run_name="__main__", alter_sys=True)
"""


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A dream of ten thousand steps in a process of its own, which has just said that it did the first."""
    words = ["dream", "photo.jpg", "-o", "d.png", "--octaves", "1", "--steps", "10000"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(rv.__file__ or "").parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", HEARING_CTRL_C, *words],
        cwd=folder, env=one_thread, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith("photo.jpg: octave 1/1 step 1/10000"), line
            yield process
        finally:
            process.kill()  # whatever the test came to, nobody goes on dreaming


def test_a_real_ctrl_c(folder: Path, reverie: Command) -> None:
    with started(folder) as process:
        time.sleep(0.5)  # some steps on
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and out == ""
    assert "Traceback" not in err and err.startswith("d.png: score ")
    assert "d.png: stopped after " in err
    recipe = Recipe.from_toml(read_recipe_text("d.png"))
    assert recipe.only_steps is not None and 1 <= recipe.only_steps < 10_000
    assert read_photo("d.png").image.shape == read_photo("photo.jpg").image.shape


def test_kill_leaves_no_half_file(folder: Path) -> None:
    with started(folder) as process:
        process.kill()
        process.communicate(timeout=300)
    assert [path.name for path in folder.iterdir()] == ["photo.jpg"]


def test_a_reader_that_has_enough_is_no_mistake() -> None:
    command = f"{sys.executable} -m reverie presets --json | head -c 10; exit ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(Path(rv.__file__ or "").parent.parent)}
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
