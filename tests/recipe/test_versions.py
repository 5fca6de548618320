"""Recipes of earlier versions go on giving the pictures they gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reverie.cli import main
from reverie.errors import RecipeError, ReverieError
from reverie.image.embedding import read_recipe_text
from reverie.image.reading import read_photo
from reverie.recipe.recipe import Recipe
from reverie.recipe.versions import OVERSHOOT_VERSION, installed_version
from reverie.settings import Settings

OLD = Path(__file__).parent.parent / "data" / "recipes"
RECIPE = Recipe("a", "b", "c", "d", "e", "f", version="0.2.0")


def dreamed(folder: Path) -> list[Path]:
    """The pictures in a folder that hold a recipe."""
    found = []
    for path in sorted(folder.glob("*/*.png")):
        try:
            read_recipe_text(path)
        except ReverieError:
            continue
        found.append(path)
    return found


@pytest.mark.bundled
@pytest.mark.parametrize("path", dreamed(OLD), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dream_of_an_earlier_version_is_dreamed_again(path: Path, tmp_path: Path) -> None:
    """To the bit on the machine that made it; on another kind of processor sums may round to the next shade."""
    assert Recipe.from_file(path).version == path.parent.name
    assert main(["run", str(path), "-o", str(tmp_path / "again.png"), "--quiet"]) == 0
    change = 255 * (read_photo(tmp_path / "again.png").image - read_photo(path).image).abs()
    assert float(change.max()) < 1.5 and float(change.mean()) < 0.02


@pytest.mark.bundled
def test_as_it_is_dreamed_now_it_is_another_picture(tmp_path: Path) -> None:
    """So the stored pictures would tell if their version counted for nothing."""
    for name in ("larger", "keepcolor", "hard"):
        path = OLD / OVERSHOOT_VERSION / f"{name}.png"
        recipe = Recipe.from_file(path)
        now = replace(recipe, version="0.2.0", settings=replace(recipe.settings, overshoot=False))
        (tmp_path / "now.toml").write_text(now.to_toml())
        for file in path.parent.glob("*.png"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        assert main(["run", str(tmp_path / "now.toml"), "-o", str(tmp_path / "now.png"), "--quiet"]) == 0
        change = 255 * (read_photo(tmp_path / "now.png").image - read_photo(path).image).abs()
        assert float(change.max()) > 1.5, name


@pytest.mark.parametrize(
    ("version", "says", "overshoot"),
    [
        (OVERSHOOT_VERSION, "", True),
        (OVERSHOOT_VERSION, "overshoot = false", False),
        (OVERSHOOT_VERSION, "overshoot = true", True),
        ("0.1.1", "", False),
        ("0.1.0.dev3", "", False),
        ("0.2.0", "overshoot = true", True),
        (None, "", False),
    ],
)
def test_a_recipe_means_what_its_version_did(version: str | None, says: str, overshoot: bool) -> None:
    words = [f'{name} = "x"' for name in ("input", "input_sha256", "model", "model_sha256", "objective", "precision")]
    words += [] if version is None else [f'version = "{version}"']
    recipe = Recipe.from_toml("\n".join([*words, "[settings]", "steps = 3", says]))
    assert recipe.settings == Settings(steps=3, overshoot=overshoot)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    with pytest.raises(RecipeError, match="overshoot is 3"):
        Recipe.from_toml("\n".join([*words, "[settings]", "overshoot = 3"]))


def test_overshoot_is_written_down_only_where_the_version_would_not_tell() -> None:
    overshot = replace(RECIPE, settings=Settings(overshoot=True))
    assert "overshoot" not in RECIPE.to_toml()
    assert "overshoot = true" in overshot.to_toml()
    assert "overshoot = false" in replace(RECIPE, version=OVERSHOOT_VERSION).to_toml()
    assert "overshoot" not in replace(overshot, version=OVERSHOOT_VERSION).to_toml()
    assert "overshoot" not in Settings().as_dict()


def test_a_recipe_written_now_is_of_this_version() -> None:
    import reverie

    assert Recipe("a", "b", "c", "d", "e", "f").version == installed_version() == reverie.__version__
