"""Guides, masks and classes at the command line and in recipes: said once, done again, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from reverie.cli import main
from reverie.errors import RecipeError
from reverie.image.arrays import open_image
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import run
from reverie.recipe.inputs import read_wish, relocate_files
from reverie.recipe.recipe import Recipe
from seer import noise

RANDOM = ("--weights", "random", "--precision", "float32", "--device", "cpu")
SMALL = (*RANDOM, "--octaves", "1", "--steps", "2", "--jitter", "2", "--quiet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo, a guide, a mask of its left half and an empty one."""
    monkeypatch.chdir(tmp_path)
    save_image(noise(1, 3, 64, 80), Path("photo.png"))
    save_image(noise(1, 3, 70, 70, seed=2), Path("guide.png"))
    mask = torch.zeros(1, 3, 64, 80)
    mask[..., :40] = 1
    save_image(mask, Path("left.png"))
    save_image(0 * mask, Path("empty.png"))
    return tmp_path


def dreamed(*words: str, output: str = "out.png") -> Recipe:
    assert main(["dream", "photo.png", "-o", output, *SMALL, *words]) == 0
    return Recipe.from_file(output)


def test_guides_are_in_the_recipe_and_found_again(folder: Path) -> None:
    recipe = dreamed("--objective", "fire3^2 - 0.1*tv", "--guide", "guide.png", "--guide", "0.5*left.png")
    assert recipe.objective == 'guide:"guide.png"@fire3 + 0.5*guide:"left.png"@fire3 - 0.1*tv'
    assert set(recipe.guides) == {"guide.png", "left.png"}
    assert main(["run", "out.png", "-o", "again.png", "--quiet"]) == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    calm = dreamed("--objective", "fire3", "--guide", "guide.png", "--guide-mean")
    assert calm.objective == 'guide_mean:"guide.png"@fire3'


def test_masks_are_in_the_recipe_and_confine_the_dream(folder: Path) -> None:
    recipe = dreamed("--mask", "left.png:class:espresso - 0.5*keep", "--feather", "0")
    assert recipe.objective == ""
    assert [(each.file, each.objective) for each in recipe.masks] == [("left.png", "class:espresso - 0.5*keep")]
    change = (open_image("out.png") - open_image("photo.png")).abs()
    assert float(change[..., 40:].max()) == 0
    assert float(change[..., :40].mean()) > 0.001
    assert main(["run", "out.png", "-o", "again.png", "--quiet"]) == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_mask_without_words_takes_the_objective_and_its_guides(folder: Path) -> None:
    recipe = dreamed("--objective", "fire2", "--mask", "left.png", "--guide", "guide.png")
    assert [each.objective for each in recipe.masks] == ['guide:"guide.png"@fire2']
    assert set(recipe.guides) == {"guide.png"}


def test_a_recipe_of_masks_is_a_configuration_too(folder: Path) -> None:
    recipe = dreamed("--mask", "left.png:fire2^2")
    Path("again.toml").write_text(recipe.to_toml())
    assert dreamed("--config", "again.toml", output="other.png").masks == recipe.masks


def test_a_changed_or_missing_file_is_told(folder: Path) -> None:
    guided = dreamed("--objective", "fire2", "--guide", "guide.png")
    masked = dreamed("--mask", "left.png:fire2")
    for name in ("guide.png", "left.png"):
        save_image(noise(1, 3, 64, 80, seed=7), Path(name))
    with pytest.raises(RecipeError, match=r"guide guide\.png changed"):
        run(guided)
    with pytest.raises(RecipeError, match=r"mask left\.png changed"):
        run(masked)
    for name in ("guide.png", "left.png"):
        Path(name).unlink()
    with pytest.raises(RecipeError, match=r"guide guide\.png is gone"):
        run(guided)
    with pytest.raises(RecipeError, match=r"mask left\.png is gone"):
        run(masked)


def test_files_are_found_beside_the_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = dreamed("--mask", "left.png:fire2", "--mask", 'left.png:guide:"guide.png"@fire2')
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    here = relocate_files(recipe, folder / "out.png")
    assert [each.file for each in here.masks] == [str(folder / "left.png")] * 2
    assert len(read_wish(here).objective.terms) == 2
    assert main(["run", str(folder / "out.png"), "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(open_image("again.png"), open_image(folder / "out.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mask", "empty.png:fire2"], "black everywhere"),
        (["--mask", "gone.png:fire2"], "no mask is called gone.png"),
        (["--mask", "left.png:fire2^"], "expected a power"),
        (["--mask", "left.png:fire2", "--objective", "fire3"], "every mask has a wish of its own"),
        (["--guide", "gone.png"], "gone.png"),
        (["--guide-mean"], "name one with --guide"),
        (["--guide", "guide.png", "--objective", "class:3"], "no layer for a guide"),
        (["--objective", "class:retriever"], "golden retriever (207)"),
        (["--objective", "class:expresso"], "did you mean espresso"),
        (["--objective", "class:1000"], "classes 0 to 999"),
        (["--objective", "class:espresso", "--model", "inception_v3"], "has no classifier"),
        (["--objective", "guide:guide.png"], "expected @ and a layer"),
        (["--objective", "guide:guide.png@fire99"], "fire9"),
        (["--guide", "guide.png", "-o", "guide.png"], "guide.png"),
        (["--mask", "left.png:fire2", "-o", "left.png"], "left.png"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = [] if "-o" in words else ["-o", "out.png"]
    before = Path("guide.png").read_bytes()
    assert main(["dream", "photo.png", *output, *SMALL, *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not Path("out.png").exists()
    assert Path("guide.png").read_bytes() == before


def test_a_wish_for_a_class_gets_its_preset_unless_another_is_said(folder: Path) -> None:
    assert dreamed("--objective", "class:espresso").settings.smoothing > 0
    assert dreamed("--objective", "class:espresso", "--preset", "default").settings.smoothing == 0
    assert dreamed("--objective", "fire2").settings.smoothing == 0
    guided = dreamed("--guide", "guide.png")
    assert guided.objective == 'guide:"guide.png"@fire9'
    assert guided.settings.smoothing > 0


def test_keep_color_is_in_the_recipe(folder: Path) -> None:
    recipe = dreamed("--objective", "fire2", "--keep-color")
    assert recipe.settings.keep_color
    assert "keep_color = true" in recipe.to_toml()
    change = open_image("out.png") - open_image("photo.png")
    assert float(change.abs().mean()) > 0.001
    assert float((change - change.mean(1, keepdim=True)).abs().max()) < 1.5 / 255


@pytest.mark.bundled
def test_captions_tell_before_and_after(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dreamed("--objective", "fire2")
    capsys.readouterr()
    assert main(["caption", "out.png", "--top", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    for when in ("before", "after"):
        chances = [each["probability"] for each in said[when]["classes"]]
        assert len(chances) == 3
        assert chances == sorted(chances, reverse=True)
    assert main(["caption", "photo.png", "--model", "squeezenet", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert "before" not in plain
    assert len(plain["after"]["classes"]) == 5
    Path("photo.png").unlink()
    assert main(["caption", "out.png"]) == 0
    assert "photo.png" not in capsys.readouterr().out
    assert main(["caption", "out.png", "--top", "0"]) == 2
    assert main(["caption", "out.png", "--model", "inception_v3"]) == 2
