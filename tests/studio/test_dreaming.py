"""A visitor drops a photo, dreams it, stops it, goes on, and finds every control again."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import reverie as rv
from reverie.cli import main
from reverie.recipe.recipe import Recipe
from reverie.studio import dreams
from reverie.studio.workshop import Workshop
from visiting import DATA, SMALL, Visitor

pytestmark = pytest.mark.bundled

LONG = {"steps": 100_000}


def test_a_photo_is_dropped_dreamed_and_in_the_gallery(visitor: Visitor, workshop: Workshop) -> None:
    photo = visitor.drop(DATA / "coffee.jpg")
    assert (photo["height"], photo["width"], photo["kind"], photo["state"]) == (256, 384, "picture", None)
    told = visitor.dream(input=photo["key"])
    events = visitor.follow(told)
    over = events[-1]
    assert over["state"] == "done" and over["news"]["share"] == 1
    assert sum(len(each["scores"]) for each in events) == 4
    assert any(each.get("preview", "").startswith("data:image/jpeg") for each in events)
    item = visitor.get("/studio/gallery")["items"][0]
    assert item["name"] == over["item"] == "coffee-dream.png"
    recipe = rv.read_recipe(workshop.gallery.folder / over["item"])
    assert isinstance(recipe, Recipe) and recipe.settings == rv.Settings(**SMALL, panorama="off")
    assert Path(recipe.input).read_bytes() == (DATA / "coffee.jpg").read_bytes()
    picture = rv.open_image(workshop.gallery.folder / over["item"])
    assert torch.equal((rv.run(recipe) * 255).round(), (picture * 255).round())


def test_the_command_line_that_is_shown_dreams_the_same(
    visitor: Visitor, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, guide = visitor.drop(DATA / "coffee.jpg"), visitor.drop(DATA / "chelsea.jpg")
    mask = visitor.drop(make_mask(tmp_path))
    asks: dict[str, dict[str, Any]] = {
        "plain": {},
        "class": {"objective": "class:espresso", "settings": {"smoothing": 0.0, "keep_color": True}},
        "guide": {"objective": "fire3", "guides": [{"key": guide["key"], "weight": 0.5}], "guide_mean": True},
        "mask": {"masks": [{"key": mask["key"], "objective": "fire3^2"}], "preset": "google-2015"},
    }
    monkeypatch.chdir(tmp_path)
    for name, asked in asks.items():
        over = visitor.wait(visitor.dream(input=photo["key"], **asked))
        assert over["state"] == "done", over
        assert main([*shlex.split(over["command"])[1:], "-o", f"{name}.png", "--quiet"]) == 0
        mine, theirs = (rv.read_recipe(each) for each in (f"{name}.png", workshop.gallery.folder / over["item"]))
        assert mine == theirs, name


def make_mask(folder: Path) -> Path:
    mask = torch.zeros(1, 3, 32, 48)
    mask[..., :24] = 1
    rv.save_image(mask, folder / "mask.png")
    return folder / "mask.png"


def test_a_dream_is_stopped_kept_and_gone_on_with(visitor: Visitor, workshop: Workshop) -> None:
    told = visitor.dream(settings=LONG)
    while visitor.get(f"/studio/dreams/{told['key']}")["news"] is None:
        time.sleep(0.01)
    visitor.post(f"/studio/dreams/{told['key']}/stop")
    over = visitor.wait(told)
    assert over["state"] == "canceled" and over["resumable"] and over["item"]
    kept = rv.read_recipe(workshop.gallery.folder / over["item"])
    assert isinstance(kept, Recipe) and kept.only_steps
    visitor.post(f"/studio/dreams/{told['key']}/resume")
    while visitor.get(f"/studio/dreams/{told['key']}")["state"] != "running":
        time.sleep(0.01)
    time.sleep(0.1)
    visitor.post(f"/studio/dreams/{told['key']}/stop")
    visitor.wait(told, "canceled")
    more = rv.read_recipe(workshop.gallery.folder / over["item"])
    assert isinstance(more, Recipe) and more.only_steps and more.only_steps > kept.only_steps


def test_others_wait_in_line_and_too_many_are_refused(visitor: Visitor) -> None:
    first = visitor.dream(settings=LONG)
    while visitor.get(f"/studio/dreams/{first['key']}")["state"] != "running":
        time.sleep(0.01)
    waiting = [visitor.dream() for _ in range(3)]
    assert [each["before"] for each in waiting] == [1, 2, 3]
    assert "try again" in visitor.dream(status=429)["error"]
    visitor.post(f"/studio/dreams/{first['key']}/stop")
    assert [visitor.wait(each)["state"] for each in waiting] == ["done"] * 3


def test_a_dream_that_nobody_looks_at_any_more_is_stopped(
    visitor: Visitor, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dreams, "GRACE", 0.0)
    told = visitor.dream(settings=LONG)
    dream = workshop.dreams.find(told["key"])
    workshop.dreams.sweep()
    assert not dream.ticket.is_over  # nobody has looked yet: it may be a script's
    with workshop.dreams.listening(dream):
        workshop.dreams.sweep()
        assert not dream.ticket.is_over
    time.sleep(0.01)
    workshop.dreams.sweep()
    assert visitor.wait(told)["state"] == "canceled"


def test_a_crashed_dream_frees_its_place(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = visitor.drop(DATA / "coffee.jpg")
    with monkeypatch.context() as broken:
        broken.setattr("reverie.studio.dreaming.prepare", lambda *_, **__: 1 / 0)
        over = visitor.wait(visitor.dream(input=photo["key"]))
    assert over["state"] == "failed" and "broke off" in over["error"]
    assert visitor.wait(visitor.dream(input=photo["key"]))["state"] == "done"


def test_a_picture_that_is_dropped_restores_every_control(visitor: Visitor, workshop: Workshop, tmp_path: Path) -> None:
    photo, mask = visitor.drop(DATA / "coffee.jpg"), visitor.drop(make_mask(tmp_path))
    asked: dict[str, Any] = {
        "objective": "fire3^2",
        "masks": [{"key": mask["key"], "objective": "fire2:3"}],
        "settings": {"jitter": 4},
    }
    over = visitor.wait(visitor.dream(input=photo["key"], **asked))
    picture = tmp_path / "renamed.png"
    picture.write_bytes((workshop.gallery.folder / over["item"]).read_bytes())
    state = visitor.drop(picture)["state"]
    assert state["kind"] == "dream" and state["missing"] == []
    assert state["settings"] == {**SMALL, "jitter": 4, "panorama": "off"}
    assert state["masks"][0]["objective"] == "fire2:3"
    again = {name: state[name] for name in ("objective", "preset", "model", "settings")}
    again |= {"input": state["input"]["key"], "masks": [{"key": state["masks"][0]["key"], "objective": "fire2:3"}]}
    second = visitor.wait(visitor.post("/studio/dreams", again))
    first, then = (rv.read_recipe(workshop.gallery.folder / each["item"]) for each in (over, second))
    assert first == then
    assert visitor.get(f"/studio/gallery/{over['item']}/state")["settings"] == state["settings"]


def test_surprises_are_a_sheet_to_choose_from(visitor: Visitor, workshop: Workshop) -> None:
    told = visitor.post("/studio/tries", {"count": 2, "seed": 3})
    events = visitor.follow(told)
    parts = [part for each in events for part in each["parts"]]
    assert [part["number"] for part in parts] == [0, 1] and events[-1]["state"] == "done", events[-1]["error"]
    assert all(part["objective"] and part["settings"]["steps"] for part in parts)
    assert visitor.get("/studio/gallery")["count"] == 0


MISTAKES: dict[str, tuple[dict[str, Any], int, str]] = {
    "a wish": ({"objective": "fire8^"}, 422, "fire8"),
    "a layer": ({"objective": "fire99"}, 0, "fire99"),
    "a setting": ({"settings": {"steps": -1}}, 422, "steps is -1"),
    "a setting's name": ({"settings": {"stepz": 1}}, 422, "steps"),
    "a preset": ({"preset": "googel"}, 422, "google-2015"),
    "a network": ({"model": "squeezenett"}, 422, "squeezenet"),
    "code": ({"model": "mine.py:make"}, 403, "code"),
    "a Keras file": ({"model": "/etc/model.keras"}, 403, "file"),
    "a file in a wish": ({"objective": 'guide:"/etc/passwd"@fire8'}, 403, "not dropped here"),
    "directions": ({"objective": 'dir:"/root/sae.safetensors":3@fire8'}, 403, "not dropped here"),
    "a key": ({"input": "../../etc/passwd"}, 404, "drop it again"),
    "weights": ({"weights": "/etc/passwd"}, 404, "drop it again"),
    "a field": ({"inputt": "x"}, 422, "inputt"),
    "a kind": ({"settings": 3}, 422, "settings"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(visitor: Visitor, name: str) -> None:
    asked, status, words = MISTAKES[name]
    if status:
        error = visitor.post("/studio/dreams", asked, status)["error"]
    else:  # only the network knows
        error = visitor.wait(visitor.post("/studio/dreams", asked))["error"]
    assert words in error and "\n" not in error
