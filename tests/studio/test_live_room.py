"""A camera's frames come in one by one, and go back dreamed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pyvips

from reverie.studio import living
from reverie.studio.living import Slot
from visiting import DATA, Visitor

pytestmark = pytest.mark.bundled

FRAME = pyvips.Image.thumbnail(str(DATA / "coffee.jpg"), 96).write_to_buffer(".jpg")


@pytest.fixture
def camera(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(living, "SILENCE", 30.0)
    asked = {"dream": {"objective": "fire2^2", "input": None}, "live": {"size": 96, "steps": 1}}
    told = visitor.post("/studio/live", asked)
    yield visitor.wait(told, "running", "failed")
    visitor.post(f"/studio/dreams/{told['key']}/stop")


def send(visitor: Visitor, camera: Any, frame: bytes = FRAME) -> Any:
    return visitor.client.post(f"/studio/live/{camera['key']}/frame", content=frame)


def pixels(jpeg: bytes) -> Any:
    return pyvips.Image.new_from_buffer(jpeg, "").numpy().astype(float)


def test_frames_come_back_dreamed_and_change_while_they_run(visitor: Visitor, camera: Any) -> None:
    plain = pixels(FRAME)
    dreamed = [pixels(send(visitor, camera).content) for _ in range(3)]
    assert dreamed[0].shape == plain.shape == (64, 96, 3)
    assert all(np.abs(each - plain).mean() > 3 for each in dreamed)
    visitor.post(f"/studio/live/{camera['key']}/change", {"live": {"size": 96, "steps": 1, "strength": 0}})
    same = pixels(send(visitor, camera).content)
    assert np.abs(same - plain).mean() < 3 < np.abs(dreamed[-1] - plain).mean()
    gray = {"dream": {"settings": {"gray": True}}, "live": {"size": 64, "steps": 1}}
    visitor.post(f"/studio/live/{camera['key']}/change", gray)
    shown = pixels(send(visitor, camera).content)
    assert shown.shape == (43, 64, 3) and np.abs(shown - shown.mean(2, keepdims=True)).max() < 3
    assert "frames a second" in visitor.get(f"/studio/dreams/{camera['key']}")["news"]["place"]


def test_what_is_no_frame_is_told_and_the_next_one_dreamed(visitor: Visitor, camera: Any) -> None:
    assert send(visitor, camera, b"no picture").status_code == 422
    large = pyvips.Image.black(2000, 20).write_to_buffer(".png")
    assert send(visitor, camera, large).status_code == 413
    assert (
        "expected 64 to 1280"
        in visitor.post(f"/studio/live/{camera['key']}/change", {"live": {"size": 3}}, 422)["error"]
    )
    assert send(visitor, camera).status_code == 200
    visitor.post(f"/studio/dreams/{camera['key']}/stop")
    visitor.wait(camera)
    assert send(visitor, camera).status_code == 404


def test_a_silent_camera_gives_its_place_to_others(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living, "SILENCE", 0.1)
    told = visitor.post("/studio/live", {"live": {"size": 96}})
    waiting = visitor.dream()
    assert visitor.wait(told)["state"] == "done" and visitor.wait(waiting)["state"] == "done"


def test_the_newest_frame_takes_the_place_of_one_that_waits() -> None:
    slot, got = Slot(), dict[int, bytes | None]()
    frame = np.zeros((2, 2, 3), np.uint8)
    threads = [threading.Thread(target=lambda n=n: got.update({n: slot.exchange(frame)})) for n in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    taken = slot.take(1)
    assert taken is not None and taken[0] == 3 and slot.take(0) is None
    slot.give(3, b"dreamed")
    for thread in threads:
        thread.join(5)
    assert got == {0: None, 1: None, 2: b"dreamed"}
    late = threading.Thread(target=lambda: got.update({3: slot.exchange(frame)}))
    late.start()
    slot.close()
    late.join(5)
    assert got[3] is None
