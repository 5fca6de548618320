"""The studio for every eye, hand and size of screen: no room hinders, every room fits, the keyboard gets everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from browsing import DATA, PHONE, Studio, Visit

pytestmark = [pytest.mark.browser, pytest.mark.bundled]

ROOMS = {
    "dream": "section[aria-label=Dream]",
    "wishes": ".of-layers .choose >> nth=12",
    "live": "text=Start the camera",
    "film": ".kinds-row",
    "gallery": ".gallery .where code:not(:empty)",
    "networks": "p[hidden]:text('Looking for weights')",
}
"""The rooms, and what is there once all of a room is."""

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"

LOOK = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.filter(each => ["serious", "critical"].includes(each.impact))
        .map(each => [each.id, ...each.nodes.slice(0, 3).map(node => node.html.slice(0, 140))]);
}"""
"""What axe calls serious or critical."""

TABBED = """[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0 && !each.closest("[hidden]"))
    .filter(each => each.type !== "radio" || each.checked)"""
"""What can be reached by the Tab key: of radio buttons, the chosen one."""

HERE = """() => {
    const each = document.activeElement, box = each.getBoundingClientRect();
    const ring = one => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    };
    const near = [each, ...each.parentElement.children, each.parentElement];
    window.tabbed.push(each);
    const seen = near.some(ring) || each.tagName === "circle";
    const within = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return seen && within ? null : [seen, within, each.outerHTML.slice(0, 120)];
}"""
"""Whether the focus is seen: a ring around it or what it stands for, on the screen."""

ORDER = """() => window.tabbed.filter((each, n) => n
    && !(window.tabbed[n - 1].compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING))
    .map(each => each.outerHTML.slice(0, 120))"""
"""What the Tab key reaches earlier than one reads it."""


@pytest.fixture(scope="module")
def strange(chromium: Any, studio: Studio) -> Iterator[Visit]:
    """A first visit: no photo, and a gallery that shows nothing."""
    with Visit.begin(chromium, studio) as visit:
        visit.go("gallery")
        visit.page.get_by_label("Search").fill("nothing is called that")
        visit.page.wait_for_selector(".gallery .empty:visible")
        yield visit


def enter(visit: Visit, room: str) -> None:
    """Goes to a room, and waits for all of it."""
    visit.go(room)
    visit.page.wait_for_selector(ROOMS[room], state="attached")
    visit.page.wait_for_timeout(100)


def check(visit: Visit) -> None:
    """Every room, dark and light."""
    visit.page.evaluate(AXE.read_text("utf-8"))
    for room in ROOMS:
        enter(visit, room)
        for scheme in ("dark", "light"):
            visit.page.emulate_media(color_scheme=scheme)
            assert not (found := visit.page.evaluate(LOOK)), (scheme, room, found)


def fits(visit: Visit) -> None:
    """No room scrolls sideways, dark or light."""
    for room in ROOMS:
        enter(visit, room)
        for scheme in ("dark", "light"):
            visit.page.emulate_media(color_scheme=scheme)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, (room, scheme)


def test_no_empty_room_hinders_anybody(strange: Visit) -> None:
    check(strange)


def test_no_full_room_hinders_anybody(strange: Visit, visited: Visit) -> None:
    check(visited)
    visited.go("gallery")
    visited.page.locator(".tiles button:has(img)").first.click()
    visited.page.wait_for_selector("dialog button:has-text('Open again')")
    assert not (found := visited.page.evaluate(LOOK)), found
    visited.page.keyboard.press("Escape")
    visited.go("wishes")
    visited.page.click("button:has-text('Paint where'):visible")
    assert not (found := visited.page.evaluate(LOOK)), found


def test_every_room_fits_a_phone(chromium: Any, studio: Studio) -> None:
    with Visit.begin(chromium, studio, **PHONE) as visit:
        fits(visit)
        visit.open_photo(DATA / "coffee.jpg", size=64, steps=1, octaves=1)
        visit.dream()
        visit.finish()
        fits(visit)


def test_the_keyboard_gets_everywhere_in_reading_order(visited: Visit) -> None:
    page = visited.page
    for room in ROOMS:
        enter(visited, room)
        assert page.locator("[tabindex]").evaluate_all("all => all.every(each => each.tabIndex <= 0)")
        page.evaluate("document.querySelector('.skip').focus(); window.tabbed = [document.activeElement];")
        hidden = []
        for _ in range(page.evaluate(f"{TABBED}.length") - 1):
            page.keyboard.press("Tab")
            hidden.append(page.evaluate(HERE))
        assert not any(hidden), (room, [each for each in hidden if each])
        assert not (back := page.evaluate(ORDER)), (room, back)
        missed = page.evaluate(f"{TABBED}.filter(each => !window.tabbed.includes(each)).map(each => each.outerHTML)")
        assert not missed, (room, missed)
