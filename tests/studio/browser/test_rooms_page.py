"""The rooms in a browser: wishes chosen by pictures, painted, the camera, what was made and is found again."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
import pyvips

import reverie as rv
from browsing import DATA, PHONE, Studio, Visit

pytestmark = [pytest.mark.browser, pytest.mark.bundled]

COLORS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
"""How many colors a canvas shows."""


def fetch_mask(visit: Visit) -> Any:
    """The mask that arrived at the server: 1 where it was painted, (height, width)."""
    key = visit.state()["masks"][0]["key"]
    with urllib.request.urlopen(f"{visit.studio.address}/studio/uploads/{key}/mask", timeout=20) as answer:
        return pyvips.Image.new_from_buffer(answer.read(), "").numpy()[..., -1] / 255


def test_wishes_are_chosen_by_pictures_words_and_names(visit: Visit) -> None:
    page = visit.page
    visit.go("wishes")
    page.click(".choose[title='Wish for fire5']")
    page.click(".pick:has-text('fire3') button:has-text('channels')")
    page.click(".choose[title='Wish for fire3:7']")
    search = page.get_by_role("combobox", name="Add a thing")
    search.fill("jelly")
    page.wait_for_selector("[role=option]:has-text('jellyfish')")
    search.press("ArrowDown")
    search.press("ArrowUp")
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
        visit.until("document.querySelector('canvas.board')?.width === 384")
        box = board.bounding_box()
        left, top = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
        page.get_by_role("slider", name="Brush").focus()
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left, top + box["height"] / 2, steps=5)
        page.mouse.up()
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 1")
        mask = fetch_mask(visit)
        assert mask.shape == (256, 384) and mask[64:192, 96].min() == 1 and mask[:, 200:].max() == 0
        visit.go("dream")
        visit.dream()
        visit.finish()
        change = (rv.open_image(visit.items[0]) - rv.open_image(DATA / "coffee.jpg")).abs()[0].mean(0)
        assert float(change[64:192, 90:102].mean()) > 0.01 and float(change[:, 200:].max()) < 0.5 / 255
        visit.go("wishes")
        page.click("button:has-text('Clear this color'):visible")
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 0")
        page.click("button:has-text('Undo'):visible")
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 1")
        assert board.evaluate(COLORS) > 1
        visit.go("dream")
        page.click("button:has-text('Remove the masks'):visible")
        visit.go("wishes")
        assert board.evaluate(COLORS) == 1  # nothing is painted any more


def test_a_finger_paints_as_a_mouse_does(chromium: Any, studio: Studio) -> None:
    with Visit.begin(chromium, studio, **PHONE) as visit:
        page = visit.page
        visit.open_photo(DATA / "coffee.jpg")
        visit.page.locator("a:has-text('paint where')").tap()
        visit.until("document.querySelector('canvas.board')?.width === 384")
        board = page.locator("canvas.board")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        finger = page.context.new_cdp_session(page)
        for kind, share in (("touchStart", 0.2), ("touchMove", 0.4), ("touchMove", 0.7), ("touchEnd", None)):
            place = {"x": box["x"] + box["width"] * (share or 0), "y": box["y"] + box["height"] / 2}
            points = [] if share is None else [place]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        visit.until("JSON.parse(sessionStorage.getItem('reverie')).masks.length === 1")
        mask = fetch_mask(visit)
        assert mask[128, 90:260].min() == 1 and mask[:60].max() == mask[196:].max() == 0


def test_the_camera_dreams(visit: Visit) -> None:
    page = visit.page
    visit.go("live")
    page.click("text=Start the camera")
    for _ in range(300):
        if visit.count("/studio/live/.+/frame") >= 10:
            break
        page.wait_for_timeout(50)
    assert visit.count("/studio/live/.+/frame") >= 10
    visit.until("Number(document.querySelector('section[aria-label=Live] .numbers b')?.innerText) > 0")
    colors = page.locator("section[aria-label=Live] canvas").evaluate(COLORS)
    assert colors > 100  # a picture, not a blank
    page.click("section[aria-label=Live] button:has-text('Stop'):visible")
    page.wait_for_selector("text=Start the camera")


def test_the_gallery_opens_a_dream_again_and_gives_back_what_was_deleted(visited: Visit) -> None:
    page = visited.page
    visited.go("gallery")
    tiles = page.locator(".tiles button:has(img)")
    tiles.first.click()
    page.click("dialog button:has-text('Open again')")
    visited.toast("Every control is as it was")
    assert visited.value("Steps") == "3" and visited.value("Size") == "192"
    visited.go("gallery")
    before, name = len(visited.items), visited.items[0].name
    tiles.first.click()
    page.click("dialog button:has-text('Delete')")
    page.click("dialog .ask button:has-text('Delete')")
    visited.toast(f"{name} is deleted")
    assert len(visited.items) == before - 1
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector(f".tiles button[title='{name}']")
    assert len(visited.items) == before and visited.items[0].name == name
