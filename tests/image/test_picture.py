"""A picture is a tensor that says where it is from, until it is changed; and shows itself."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import IPython
import IPython.display
import PIL.Image
import pytest
import torch
from torch import Tensor

import reverie as rv
from reverie._native.files import hash_file
from reverie.image.contact_sheet import CELL_GAP, LINE_HEIGHT
from reverie.image.picture import SHOWN_SIDE, Origin, Picture

COFFEE = Path(__file__).parent.parent / "data" / "coffee.jpg"


def test_a_file_says_what_it_is() -> None:
    for picture in (rv.open_image(COFFEE), rv.read_photo(COFFEE).image, rv.open_image(rv.read_photo(COFFEE))):
        assert isinstance(picture, Picture)
        assert picture.origin == Origin(str(COFFEE), hash_file(COFFEE)) and picture.recipe is None


def test_what_is_computed_from_a_picture_claims_nothing() -> None:
    picture = Picture.of(torch.rand(1, 3, 4, 5), Origin("a.png", "0"), "recipe")
    for made in (picture * 1, picture.clone(), picture[..., :2], torch.cat([picture]), picture.flip(3)):
        assert type(made) is Tensor


@pytest.mark.parametrize("change", [lambda each: each.mul_(0.5), lambda each: each[..., 0].zero_()])
def test_a_picture_changed_in_place_claims_nothing(change: object) -> None:
    picture = Picture.of(torch.rand(1, 3, 4, 5), Origin("a.png", "0"), "recipe")
    before = [picture.recipe, picture.origin]
    change(picture)  # type: ignore[operator]
    assert all(before) and [picture.recipe, picture.origin] == [None, None]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_is_the_same_picture(again: object) -> None:
    picture = Picture.of(torch.rand(1, 3, 4, 5), recipe="recipe")
    other = again(picture)  # type: ignore[operator]
    assert type(other) is Picture and torch.equal(other, picture) and other.recipe == "recipe"


SHOWN = [((1, 3, 5, 7), (7, 5)), ((3, 3, 5, 7), (37, 5)), ((1, 3, 4, 4000), (SHOWN_SIDE, 2))]


@pytest.mark.parametrize(("shape", "shown"), SHOWN)
def test_a_notebook_sees_a_png(shape: tuple[int, ...], shown: tuple[int, int]) -> None:
    image = torch.rand(shape)
    with PIL.Image.open(io.BytesIO(Picture.of(image)._repr_png_())) as png:
        assert png.format == "PNG" and png.size == shown
        if shape[0] == 1 and shown[0] < SHOWN_SIDE:
            assert torch.allclose(rv.open_image(png), image, atol=0.5 / 255 + 1e-6)


def test_the_recipe_of_a_picture_is_written_with_it(tmp_path: Path) -> None:
    picture = Picture.of(torch.rand(1, 3, 4, 5), recipe="what = 1")
    for name, recipe, expected in [("a.png", None, "what = 1"), ("b.jpg", "other = 2", "other = 2")]:
        rv.save_image(picture, tmp_path / name, recipe=recipe)
        assert expected.encode() in (tmp_path / name).read_bytes()
    rv.save_image(picture, tmp_path / "c.png", recipe="")
    assert b"what" not in (tmp_path / "c.png").read_bytes()


class Notebook:
    """A stand-in for the shell of a notebook, which has a kernel."""

    kernel = None


def test_show_shows_every_picture_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython, "get_ipython", Notebook)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    image = torch.linspace(0, 1, 20).expand(2, 3, 12, 20)
    rv.show(image, image[0], labels=["one", "two", "three"], columns=2)
    with PIL.Image.open(io.BytesIO(shown[0].data)) as sheet:
        pixels = rv.open_image(sheet)
    height, width = 2 * (12 + LINE_HEIGHT) + 3 * CELL_GAP, 2 * 20 + 3 * CELL_GAP
    assert pixels.shape == (1, 3, height, width)
    first = pixels[..., CELL_GAP : CELL_GAP + 12, CELL_GAP : CELL_GAP + 20]
    assert torch.allclose(first, image[:1], atol=0.05)


def test_show_says_what_it_cannot_show(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(rv.ReverieError, match="notebook"):
        rv.show(torch.rand(1, 3, 4, 4))
    monkeypatch.setattr(IPython, "get_ipython", Notebook)
    for pictures, labels in [((), ()), ((torch.rand(1, 3, 4, 4),), ("one", "two"))]:
        with pytest.raises(rv.ReverieError, match="labels"):
            rv.show(*pictures, labels=labels)


def test_pictures_side_by_side_are_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython, "get_ipython", Notebook)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    rv.show(torch.rand(1, 3, 300, 400), torch.rand(1, 3, 150, 200))
    with PIL.Image.open(io.BytesIO(shown[0].data)) as sheet:
        assert sheet.size == (2 * 200 + 3 * CELL_GAP, 150 + 2 * CELL_GAP)
