"""Pictures of every room, as they stand in the docs. Where REVERIE_SCREENSHOTS is set, they are written there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from browsing import DATA, Studio, Visit
from film.clips import write_clip

pytestmark = [pytest.mark.browser, pytest.mark.bundled]

DOCS = Path(__file__).parents[3] / "docs"

REAL = bool(os.environ.get("REVERIE_SCREENSHOTS"))
"""Whether they are for the docs: large dreams, and time for pictures to be made."""

PHOTO = DATA / "chelsea.jpg"

SIZE: dict[str, Any] = {"size": 900} if REAL else {"size": 128, "steps": 2, "octaves": 1}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of a slow look over a photo."""
    photo = pyvips.Image.new_from_file(str(PHOTO)).resize(2).numpy()
    looks = [photo[number + 40 :, 2 * number + 60 :][:320, :480] for number in range(50)]
    return write_clip(tmp_path / "look.mp4", map(np.ascontiguousarray, looks))


HOME = "/home/ada/Pictures/Reverie"


def shoot(visit: Visit, folder: Path, name: str, below: int = 0) -> None:
    """Takes the picture of a page, so far below its top, and looks whether there is something on it."""
    visit.page.mouse.move(2, 2)
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.wait_for_timeout(400)
    visit.page.evaluate("below => window.scrollTo(0, below)", below)
    visit.page.evaluate("document.querySelectorAll('.toast').forEach(each => each.remove())")
    show_home = """([own, home]) => document.querySelectorAll("code").forEach(each => {
        if (each.textContent === own) each.textContent = home;
    })"""
    visit.page.evaluate(show_home, [str(visit.studio.gallery), HOME])
    shown = REAL and f"studio/{name}.jpg" in (DOCS / "studio.md").read_text("utf-8")
    path = (DOCS / "images" / "studio" if shown else folder) / f"{name}.jpg"
    for quality in (82, 76, 70, 64):
        visit.page.screenshot(path=path, type="jpeg", quality=quality)
        if path.stat().st_size < 200_000:
            break
    assert pyvips.Image.new_from_file(str(path)).numpy().std() > 5 and path.stat().st_size < 200_000


def fill_studio(visit: Visit, clip: Path, folder: Path, ending: str) -> None:
    """Goes through every room, does what it is for, and takes its picture."""
    page = visit.page
    shoot(visit, folder, f"welcome{ending}")
    visit.open_photo(PHOTO, **SIZE)
    visit.dream()
    visit.finish()
    page.click("section[aria-label=Dream] button:has-text('Before / after'):visible")
    shoot(visit, folder, f"dream{ending}")
    if REAL and not ending:
        dream_more(visit)
    visit.go("wishes")
    page.click(".pick:has-text('fire8') button:has-text('channels')")
    page.click(".choose[title='Wish for fire8:1']")
    page.wait_for_timeout(60_000 if REAL else 200)
    shoot(visit, folder, f"wishes{ending}", below=150 if REAL and not ending else 0)
    page.click("button:has-text('Paint where'):visible")
    for label, x in (("violet", 0.25), ("orange", 0.75)):
        page.click(f"button[aria-label='Paint in {label}']")
        visit.page.locator("canvas.board").scroll_into_view_if_needed()
        board = page.locator("canvas.board").bounding_box()
        page.mouse.move(board["x"] + board["width"] * x, board["y"] + board["height"] * 0.3)
        page.mouse.down()
        for step in range(8):
            across = x + 0.06 * (-1) ** step
            page.mouse.move(board["x"] + board["width"] * across, board["y"] + board["height"] * (0.3 + 0.05 * step))
        page.mouse.up()
    visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 2")
    shoot(visit, folder, f"paint{ending}")
    visit.go("live")
    page.locator("section[aria-label=Live] input[type=file]").set_input_files(clip)
    visit.until("Number(document.querySelector('section[aria-label=Live] .numbers b')?.innerText) > 0")
    page.wait_for_timeout(5000 if REAL else 100)
    shoot(visit, folder, f"live{ending}")
    page.click("section[aria-label=Live] button:has-text('Stop'):visible")
    visit.go("film")
    page.locator("section[aria-label=Film] input[type=file]").first.set_input_files(clip)
    page.wait_for_selector("text=look.mp4")
    page.wait_for_timeout(3000 if REAL else 300)
    shoot(visit, folder, f"film{ending}")
    for room in ("gallery", "networks"):
        visit.go(room)
        page.wait_for_timeout(6000 if REAL else 100)
        shoot(visit, folder, f"{room}{ending}")


def dream_more(visit: Visit) -> None:
    """Some more dreams, for the gallery."""
    wishes = {"coffee.jpg": ("fire5^2", "class:jellyfish", "fire8:1"), "chelsea.jpg": ("fire3^2", "fire8:19")}
    for name, words in wishes.items():
        for wish in words:
            visit.go("dream")
            visit.open_photo(DATA / name)
            visit.fill("The wish, in words", wish)
            visit.dream()
            visit.finish()
    visit.fill("The wish, in words", "")


def test_pictures_of_every_room(chromium: Any, studio: Studio, clip: Path, tmp_path: Path) -> None:
    with Visit.begin(chromium, studio, color_scheme="dark") as visit:
        fill_studio(visit, clip, tmp_path, "")


@pytest.mark.skipif(not REAL, reason="what a phone shows is tried in test_access_page.py")
def test_pictures_of_every_room_on_a_phone(chromium: Any, studio: Studio, clip: Path, tmp_path: Path) -> None:
    how = {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True}
    with Visit.begin(chromium, studio, **how) as visit:
        fill_studio(visit, clip, tmp_path, "-phone")
