"""A visitor drops a film, tries a frame of it, dreams it, stops it, and goes on; and a photo zooms, and morphs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

import reverie as rv
from film.clips import moving, write_clip
from filming import make_source
from reverie.errors import MissingExtra
from reverie.film import shots
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film
from reverie.recipe.film import FilmRecipe
from reverie.studio import dreams, stills
from reverie.studio.gallery import Gallery
from reverie.studio.workshop import Workshop
from visiting import DATA, Visitor

pytestmark = pytest.mark.bundled

FEW: dict[str, Any] = {"size": 64, "octaves": 1, "steps": 1}


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "SEGMENT", 4)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "walk.mp4", moving(12))


def asking(key: str | None, **asked: Any) -> dict[str, Any]:
    settings = {**FEW, **asked.pop("settings", {})}
    return {"dream": {"input": key, "objective": "fire2^2", "settings": settings}, **asked}


def make(visitor: Visitor, key: str | None, **asked: Any) -> Any:
    return visitor.wait(visitor.post("/studio/films", asking(key, **asked)))


def count(path: Path) -> int:
    return len(survey_film(open_film(path)).times)


def test_a_film_is_dropped_and_told_what_it_is(visitor: Visitor, clip: Path) -> None:
    told = visitor.drop(clip)
    assert (told["kind"], told["height"], told["width"], told["frames"], told["rate"]) == ("film", 48, 64, 12, 25)
    assert told["seconds"] == pytest.approx(0.48) and told["sound"] == []
    still = visitor.get(f"/studio/uploads/{told['key']}/still?at=200&side=32")
    assert pyvips.Image.new_from_buffer(still, "").width == 32


def test_a_still_is_the_frame_that_is_shown_then(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(12)]
    film = open_film(write_clip(tmp_path / "steps.mp4", frames, g=5))
    for second, value in [(0, 0), (0.1, 40), (0.119, 40), (0.121, 60), (0.44, 220), (9, 220)]:
        still = pyvips.Image.new_from_buffer(stills.make_still(film, second, 64), "")
        assert still.avg() == pytest.approx(value, abs=4), second


def test_a_film_that_was_dropped_is_served_in_ranges(visitor: Visitor, clip: Path) -> None:
    key = visitor.drop(clip)["key"]
    whole = visitor.client.get(f"/studio/uploads/{key}/file")
    assert whole.content == clip.read_bytes() and whole.headers["content-type"] == "video/mp4"
    part = visitor.client.get(f"/studio/uploads/{key}/file", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == clip.read_bytes()[100:200]
    photo = visitor.drop(DATA / "coffee.jpg")["key"]
    visitor.get(f"/studio/uploads/{photo}/file", 404)
    visitor.get("/studio/uploads/..%2Fwalk.mp4/file", 404)


def test_a_part_of_a_film_is_dreamed_and_in_the_gallery(visitor: Visitor, workshop: Workshop, clip: Path) -> None:
    key = visitor.drop(clip)["key"]
    told = visitor.post("/studio/films", asking(key, motion={"start": "0.08s", "end": "0.28s", "carry": 0.5}))
    events = visitor.follow(told)
    over = events[-1]
    assert over["state"] == "done" and over["item"] == "walk-dream.mp4" and over["news"]["place"] == "frame 5/5"
    assert any(each.get("preview", "").startswith("data:image/jpeg") for each in events)
    made = workshop.gallery.folder / over["item"]
    recipe = rv.read_film_recipe(made)
    assert count(made) == 5 and recipe.motion == rv.FilmSettings(start="0.08s", end="0.28s", carry=0.5)
    assert workshop.gallery.owns(Path(recipe.dream.input))
    item = visitor.get("/studio/gallery")["items"][0]
    assert item["film"] and visitor.get(f"/studio/gallery/{item['name']}/thumb").startswith(b"\xff\xd8")
    assert visitor.get("/studio/films/begun")["films"] == []


def test_the_sound_stays(visitor: Visitor, workshop: Workshop, tmp_path: Path) -> None:
    clip = make_source(tmp_path / "beeps.mp4").path
    told = visitor.drop(clip)
    assert told["sound"]
    over = make(visitor, told["key"])
    assert open_film(workshop.gallery.folder / over["item"]).sounds == tuple(told["sound"])


def test_a_frame_is_tried_and_tells_how_long_it_took(visitor: Visitor, clip: Path) -> None:
    key = visitor.drop(clip)["key"]
    text = '[curves]\nstep_size = "0.01 + 0.001*t"\n[[wish]]\nat = "0s"\nobjective = "fire2^2"'
    for more in ({}, {"keyframes": text}):
        told = visitor.post("/studio/films/frame", {**asking(key, **more), "at": 0.2})
        over = visitor.follow(told)[-1]
        assert over["state"] == "done", over["error"]
        (took,) = over["parts"] or visitor.get(f"/studio/dreams/{told['key']}")["parts"]
        assert took["first"] > 0 and took["following"] > 0
    assert visitor.get("/studio/gallery")["count"] == 0
    last = visitor.post("/studio/films/frame", {**asking(key), "at": 99})
    assert visitor.wait(last)["state"] == "done"


def stop_early(visitor: Visitor, told: Any) -> Any:
    while True:
        now = visitor.get(f"/studio/dreams/{told['key']}")
        if now["state"] == "failed" or (now["news"] and int(now["news"]["place"].split()[1].split("/")[0]) > 4):
            break
        time.sleep(0.005)
    visitor.post(f"/studio/dreams/{told['key']}/stop")
    return visitor.wait(told)


SLOW = {"settings": {"steps": 3, "octaves": 2}, "motion": {"frame_steps": 20}}


def test_a_stopped_film_goes_on_to_the_same_film(visitor: Visitor, workshop: Workshop, clip: Path) -> None:
    key = visitor.drop(clip)["key"]
    over = stop_early(visitor, visitor.post("/studio/films", asking(key, **SLOW)))
    assert over["state"] == "canceled" and over["resumable"] and over["item"] is None
    (begun,) = visitor.get("/studio/films/begun")["films"]
    assert (begun["name"], begun["frames"], begun["key"]) == ("walk-dream.mp4", 12, None) and begun["kept"] >= 4
    visitor.post(f"/studio/dreams/{over['key']}/resume")
    assert visitor.wait(over)["item"] == "walk-dream.mp4"
    whole = make(visitor, key, **SLOW)
    assert whole["item"] == "walk-dream-2.mp4"
    first, second = ((workshop.gallery.folder / each).read_bytes() for each in ("walk-dream.mp4", "walk-dream-2.mp4"))
    assert first == second


def test_a_film_goes_on_after_the_studio_was_closed(
    visitor: Visitor, workshop: Workshop, clip: Path, tmp_path: Path
) -> None:
    key = visitor.drop(clip)["key"]
    over = stop_early(visitor, visitor.post("/studio/films", asking(key, **SLOW)))
    workshop.dreams.find(over["key"]).ticket.run = None  # as if the studio had been closed since
    assert Gallery(workshop.gallery.folder).reserve("walk-dream", ".mp4").name == "walk-dream-2.mp4"
    told = visitor.post("/studio/films/begun/walk-dream.mp4")
    assert visitor.get("/studio/films/begun")["films"][0]["key"] in (told["key"], None)
    events = visitor.follow(told)
    assert events[-1]["item"] == "walk-dream.mp4"
    assert min(each["news"]["share"] for each in events if each["news"]) > 4 / 12  # what was made was not made again
    made = (workshop.gallery.folder / "walk-dream.mp4").read_bytes()
    again = make(visitor, key, **SLOW)
    assert (workshop.gallery.folder / again["item"]).read_bytes() == made


def test_a_film_that_was_begun_is_given_up(visitor: Visitor, workshop: Workshop, clip: Path) -> None:
    stop_early(visitor, visitor.post("/studio/films", asking(visitor.drop(clip)["key"], **SLOW)))
    assert visitor.client.delete("/studio/films/begun/walk-dream.mp4").status_code == 200
    assert visitor.get("/studio/films/begun")["films"] == []
    assert not list(workshop.gallery.folder.glob(".*.reverie"))
    visitor.post("/studio/films/begun/walk-dream.mp4", status=404)
    visitor.post("/studio/films/begun/..%2Fwalk-dream.mp4", status=404)


def test_a_film_goes_on_unseen_until_others_wait(
    visitor: Visitor, workshop: Workshop, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dreams, "GRACE", 0.0)
    slow = asking(visitor.drop(clip)["key"], settings={"steps": 1000})
    told = visitor.post("/studio/films", slow)
    dream = workshop.dreams.find(told["key"])
    with workshop.dreams.listening(dream):
        pass
    time.sleep(0.01)
    workshop.dreams.sweep()
    assert not dream.ticket.is_over and dream.ticket._wanted
    other = visitor.dream()
    workshop.dreams.sweep()
    assert visitor.wait(other)["state"] == "done"
    assert visitor.wait(told)["state"] == "canceled"


@pytest.mark.parametrize("kind", ["zoom", "morph"])
def test_a_photo_zooms_and_morphs(visitor: Visitor, workshop: Workshop, kind: str) -> None:
    key = visitor.drop(DATA / "coffee.jpg")["key"]
    asked: dict[str, Any] = {"kind": kind, "motion": {"seconds": 0.2, "frame_steps": 1}, "ending": ".webm"}
    asked |= {"wishes": ["fire2^2", "fire3^2"]} if kind == "morph" else {}
    tried = visitor.post("/studio/films/frame", {**asking(key, **asked), "at": 0.1})
    assert visitor.wait(tried)["state"] == "done"
    over = make(visitor, key, **asked)
    assert over["item"] == f"coffee-{kind}.webm", over["error"]
    recipe = rv.read_film_recipe(workshop.gallery.folder / over["item"])
    assert isinstance(recipe, FilmRecipe) and recipe.kind == kind
    assert recipe.keyframes.count("objective") == (2 if kind == "morph" else 0)
    state = visitor.drop(workshop.gallery.folder / over["item"])["state"]
    assert state["kind"] == kind and state["input"]["name"] == "coffee.jpg" and state["motion"]["seconds"] == 0.2


def test_animations_are_films_and_stills_are_pictures(visitor: Visitor, workshop: Workshop, tmp_path: Path) -> None:
    stack = pyvips.Image.arrayjoin([pyvips.Image.black(32, 24, bands=3) + 40 * n for n in range(5)], across=1)
    stack = stack.cast("uchar").copy(interpretation="srgb")
    stack.set_type(pyvips.GValue.gint_type, "page-height", 24)
    stack.set_type(pyvips.GValue.array_int_type, "delay", [100] * 5)
    for ending in (".webp", ".gif"):
        moves, still = tmp_path / f"moves{ending}", tmp_path / f"still{ending}"
        stack.write_to_file(str(moves))
        stack.crop(0, 0, 32, 24).write_to_file(str(still))
        told = visitor.drop(moves)
        assert (told["kind"], told["frames"], told["seconds"]) == ("film", 5, 0.5)
        assert visitor.drop(still)["kind"] == "picture"
        for path in (moves, still):
            (workshop.gallery.folder / path.name).write_bytes(path.read_bytes())
    kinds = {each["name"]: each["film"] for each in visitor.get("/studio/gallery")["items"]}
    assert kinds == {"moves.webp": True, "moves.gif": True, "still.webp": False, "still.gif": False}
    thumb = pyvips.Image.new_from_buffer(visitor.get("/studio/gallery/moves.webp/thumb"), "")
    assert thumb.avg() == pytest.approx(40, abs=12)  # the second of five


def test_what_is_no_film_is_told_in_one_line(visitor: Visitor, clip: Path, tmp_path: Path) -> None:
    text, cut, sound = tmp_path / "text.mp4", tmp_path / "cut.mp4", tmp_path / "empty.mkv"
    text.write_text("this is no film\n" * 100)
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    sound.write_bytes(b"\x1aE\xdf\xa3")
    for path in (text, cut, sound):
        error = visitor.drop(path, status=422)["error"]
        assert error.startswith(path.name) and "\n" not in error and str(tmp_path) not in error


def test_without_the_extra_a_line_says_which(visitor: Visitor, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MissingExtra("a film", "film")

    assert visitor.get("/studio/film")["missing"] is None
    monkeypatch.setattr(stills, "import_av", refuse)
    assert "reverie[film]" in visitor.get("/studio/film")["missing"]
    monkeypatch.setattr(stills, "open_film", refuse)
    assert "reverie[film]" in visitor.drop(clip, status=422)["error"]


MISTAKES: dict[str, tuple[dict[str, Any], int, str]] = {
    "an empty range": ({"motion": {"start": "2s", "end": "1s"}}, 422, "later end"),
    "a range behind the end": ({"motion": {"start": "50s"}}, 0, "no frame there"),
    "a setting": ({"motion": {"carry": 2}}, 422, "carry is 2"),
    "a setting's name": ({"motion": {"cary": 1}}, 422, "carry"),
    "an ending": ({"ending": ".exe"}, 422, ".mp4"),
    "a path": ({"ending": "/../../x.mp4"}, 422, "expected one of"),
    "a codec": ({"ending": ".webm", "encoding": {"codec": "h264"}}, 0, "cannot hold H.264"),
    "keyframes": ({"keyframes": "[curves"}, 422, "cannot be read"),
    "a curve": ({"keyframes": '[curves]\nstep_size = "9"'}, 0, "step_size is 9"),
    "a mask's file": ({"keyframes": '[[mask]]\nfile = "/etc/passwd"\nobjective = "fire2"'}, 403, "not dropped here"),
    "a guide's file": ({"keyframes": '[curves]\n"guide:\\"/etc/passwd\\"@fire2" = 1'}, 403, "not dropped here"),
    "one wish": ({"kind": "morph", "wishes": ["fire2"]}, 422, "no picture"),
    "a kind": ({"kind": "opera"}, 422, "opera"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(visitor: Visitor, clip: Path, name: str) -> None:
    asked, status, words = MISTAKES[name]
    body = asking(visitor.drop(clip)["key"], **asked)
    if status:
        error = visitor.post("/studio/films", body, status)["error"]
    else:  # only known once the film is looked through
        error = visitor.wait(visitor.post("/studio/films", body))["error"]
    assert words in error and "\n" not in error


def test_more_mistakes(visitor: Visitor) -> None:
    photo = visitor.drop(DATA / "coffee.jpg")["key"]
    assert "is a picture" in visitor.post("/studio/films", asking(photo), 422)["error"]
    assert "drop one" in visitor.post("/studio/films", asking(None), 404)["error"]
    assert "two at least" in visitor.post("/studio/films", asking(photo, kind="morph", wishes=["fire2"]), 422)["error"]
    endless = asking(photo, kind="zoom", motion={"seconds": 1e6, "rate": 1000})
    assert "too many frames" in visitor.post("/studio/films", endless, 422)["error"]
    assert "expected a time" in visitor.post("/studio/films/frame", {**asking(photo), "at": "now"}, 422)["error"]


def draw(visitor: Visitor, status: int = 200, **asked: Any) -> Any:
    return visitor.post("/studio/films/keyframes", asked, status)


def test_keyframes_are_drawn_from_text_and_from_tables_alike(visitor: Visitor, clip: Path) -> None:
    key = visitor.drop(clip)["key"]
    points = [{"at": "0s", "value": 0.01}, {"at": "0.44s", "value": 0.03, "ease": "hold"}]
    table = {"curves": {"step_size": points}, "wish": [{"at": "0s", "objective": "fire2^2"}], "mask": []}
    drawn = draw(visitor, input=key, table=table)
    assert (drawn["frames"], drawn["rate"]) == (12, 25) and drawn["table"] == table
    (curve,) = drawn["curves"]
    assert curve["values"] == [0.01] * 11 + [0.03] and [each["second"] for each in curve["points"]] == [0, 0.44]
    assert (curve["whole"], curve["most"]) == (False, 1)
    assert draw(visitor, input=key, text=drawn["text"]) == drawn
    part = draw(visitor, input=key, text="[curves]\nstrength = 's'", motion={"start": "0.2s"})
    assert part["frames"] == 7 and part["curves"][0]["points"] is None
    zoom = draw(visitor, kind="zoom", text="[curves]\njitter = '0:(0), 9:(9)'", motion={"seconds": 100, "rate": 50})
    assert zoom["frames"] == 5000 and len(zoom["times"]) == 480 and zoom["curves"][0]["whole"]


def test_keyframes_hear_the_film(visitor: Visitor, tmp_path: Path) -> None:
    key = visitor.drop(make_source(tmp_path / "beeps.mp4").path)["key"]
    drawn = draw(visitor, input=key, text='[curves]\nstrength = "audio.level"')
    assert max(drawn["sound"]["level"]) == 1 and drawn["curves"][0]["values"] == pytest.approx(
        drawn["sound"]["level"], abs=1e-3
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"text": "[curves"}, "cannot be read"),
        ({"text": "[curves]\nstep_size = 'x'"}, "x"),
        ({"text": "[curves]\nsize = 3"}, "one size"),
        ({"text": '[[wish]]\nat = "soon"\nobjective = "fire2"'}, "no time"),
        ({"table": {"curves": []}}, "cannot be read"),
        ({"table": {"curves": {"step_size": None}}}, "cannot be read"),
        ({"kind": "zoom", "motion": {"seconds": 1e6}}, "too many"),
    ],
)
def test_mistakes_in_keyframes_are_told_in_one_line(visitor: Visitor, asked: dict[str, Any], words: str) -> None:
    error = draw(visitor, 422, **asked)["error"]
    assert words in error and "\n" not in error
