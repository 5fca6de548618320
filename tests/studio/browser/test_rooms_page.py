"""Every room in a browser: chosen by pictures, painted, live, found again; for every eye, hand and size of screen."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import pyvips
from axe_playwright_python.sync_playwright import Axe

import reverie as rv
from browsing import DATA, Studio, Visit

pytestmark = [pytest.mark.browser, pytest.mark.bundled]

ROOMS = ("dream", "wishes", "live", "film", "gallery", "networks")

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def visited(chromium: Any, studio: Studio) -> Iterator[Visit]:
    """A visit with a photo, a dream of it, and a wish: no room is empty."""
    with Visit.begin(chromium, studio) as visit:
        visit.open_photo(DATA / "coffee.jpg", size=192, steps=3, octaves=2)
        visit.dream()
        visit.finish()
        yield visit


def fetch(studio: Studio, path: str) -> bytes:
    with urllib.request.urlopen(studio.address + path, timeout=20) as answer:
        return bytes(answer.read())


def test_wishes_are_chosen_by_pictures_words_and_names(visit: Visit) -> None:
    page = visit.page
    visit.go("wishes")
    page.click(".choose[title='Wish for fire5']")
    page.click(".pick:has-text('fire3') button:has-text('channels')")
    page.click(".choose[title='Wish for fire3:7']")
    search = page.get_by_role("combobox", name="Add a thing")
    search.fill("jelly")
    page.wait_for_selector("[role=option]:has-text('jellyfish')")
    search.press("Enter")
    words = page.get_by_label("In words", exact=True)
    assert words.input_value() == visit.state()["objective"] == "fire5^2 + fire3:7 + class:jellyfish"
    weight = page.get_by_label("fire3:7", exact=True)
    weight.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert visit.state()["objective"] == "fire5^2 + 0.5*fire3:7 + class:jellyfish"
    words.fill("fire8^2 - 0.5*fire99")
    words.press("Tab")
    page.wait_for_selector("text=no layer of squeezenet is called")
    assert words.get_attribute("aria-invalid") == "true"
    words.fill("fire2:3")
    words.press("Tab")
    page.wait_for_selector(".terms label:has-text('fire2:3')")
    visit.until("document.querySelectorAll('.of-channels img.waiting').length < 48")


def test_what_is_painted_dreams_and_nothing_else_does(chromium: Any, studio: Studio) -> None:
    with Visit.begin(chromium, studio) as visit:
        page = visit.page
        visit.open_photo(DATA / "coffee.jpg", steps=3, octaves=1, feather=0)
        page.click("a:has-text('paint where')")
        board = page.locator("canvas.board")
        visit.until("document.querySelector('canvas.board').width === 384")
        box = board.bounding_box()
        left, top = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
        page.get_by_role("slider", name="Brush").focus()
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left, top + box["height"] / 2, steps=5)
        page.mouse.up()
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 1")
        key = visit.state()["masks"][0]["key"]
        mask = pyvips.Image.new_from_buffer(fetch(studio, f"/studio/uploads/{key}/mask"), "").numpy()[..., -1] / 255
        assert mask.shape == (256, 384) and mask[64:192, 96].min() == 1 and mask[:, 200:].max() == 0
        visit.go("dream")
        visit.dream()
        visit.finish()
        change = (rv.open_image(visit.items[0]) - rv.open_image(DATA / "coffee.jpg")).abs()[0].mean(0)
        assert float(change[64:192, 90:102].mean()) > 0.01 and float(change[:, 200:].max()) < 0.5 / 255
        visit.go("wishes")
        page.click("button:has-text('Clear this color'):visible")
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 0")


def test_the_camera_dreams(visit: Visit) -> None:
    page = visit.page
    visit.go("live")
    page.click("text=Start the camera")
    visit.until("Number(document.querySelector('section[aria-label=Live] .numbers b')?.innerText) > 0")
    page.click("section[aria-label=Live] button:has-text('Stop'):visible")
    page.wait_for_selector("text=Start the camera")


def test_the_gallery_opens_a_dream_again(visited: Visit) -> None:
    page = visited.page
    visited.go("gallery")
    page.locator("section[aria-label=Gallery] button:has(img)").first.click()
    page.click("dialog button:has-text('Open again')")
    visited.toast("Every control is as it was")
    assert visited.value("Steps") == "3" and visited.value("Size") == "192"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_room_hinders_anybody(chromium: Any, studio: Studio, visited: Visit, scheme: str) -> None:
    """What axe calls serious or critical, of the rules of WCAG A and AA; empty rooms, and full ones."""
    visited.page.emulate_media(color_scheme=scheme)
    with Visit.begin(chromium, studio, color_scheme=scheme) as empty:
        for visit in (empty, visited):
            for room in ROOMS:
                visit.go(room)
                visit.page.wait_for_timeout(150)
                found = Axe().run(visit.page).response["violations"]
                bad = [each for each in found if each["impact"] in ("serious", "critical")]
                told = [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in bad]
                assert not told, (scheme, room, told)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_room_fits_a_phone(chromium: Any, studio: Studio, scheme: str) -> None:
    with Visit.begin(chromium, studio, color_scheme=scheme, **PHONE) as visit:
        for full in (False, True):
            if full:
                visit.open_photo(DATA / "coffee.jpg", size=64, steps=1, octaves=1)
                visit.dream()
                visit.finish()
            for room in ROOMS:
                visit.go(room)
                visit.page.wait_for_timeout(100)
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, room


TABBED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0 && !each.closest("[hidden]"))
    .filter(each => each.type !== "radio" || each.checked)"""
"""What can be reached by the Tab key: of radio buttons, the chosen one."""


def test_tab_reaches_everything(visited: Visit) -> None:
    page = visited.page
    for room in ROOMS:
        visited.go(room)
        page.wait_for_timeout(700)
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0); window.tabbed = new Set();")
        for _ in range(page.evaluate(f"({TABBED})().length") + 5):
            page.keyboard.press("Tab")
            page.evaluate("window.tabbed.add(document.activeElement)")
        missed = page.evaluate(
            f"({TABBED})().filter(each => !window.tabbed.has(each)).map(each => each.outerHTML.slice(0, 120))"
        )
        assert not missed, (room, missed)
