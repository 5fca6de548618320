"""Wishes chosen by pictures, layers and channels, in words and as a list; classes; and a wish by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import pyvips
import torch

import reverie as rv
from reverie.recipe.recipe import VisualRecipe
from reverie.settings import Settings, VisualSettings
from reverie.studio import atlas
from reverie.studio.workshop import Workshop
from visiting import DATA, Visitor

pytestmark = pytest.mark.bundled


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REVERIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(atlas, "CHANNEL", VisualSettings(size=48, steps=2))
    monkeypatch.setattr(atlas, "PHOTO", Settings(size=96, steps=1, octaves=1))


def wait_for_tiles(visitor: Visitor, asked: dict[str, Any], name: str, many: int) -> list[Any]:
    for _ in range(600):
        found = list(visitor.post("/studio/tiles", asked)[name])
        if len(found) >= many:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{found} of {asked}")


def test_every_layer_and_channel_has_a_picture(visitor: Visitor, tmp_path: Path) -> None:
    layers = {each["layer"]: each for each in visitor.post("/studio/layers")["layers"]}
    assert layers["fire8"]["channels"] == 512 and layers["fire2"]["sees"] < layers["fire8"]["sees"]
    asked = {"layer": "fire2", "channels": [3, 1, 2, 9, 127, 999]}
    assert sorted(wait_for_tiles(visitor, asked, "channels", 5)) == [1, 2, 3, 9, 127]  # there is no channel 999
    picture = pyvips.Image.new_from_buffer(visitor.get("/studio/tiles/channel/fire2/127"), "")
    assert (picture.width, picture.height) == (48, 48)
    assert len(list((tmp_path / "cache" / "studio").rglob("*.jpg"))) == 5
    assert "error" in visitor.get("/studio/tiles/channel/fire2/4", 422)


def test_layers_show_what_they_make_of_the_photo(visitor: Visitor) -> None:
    photo = visitor.drop(DATA / "coffee.jpg")
    for asked in ({"layers": ["fire2", "fire5"], "input": photo["key"]}, {"layers": ["fire2"]}):
        wait_for_tiles(visitor, asked, "layers", len(asked["layers"]))
    own = visitor.get(f"/studio/tiles/photo/fire5?input={photo['key']}")
    assert pyvips.Image.new_from_buffer(own, "").width == 96
    assert visitor.get("/studio/tiles/photo/fire2") != visitor.get(f"/studio/tiles/photo/fire2?input={photo['key']}")


def test_pictures_never_let_a_dream_wait(visitor: Visitor, workshop: Workshop) -> None:
    visitor.post("/studio/tiles", {"layer": "fire8", "channels": list(range(40))})
    assert visitor.wait(visitor.dream())["state"] == "done"
    made = visitor.post("/studio/tiles", {"layer": "fire8", "channels": list(range(40))})["channels"]
    assert len(made) < 40
    visitor.post("/studio/tiles", {"layer": "fire3", "channels": [5]})  # what is looked at now comes first
    assert wait_for_tiles(visitor, {"layer": "fire3", "channels": [5]}, "channels", 1) == [5]
    workshop.queue.close()


def test_a_wish_is_a_list_and_words(visitor: Visitor) -> None:
    words = "fire8^2 + 0.5*fire5:12 - 0.1*tv + 0.3*class:jellyfish + fire8:61@"
    terms = visitor.post("/studio/wish", {"words": words})["terms"]
    assert [each["kind"] for each in terms] == ["layer", "channel", "other", "class", "other"]
    assert [each["weight"] for each in terms] == [1, 0.5, -0.1, 0.3, 1]
    assert terms[0] == {"weight": 1, "words": "fire8^2", "kind": "layer", "layer": "fire8", "power": 2}
    assert terms[1]["channel"] == 12 and terms[3]["words"] == "class:jellyfish"
    assert visitor.post("/studio/wish", {"words": "  "}) == {"terms": [], "error": None}
    visitor.post("/studio/layers")
    for wrong, hint in (("fire8^", "fire8"), ("fire99", "fire9"), ("class:espreso", "espresso"), ("fire8:900", "511")):
        told = visitor.post("/studio/wish", {"words": wrong})
        assert hint in told["error"] and "\n" not in told["error"], told


def test_classes_are_those_of_the_network(visitor: Visitor) -> None:
    classes = visitor.post("/studio/classes")["classes"]
    assert len(classes) == 1000 and any("jellyfish" in each for each in classes)
    assert "error" in visitor.client.post("/studio/classes", content='{"model": "mine.py:make"}').json()


def test_a_wish_is_shown_by_itself(visitor: Visitor, workshop: Workshop) -> None:
    asked = {"objective": "fire3:5", "settings": {"size": 48, "steps": 2}}
    over = visitor.wait(visitor.post("/studio/visualize", asked))
    assert over["state"] == "done" and over["item"] == "fire3-5.png"
    recipe = rv.read_recipe(workshop.gallery.folder / over["item"])
    assert isinstance(recipe, VisualRecipe) and recipe.visualize == "fire3:5"
    assert visitor.get("/studio/gallery/fire3-5.png/state")["kind"] == "visualize"
    for wrong, status in (
        ({"objective": "fire8^"}, 422),
        ({"objective": 'guide:"/etc/passwd"@fire8'}, 403),
        ({"objective": "fire3", "model": "mine.py:make"}, 403),
        ({"objective": "fire3", "settings": {"size": 0}}, 422),
    ):
        visitor.post("/studio/visualize", wrong, status)


def test_a_mask_is_drawn_back_as_it_was_painted(visitor: Visitor, tmp_path: Path) -> None:
    region = torch.zeros(1, 4, 20, 30)
    region[:, :3], region[:, 3:, 5:15, 10:20] = 1, 1
    rv.save_image(region, tmp_path / "mask.png")
    mask = visitor.drop(tmp_path / "mask.png")
    drawn = pyvips.Image.new_from_buffer(visitor.get(f"/studio/uploads/{mask['key']}/mask"), "")
    alpha = drawn[drawn.bands - 1].numpy()
    assert drawn.hasalpha() and (alpha == (region[0, 3].numpy() * 255)).all()
