"""The gallery: what is made is found again, told, taken home in any format, and deleted so that it can be undone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import torch

import reverie as rv
from reverie.errors import ImageFileError
from reverie.image.reading import read_photo
from reverie.image.writing import save_image
from reverie.recipe.film import read_any_recipe
from reverie.studio.cards import Cards, Query, read_card
from reverie.studio.converting import convert
from reverie.studio.gallery import Gallery
from reverie.studio.telling import tell_look
from reverie.studio.trash import Trash
from reverie.studio.workshop import Workshop
from visiting import DATA, SMALL, Visitor

FORMATS = ("png", "jpg", "webp", "avif", "tif")


def recipe_of(wish: str = "fire2^2", **has: Any) -> rv.Recipe:
    return rv.Recipe("cat.jpg", "0" * 64, "squeezenet", "0" * 64, wish, precision="float32", **has)


def put(folder: Path, name: str, recipe: rv.Recipe | None = None, age: float = 0.0) -> Path:
    """A small picture in a folder, made so many seconds ago."""
    path = folder / name
    save_image(torch.rand(1, 3, 24, 36), path, recipe=recipe.to_toml() if recipe else None)
    os.utime(path, (time.time() - age,) * 2)
    return path


def names(found: Any) -> list[str]:
    return [each["name"] for each in found["items"]]


def test_what_is_made_and_what_lies_there_is_listed_newest_first(workshop: Workshop, visitor: Visitor) -> None:
    folder = workshop.gallery.folder
    put(folder, "old.png", recipe_of(), 50)
    put(folder, "foreign.jpg", None, 20)
    put(folder, "new.webp", recipe_of("fire5:12"), 1)
    (folder / "notes.txt").write_text("no picture")
    (folder / "folder.png").mkdir()
    (folder / "broken.png").write_bytes(b"none")
    found = visitor.get("/studio/gallery")
    assert names(found) == ["broken.png", "new.webp", "foreign.jpg", "old.png"]
    assert found["count"] == 4 and found["folder"] == str(folder)
    told = {each["name"]: each for each in found["items"]}
    assert (told["new.webp"]["width"], told["new.webp"]["height"]) == (36, 24)
    assert told["new.webp"]["wish"] == "fire5:12" and told["new.webp"]["kind"] == "dream"
    assert told["foreign.jpg"]["kind"] == "" and told["broken.png"]["width"] is None
    assert names(visitor.get("/studio/gallery?first=1&count=2")) == ["new.webp", "foreign.jpg"]


def test_words_are_looked_for_in_names_wishes_and_networks(workshop: Workshop, visitor: Visitor) -> None:
    folder = workshop.gallery.folder
    put(folder, "cat-dream.png", recipe_of("fire8^2"))
    put(folder, "dog-dream.png", recipe_of("class:jellyfish"))
    put(folder, "holiday.jpg")
    (folder / "night.gif").write_bytes(b"GIF89a")
    for words, found in (("CAT", 1), ("jelly dog", 1), ("jelly cat", 0), ("dream squeezenet", 2), (" ", 4)):
        assert visitor.get(f"/studio/gallery?words={words}")["count"] == found, words
    assert names(visitor.get("/studio/gallery?kind=films")) == ["night.gif"]
    assert visitor.get("/studio/gallery?kind=pictures")["count"] == 3
    assert "pictures or films" in visitor.get("/studio/gallery?kind=other", 422)["error"]


def test_a_card_is_read_once_and_again_when_the_file_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def count(path: Path, film: bool) -> Any:
        read.append(path.name)
        return read_card(path, film)

    monkeypatch.setattr("reverie.studio.cards.read_card", count)
    cards = Cards(Gallery(tmp_path))
    put(tmp_path, "a.png", recipe_of("fire2"), 9)
    for _ in cards.fill():
        assert read == ["a.png"]
    for _ in range(3):
        assert cards.search(Query("fire2"), 0, 60)[1] == 1
    assert read == ["a.png"]
    put(tmp_path, "a.png", recipe_of("fire3"))
    assert cards.search(Query("fire3"), 0, 60)[1] == 1 and len(read) == 2


ELSEWHERE = ("..%2Fsecret.png", "%2e%2e%2fsecret.png", "..%5Csecret.png", "%2Fetc%2Fpasswd", ".hidden.png", "link.png",
             "inputs", "inputs%2Fa.png", ".thumbs%2Fa.jpg", "a%00.png", "x" * 300 + ".png", "%252e%252e%252fsecret.png",
             "notes.txt", "folder.png", "%FF.png", "gone.png")  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_nothing_but_the_items_of_the_folder_is_given_out(workshop: Workshop, visitor: Visitor, name: str) -> None:
    folder = workshop.gallery.folder
    secret = put(folder.parent, "secret.png", recipe_of())
    put(folder, ".hidden.png", recipe_of())
    (folder / "link.png").symlink_to(secret)
    (folder / "folder.png").mkdir()
    (folder / "notes.txt").write_text("mine")
    put(folder / "inputs", "a.png")
    put(folder / ".thumbs", "a.jpg")
    assert names(visitor.get("/studio/gallery")) == []
    for place in ("", "/thumb", "/state", "/about", "/before", "/download", "/download?format=jpg"):
        assert visitor.client.get(f"/studio/gallery/{name}{place}").status_code == 404, place
    assert visitor.client.post(f"/studio/gallery/{name}/use").status_code == 404
    assert visitor.client.delete(f"/studio/gallery/{name}").status_code in (404, 405)
    assert secret.exists() and (folder / "inputs" / "a.png").exists() and (folder / ".hidden.png").exists()


def test_a_name_that_is_no_text_hides_no_other(workshop: Workshop, visitor: Visitor) -> None:
    put(workshop.gallery.folder, "a.png")
    try:
        Path(os.fsdecode(os.fsencode(workshop.gallery.folder) + b"/\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    assert names(visitor.get("/studio/gallery")) == ["a.png"]


def test_a_dream_is_told_in_words_and_its_photo_is_shown(visitor: Visitor) -> None:
    upload = visitor.drop(DATA / "chelsea.jpg")
    item = visitor.wait(visitor.dream(input=upload["key"]))["item"]
    told = visitor.get(f"/studio/gallery/{item}/about")
    facts = dict(told["facts"])
    assert facts["Wish"] == "fire2^2" and facts["Photo"] == "chelsea.jpg" and facts["Network"] == "squeezenet"
    assert facts["Look"] == "default" and facts["Steps"] == "2 in each of 2 octaves" and facts["Seed"] == "0"
    assert told["seconds"] >= 0 and told["before"] and max(told["width"], told["height"]) == SMALL["size"]
    assert told["command"].startswith("reverie run ") and rv.Recipe.from_toml(told["toml"]).objective == "fire2^2"
    assert visitor.get(f"/studio/gallery/{item}/before?side=64").startswith(b"\xff\xd8")


def test_how_long_a_dream_took_is_known_in_the_next_studio(workshop: Workshop, visitor: Visitor) -> None:
    item = visitor.wait(visitor.dream())["item"]
    seconds = visitor.get(f"/studio/gallery/{item}/about")["seconds"]
    assert seconds is not None and Gallery(workshop.gallery.folder).notes.find(item) == seconds
    (workshop.gallery.folder / ".seconds.json").write_text("[1, 2")
    assert Gallery(workshop.gallery.folder).notes.find(item) is None


def test_a_picture_from_elsewhere_is_told_without_a_recipe(workshop: Workshop, visitor: Visitor) -> None:
    put(workshop.gallery.folder, "holiday.jpg")
    told = visitor.get("/studio/gallery/holiday.jpg/about")
    assert told["facts"] == [] and told["toml"] is None and told["command"] is None and not told["before"]
    assert "no recipe" in visitor.get("/studio/gallery/holiday.jpg/state", 404)["error"]
    assert visitor.post("/studio/gallery/holiday.jpg/use")["width"] == 36


def test_a_strangers_recipe_does_not_say_where_a_photo_is(workshop: Workshop, visitor: Visitor) -> None:
    secret = put(workshop.gallery.folder.parent, "secret.png")
    recipe = rv.Recipe(str(secret), "0" * 64, "squeezenet", "0" * 64, "fire2", precision="float32")
    put(workshop.gallery.folder, "a.png", recipe)
    assert not visitor.get("/studio/gallery/a.png/about")["before"]
    assert "not here" in visitor.get("/studio/gallery/a.png/before", 404)["error"]
    assert visitor.get("/studio/gallery/a.png/state")["missing"] == ["secret.png"]


def test_a_look_is_named_or_told_by_its_difference() -> None:
    assert tell_look(rv.Settings(seed=4, steps=99, size=64).as_dict()) == "default"
    assert tell_look(rv.Settings.of({"smoothing": 3.0}).as_dict()) == "default, but smoothing 3.0"


@pytest.mark.parametrize("form", FORMATS)
def test_a_dream_dropped_again_restores_every_control_in_any_format(
    visitor: Visitor, tmp_path: Path, form: str
) -> None:
    """Renamed, too; and where its photo and masks are not here any more, it says so."""
    photo = visitor.drop(DATA / "chelsea.jpg")
    mask = visitor.drop(DATA / "coffee.jpg")
    asked: dict[str, Any] = {
        "masks": [{"key": mask["key"], "objective": "fire3"}],
        "settings": {"seed": 7, "smoothing": 0.5},
    }
    item = visitor.wait(visitor.dream(input=photo["key"], **asked, objective=""))["item"]
    taken = tmp_path / f"another name.{form}"
    taken.write_bytes(visitor.get(f"/studio/gallery/{item}/download?format={form}"))
    state = visitor.drop(taken)["state"]
    assert state["input"]["name"] == "chelsea.jpg" and state["missing"] == []
    assert state["settings"] == {**SMALL, "seed": 7, "smoothing": 0.5, "panorama": "off"}
    assert [each["objective"] for each in state["masks"]] == ["fire3"]
    again = visitor.wait(visitor.dream(input=state["input"]["key"], **asked, objective=""))["item"]
    assert visitor.get(f"/studio/gallery/{again}") == visitor.get(f"/studio/gallery/{item}")


def test_what_is_missing_is_named(workshop: Workshop, visitor: Visitor, tmp_path: Path) -> None:
    photo, guide = visitor.drop(DATA / "chelsea.jpg"), visitor.drop(DATA / "coffee.jpg")
    item = visitor.wait(visitor.dream(input=photo["key"], guides=[{"key": guide["key"]}]))["item"]
    taken = tmp_path / "it.png"
    taken.write_bytes(visitor.get(f"/studio/gallery/{item}"))
    workshop.uploads.clear()
    workshop.uploads.folder.mkdir()
    for each in (workshop.gallery.folder / "inputs").iterdir():
        each.unlink()
    state = visitor.drop(taken)["state"]
    assert sorted(state["missing"]) == ["chelsea.jpg", "coffee.jpg"] and state["input"] is None


def test_a_guide_that_is_here_is_found_wherever_it_was(workshop: Workshop, visitor: Visitor) -> None:
    """A dream made at the command line names a file of its own; the same picture is in the gallery."""
    guide = visitor.drop(DATA / "coffee.jpg")
    digest = workshop.uploads.find(guide["key"]).digest
    recipe = recipe_of(str(rv.guide(DATA / "coffee.jpg", "fire3")), guides={str(DATA / "coffee.jpg"): digest})
    put(workshop.gallery.folder, "a.png", recipe)
    state = visitor.get("/studio/gallery/a.png/state")
    assert str(workshop.gallery.folder / "inputs") in state["objective"]


def test_the_astronaut_is_restored_as_itself(visitor: Visitor) -> None:
    item = visitor.wait(visitor.dream())["item"]
    assert visitor.get(f"/studio/gallery/{item}/state")["input"]["example"]
    assert visitor.get(f"/studio/gallery/{item}/about")["before"]


def test_weights_of_ones_own_are_restored_by_their_key(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    data = Path(rv.__file__).parent / "data" / "squeezenet1_1.safetensors"
    path.write_bytes(data.read_bytes())
    weights = visitor.drop(path)
    item = visitor.wait(visitor.dream(weights=weights["key"]))["item"]
    state = visitor.get(f"/studio/gallery/{item}/state")
    assert state["weights"] == weights["key"]
    assert dict(visitor.get(f"/studio/gallery/{item}/about")["facts"])["Network"].startswith("squeezenet, with the")


def write_rich(path: Path, depth: int, profile: str = "") -> np.ndarray[Any, Any]:
    """A picture with alpha and a recipe, of 8 or 16 bits, in a color profile; returns its samples."""
    top, kind = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    samples = np.random.default_rng(0).integers(0, top + 1, (20, 30, 4)).astype(kind)
    picture = pyvips.Image.new_from_array(samples).copy(interpretation="srgb" if depth == 8 else "rgb16")
    if profile:
        data = pyvips.Image.profile_load(profile)
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", data)
    picture.write_to_file(str(path))
    return samples


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("form", ["png", "tif"])
@pytest.mark.parametrize("profile", ["", "p3"])
def test_png_and_tiff_keep_every_sample(tmp_path: Path, depth: int, form: str, profile: str) -> None:
    source = tmp_path / ("a.tif" if form == "png" else "a.png")
    samples = write_rich(source, depth, profile)
    made = pyvips.Image.new_from_file(str(convert(source, f".{form}", tmp_path)))
    assert made.format == ("uchar" if depth == 8 else "ushort")
    assert np.array_equal(made.numpy(), samples)
    assert bool(made.get_typeof("icc-profile-data")) == bool(profile)


@pytest.mark.parametrize("form", ["png", "tif"])
def test_a_turned_photo_comes_out_upright(tmp_path: Path, form: str) -> None:
    save_image(torch.rand(1, 3, 16, 40), tmp_path / "flat.jpg")
    turned = pyvips.Image.new_from_file(str(tmp_path / "flat.jpg")).copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    turned.write_to_file(str(tmp_path / "turned.jpg"))
    made = convert(tmp_path / "turned.jpg", f".{form}", tmp_path)
    assert read_photo(made).size == (40, 16)
    assert torch.equal(read_photo(made).image, read_photo(tmp_path / "turned.jpg").image)


@pytest.mark.parametrize("kind", ["float", "gray", "cmyk"])
@pytest.mark.parametrize("form", FORMATS)
def test_pictures_of_other_kinds_are_converted(tmp_path: Path, kind: str, form: str) -> None:
    picture = pyvips.Image.new_from_array(np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8))
    picture = picture.copy(interpretation="srgb")
    space = {"float": "scrgb", "gray": "b-w", "cmyk": "cmyk"}[kind]
    picture.colourspace(space).write_to_file(str(tmp_path / "a.tif"))
    assert read_photo(convert(tmp_path / "a.tif", f".{form}", tmp_path)).size == (20, 30)


@pytest.mark.parametrize("form", FORMATS)
def test_a_recipe_reads_back_equal_from_every_format(tmp_path: Path, form: str) -> None:
    path = put(tmp_path, "a.png", recipe_of("fire8^2 - 0.1*tv", settings=rv.Settings(seed=3)))
    made = convert(path, f".{form}", tmp_path)
    assert read_any_recipe(made) == read_any_recipe(path)
    assert read_photo(made).size == (24, 36)


def test_an_avif_keeps_alpha_and_more_than_eight_bits(tmp_path: Path) -> None:
    write_rich(tmp_path / "a.png", 16)
    photo = read_photo(convert(tmp_path / "a.png", ".avif", tmp_path))
    assert photo.alpha is not None and photo.depth == 16


def test_a_format_that_is_none_is_refused_and_leaves_nothing(workshop: Workshop, visitor: Visitor) -> None:
    put(workshop.gallery.folder, "a.png", recipe_of())
    before = sorted(workshop.folder.iterdir())
    assert "expected one of" in visitor.get("/studio/gallery/a.png/download?format=exe", 422)["error"]
    (workshop.gallery.folder / "b.png").write_bytes(b"none")
    visitor.get("/studio/gallery/b.png/download?format=jpg", 422)
    visitor.get("/studio/gallery/a.png/download?format=jpg")
    assert sorted(workshop.folder.iterdir()) == before


def test_a_film_is_taken_home_as_it_is(workshop: Workshop, visitor: Visitor) -> None:
    (workshop.gallery.folder / "night.gif").write_bytes(b"GIF89a and so on")
    assert visitor.get("/studio/gallery/night.gif/download?format=png") == b"GIF89a and so on"


def test_what_is_deleted_can_be_taken_back_until_the_end(workshop: Workshop, visitor: Visitor) -> None:
    folder = workshop.gallery.folder
    path = put(folder, "a.png", recipe_of())
    data = path.read_bytes()
    first = visitor.client.delete("/studio/gallery/a.png").json()
    assert names(visitor.get("/studio/gallery")) == [] and not path.exists()
    assert visitor.post(f"/studio/trash/{first['key']}/back") == {"name": "a.png"}
    assert path.read_bytes() == data
    assert "for good" in visitor.post(f"/studio/trash/{first['key']}/back", status=404)["error"]
    for key in ("..", ".", "a" * 32, "..%2Finputs"):
        assert visitor.client.post(f"/studio/trash/{key}/back").status_code in (404, 405)
    second = visitor.client.delete("/studio/gallery/a.png").json()
    put(folder, "a.png")
    assert visitor.post(f"/studio/trash/{second['key']}/back") == {"name": "a-2.png"}
    visitor.client.delete("/studio/gallery/a.png")
    workshop.close(10)
    assert not (folder / ".trash").exists()


def test_the_trash_is_emptied_by_age(tmp_path: Path) -> None:
    trash = Trash(tmp_path / ".trash")
    key = trash.put(put(tmp_path, "a.png"))
    trash.empty(60)
    assert (tmp_path / ".trash" / key).exists()
    os.utime(tmp_path / ".trash" / key, (time.time() - 61,) * 2)
    trash.empty(60)
    assert not (tmp_path / ".trash").exists()


def test_a_gallery_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImageFileError, match="--gallery"):
        Gallery(tmp_path / "file")
