"""`rv.visualize`: what it takes, what its picture remembers, and what a start is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch

import reverie as rv
from reverie.ascent.pieces import VisualOptions, check_objects, collect_pieces
from reverie.cli import main
from reverie.errors import Interrupted, RecipeError, SettingsError
from reverie.image.contact_sheet import CELL_GAP, arrange_pictures, lay_on_white
from reverie.models.torch_model import TorchModel
from reverie.types import Canvas, Image

PHOTO = Path(__file__).parent.parent / "data" / "coffee.jpg"
SMALL: Any = {"size": 40, "steps": 3}


def mirrored(image: Canvas) -> Canvas:
    """A transform of one's own."""
    return image.flip(3)


@pytest.fixture(scope="module")
def untrained() -> rv.Model:
    return rv.load_model("squeezenet", weights="random", device="cpu", precision="float32")


def test_what_is_taken_by_name_are_the_settings_and_a_start() -> None:
    assert set(get_type_hints(VisualOptions)) == {each.name for each in rv.VisualSettings.fields()} | {"start"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": (40, 52), "param": "maco", "alpha": True},
        {"transforms": [rv.Crop(0.5, 0.9), rv.Noise(0.1)], "draws": 2, "optimizer": torch.optim.NAdam},
        {"start": str(PHOTO)},
        {"start": str(PHOTO), "size": "40x40", "param": "cppn"},
    ],
)
def test_a_picture_is_made_again_by_its_recipe(options: Any, untrained: rv.Model, tmp_path: Path) -> None:
    picture = rv.visualize(untrained, "fire2:5", **{**SMALL, **options})
    assert picture.recipe is not None
    recipe = rv.VisualRecipe.from_toml(picture.recipe)
    assert rv.VisualRecipe.from_toml(recipe.to_toml()) == recipe
    assert torch.equal(rv.run(recipe), picture)
    rv.save_image(picture, tmp_path / "made.png")
    assert rv.read_recipe(tmp_path / "made.png") == recipe


def test_a_param_object_that_has_words_is_remembered(untrained: rv.Model) -> None:
    picture = rv.visualize(untrained, "fire2:5", steps=2, param=rv.FourierImage((40, 48), 1.5))
    assert picture.recipe is not None and torch.equal(rv.run(rv.VisualRecipe.from_toml(picture.recipe)), picture)
    assert collect_pieces(None, {"param": rv.CPPN((40, 40))}).settings.param == "cppn"
    assert collect_pieces(None, {"param": rv.CPPN((40, 40), 12)}).unnamed == ("param",)


def test_what_no_words_say_keeps_no_recipe(tiny: TorchModel, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("reverie").propagate = True
    picture = rv.visualize(tiny, "b:3", transforms=[rv.Jitter(2), mirrored], optimizer=torch.optim.RMSprop, **SMALL)
    assert picture.recipe is None
    assert set(caplog.messages) == {"the picture keeps no recipe: no words say its transforms and optimizer"}
    with pytest.raises(SettingsError, match="jitter is 3, but transforms"):
        rv.visualize(tiny, "b:3", transforms=[mirrored], jitter=3, **SMALL)


@pytest.mark.parametrize("options", [{"transforms": [3]}, {"transforms": 3}, {"optimizer": 3}, {"param": 3}])
def test_objects_that_cannot_do_it_are_one_line(options: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{next(iter(options))} is .*; expected"):
        check_objects(None, options)
    with pytest.raises(SettingsError, match=r"expected rv\.VisualSettings"):
        check_objects(options, {})


def test_progress_is_told_and_an_interrupted_picture_is_kept(tiny: TorchModel) -> None:
    places: list[str] = []

    def stop(progress: rv.Progress) -> None:
        places.append(progress.place)
        assert progress.preview(16).shape == (1, 3, 16, 16)
        if len(places) == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        rv.visualize(tiny, "b:3", progress=stop, **SMALL)
    assert places == ["step 1/3", "step 2/3"]
    assert torch.equal(caught.value.image, rv.visualize(tiny, "b:3", size=40, steps=2))


def ramp() -> Image:
    return torch.linspace(0.2, 0.8, 60).expand(1, 3, 40, 60)


def test_a_start_is_changed_where_the_wish_sees_something_and_kept_by_keep(tiny: TorchModel) -> None:
    def change(words: str) -> float:
        picture = rv.visualize(tiny, words, size=60, steps=12, step_size=0.05, start=ramp())
        assert picture.shape == (1, 3, 40, 60)
        return float((picture - ramp()).abs().mean())

    assert change("b:3") > 2 * change("b:3 + 3*keep") > 0


def test_a_start_for_each_wish() -> None:
    pieces = collect_pieces(rv.VisualSettings(size="30x20"), {"start": torch.rand(2, 3, 60, 40)})
    assert pieces.start is not None and pieces.start.shape == (2, 3, 30, 20)


def test_wrong_starts_are_one_line(tiny: TorchModel) -> None:
    with pytest.raises(SettingsError, match="a start of 2 pictures for 3 wishes"):
        rv.visualize(tiny, ["b:1", "b:2", "b:3"], start=torch.rand(2, 3, 40, 40), **SMALL)
    with pytest.raises(SettingsError, match="say what to begin from"):
        rv.visualize(tiny, "b:1 + keep", **SMALL)
    with pytest.raises(SettingsError, match="excites nothing"):
        rv.visualize(tiny, "keep", start=ramp(), **SMALL)


def test_an_array_that_was_a_start_is_asked_for(untrained: rv.Model) -> None:
    picture = rv.visualize(untrained, "fire2:5", start=ramp(), **SMALL)
    assert picture.recipe is not None
    with pytest.raises(RecipeError, match="the input was an array in Python"):
        rv.run(rv.VisualRecipe.from_toml(picture.recipe))


def test_several_are_a_batch_in_python_and_a_sheet_by_a_recipe(untrained: rv.Model) -> None:
    batch = rv.visualize(untrained, ["fire2:5", "fire2:6"], **SMALL)
    assert batch.shape == (2, 3, 40, 40) and batch.recipe is None
    small = rv.VisualSettings(**SMALL)
    recipe = rv.VisualRecipe("fire2:5; fire2:6", precision="float32", weights="random", settings=small)
    assert torch.allclose(rv.run(recipe), arrange_pictures(batch), atol=1e-2)
    grid = rv.VisualRecipe("fire2:5; fire2:6", weights="random", settings=small, grid="1x3")
    assert rv.run(grid).shape == (1, 3, 40 + 2 * CELL_GAP, 3 * 40 + 4 * CELL_GAP)


def test_pictures_are_arranged_row_by_row() -> None:
    pictures = torch.rand(5, 4, 6, 9)
    sheet = arrange_pictures(pictures, 2)
    assert sheet.shape == (1, 4, 3 * 6 + 4 * CELL_GAP, 2 * 9 + 3 * CELL_GAP)
    top, left = CELL_GAP + 6 + CELL_GAP, CELL_GAP + 9 + CELL_GAP
    assert torch.equal(sheet[0, :, top : top + 6, left : left + 9], pictures[3])
    assert torch.equal(arrange_pictures(pictures[:1]), pictures[:1])
    clear = torch.cat([torch.rand(1, 3, 2, 2), torch.zeros(1, 1, 2, 2)], 1)
    assert torch.equal(lay_on_white(clear), torch.ones(1, 3, 2, 2))


@pytest.mark.bundled
def test_a_guide_that_changed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of every file that the wish names is part of the recipe; the file may move with the picture."""
    monkeypatch.chdir(tmp_path)
    rv.save_image(torch.rand(1, 3, 64, 64), "guide.png")
    shown = rv.visualize(rv.load_model(precision="float32"), rv.guide("guide.png", "fire2"), size=48, steps=1)
    assert shown.recipe is not None
    recipe = rv.VisualRecipe.from_toml(shown.recipe)
    assert len(recipe.guides["guide.png"]) == 64 and torch.equal(rv.run(recipe), shown)
    rv.save_image(shown, "shown.png")
    (tmp_path / "moved").mkdir()
    for name in ("guide.png", "shown.png"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert main(["run", "moved/shown.png", "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(rv.open_image("again.png"), rv.open_image("moved/shown.png"))
    rv.save_image(torch.rand(1, 3, 64, 64), "guide.png")
    with pytest.raises(rv.ReverieError, match="guide guide.png changed since"):
        rv.run(recipe)


def test_terms_over_a_batch_need_one(tiny: TorchModel) -> None:
    with pytest.raises(rv.ReverieError, match="diversity"):
        rv.visualize(tiny, "b:3 + diversity:a", **SMALL)
