"""`--surprise` as a user says it: the folder, the sheet, the recipes, and what is not dreamed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import Command
from reverie.image.reading import read_photo
from reverie.jobs import outcomes
from reverie.jobs.job import Job, Run
from reverie.jobs.outcomes import Outcome, Watch, finish_run
from reverie.recipe.recipe import Recipe

pytestmark = pytest.mark.bundled
SMALL = ("--size", "96", "--octaves", "1", "--steps", "1")


def test_a_photo_is_dreamed_in_many_ways_and_each_can_be_had_again(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "--surprise", 3, "-o", "tries", *SMALL, "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert {each.name for each in Path("tries").iterdir()} == {"01.png", "02.png", "03.png", "sheet.png"}
    recipes = [Recipe.from_file(f"tries/0{number}.png") for number in (1, 2, 3)]
    assert len({each.objective for each in recipes}) == 3
    assert {(each.settings.steps, each.settings.size) for each in recipes} == {(1, 96)}  # what the user said
    assert len({each.settings.octave_scale for each in recipes}) > 1  # what chance did

    assert reverie("run", "tries/02.png", "-o", "again.png", "--quiet").code == 0
    assert read_photo("again.png").image.equal(read_photo("tries/02.png").image)
    assert reverie("dream", "photo.jpg", "-o", "c.png", "--config", "tries/02.png", "--seed", 5, "--quiet").code == 0
    assert Recipe.from_file("c.png").objective == recipes[1].objective
    assert Recipe.from_file("c.png").settings.octave_scale == recipes[1].settings.octave_scale


def test_what_is_there_is_not_dreamed_again(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    dreamed: list[str] = []

    def counted(job: Job, run: Run, watch: Watch) -> Outcome:
        dreamed.append(job.target.name if job.target else "")
        if interrupted and len(dreamed) == 2:
            return Outcome(job, interrupted=True)
        return finish_run(job, run, watch)

    monkeypatch.setattr(outcomes, "finish_run", counted)
    words = ("dream", "photo.jpg", "-o", "tries", *SMALL, "--quiet", "--surprise")
    interrupted = True
    assert reverie(*words, 3).code == 130
    assert {each.name for each in Path("tries").iterdir()} == {"01.png", "sheet.png"}
    interrupted = False
    assert reverie(*words, 3).code == 0
    assert dreamed == ["01.png", "02.png", "02.png", "03.png"]
    kept = {each.name: each.read_bytes() for each in Path("tries").iterdir()}
    said = reverie(*words, 3, "--seed", 1)  # other recipes: what is there would be lost
    assert said.code == 2 and "01.png is another picture, which would be lost: name another folder" in said.err
    assert dreamed[4:] == [] and kept == {each.name: each.read_bytes() for each in Path("tries").iterdir()}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("photo.jpg --surprise 0", "surprise is 0; expected 1 to 999"),
        ("photo.jpg --surprise 2.5", "expected a whole number"),
        ("photo.jpg photo.jpg --surprise 2", "--surprise takes one photo, and 2 are named"),
        ("photo.jpg --surprise 2 --guide photo.jpg", "leave out --guide, --mask and --snapshots"),
        ("gone.jpg --surprise 2", "gone.jpg"),
        ("photo.jpg --surprise 2 -o photo.jpg", "the folder photo.jpg cannot be made"),
        ("photo.jpg --surprise 2 -o x.png", "x.png is a picture's name; --surprise writes many: name a folder"),
    ],
)
def test_bad_input_is_one_line(folder: Path, reverie: Command, words: str, error: str) -> None:
    said = reverie("dream", *words.split())
    assert said.code == 2 and said.err.count("\n") == 1 and error in said.err
    assert {each.name for each in folder.iterdir()} == {"photo.jpg"}
