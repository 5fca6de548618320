"""The main job, in a browser: drop a photo, watch it dream, stop it, go on, take it home, bring it back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import pyvips

import reverie as rv
from browsing import DATA, WATCH, Studio, Visit
from reverie.recipe.recipe import Recipe

pytestmark = [pytest.mark.browser, pytest.mark.bundled]

LONG: dict[str, Any] = {"steps": 3000}


def read(path: Path) -> Recipe:
    recipe = rv.read_recipe(path)
    assert isinstance(recipe, Recipe)
    return recipe


def test_a_photo_dreams_before_the_eyes_and_comes_back_with_every_control(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.open_photo(steps=30, seed=7, octaves=3, size=320)
    visit.fill("The wish, in words", "fire8^2 + 0.1*fire5")
    visit.shown().evaluate(WATCH)
    visit.dream()
    visit.finish()
    assert page.evaluate("window.shown").count("data") >= 3  # previews, before what was written is shown
    assert "octave 3/3" in page.inner_text("section[aria-label=Dream] .numbers")
    page.locator("section[aria-label=Dream] select[aria-label^='The format']").select_option("jpg")
    with page.expect_download() as download:
        page.click("section[aria-label=Dream] a:has-text('Download')")
    taken = tmp_path / "taken home.jpg"
    download.value.save_as(taken)
    recipe = read(taken)
    assert (recipe.objective, recipe.settings.seed, recipe.settings.steps) == ("fire8^2 + 0.1*fire5", 7, 30)
    page.click("text=As usual")
    visit.fill("The wish, in words", "")
    visit.drop(taken)
    visit.toast("Every control is as it was")
    assert [visit.value(each) for each in ("Steps", "Seed", "Octaves", "Size")] == ["30", "7", "3", "320"]
    assert visit.value("The wish, in words") == "fire8^2 + 0.1*fire5"
    assert visit.state()["input"]["name"].endswith("chelsea.jpg")


def test_what_is_stopped_is_kept_and_goes_on(visit: Visit) -> None:
    page = visit.page
    visit.open_photo(size=256, **LONG)
    visit.dream()
    visit.shown().wait_for()
    page.click("section[aria-label=Dream] button:has-text('Stop'):visible")
    visit.finish()
    first = read(visit.items[0]).only_steps or 0
    page.click("button:has-text('Go on'):visible")
    page.wait_for_selector("section[aria-label=Dream] button:has-text('Stop'):visible")
    visit.until("document.querySelector('section[aria-label=Dream] .numbers').innerText.includes('step')")
    time.sleep(0.5)
    page.click("section[aria-label=Dream] button:has-text('Stop'):visible")
    visit.finish()
    assert (read(visit.items[0]).only_steps or 0) > first > 0


def test_strength_after_the_fact_and_the_line_between_before_and_after(visit: Visit) -> None:
    page = visit.page
    visit.open_photo(size=256, steps=6, octaves=2)
    visit.dream()
    visit.finish()
    path, dreamed = visit.items[0], visit.count("/studio/dreams$")
    visit.shown().evaluate(WATCH)
    strength = visit.room("Dream").get_by_label("Strength", exact=True)
    strength.focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    for _ in range(100):
        if read(path).settings.strength == 0.6:
            break
        time.sleep(0.05)
    assert read(path).settings.strength == 0.6
    visit.until("window.shown.includes('blob')")
    assert visit.count("/studio/dreams$") == dreamed  # nothing was dreamed again
    page.click("button:has-text('Before / after'):visible")
    line = page.locator(".center .compare input")
    line.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".center .compare").evaluate("each => each.style.getPropertyValue('--cut')") == "51%"


def test_a_photo_is_chosen_by_the_button_and_its_dream_outlives_a_reload(visit: Visit) -> None:
    page = visit.page
    with page.expect_file_chooser() as chosen:
        page.click("text=Choose a photo")
    chosen.value.set_files(DATA / "coffee.jpg")
    page.wait_for_selector("text=coffee.jpg")
    visit.set(size=256, steps=120, octaves=1)
    visit.dream()
    visit.shown().wait_for()
    page.reload()
    visit.shown().wait_for()
    visit.finish()
    assert read(visit.items[0]).only_steps is None  # it was not stopped
    assert visit.count("/studio/dreams$") == 1


def test_a_photo_is_taken_by_the_webcam(visit: Visit) -> None:
    page = visit.page
    page.click("button:has-text('Webcam'):visible")
    visit.until("document.querySelector('dialog video')?.videoWidth > 0")
    page.click("dialog button:has-text('Take it')")
    page.wait_for_selector("text=webcam.png")
    page.wait_for_selector("button.main:has-text('Dream'):visible")
    assert page.locator("dialog").count() == 0


def test_two_tabs_wait_for_each_other_and_a_closed_one_lets_the_other_in(chromium: Any, studio: Studio) -> None:
    with Visit.begin(chromium, studio) as first, Visit.begin(chromium, studio) as second:
        first.open_photo(size=128, octaves=1, steps=200)
        second.open_photo(size=128, octaves=1, steps=4)
        for _ in range(2):  # of the second round, the first dream would take an hour
            first.dream()
            first.shown().wait_for()
            second.dream()
            second.page.wait_for_selector("text=One dream before yours")
            if first.value("Steps") == "200":
                first.finish()
                first.set(**LONG)
            else:
                first.page.close()
            second.finish()
        kept = [read(path) for path in second.items[:4]]
        assert [each.only_steps is None for each in kept if each.settings.steps == 3000] == [False]


def test_broken_files_and_impatient_clicks_are_told_and_the_studio_goes_on(visit: Visit, tmp_path: Path) -> None:
    visit.refusals += [(422, "/studio/uploads/"), (413, "/studio/uploads/"), (422, "/studio/dreams")]
    text, cut, bomb = tmp_path / "text.jpg", tmp_path / "cut.jpg", tmp_path / "bomb.png"
    text.write_text("no picture at all")
    cut.write_bytes((DATA / "coffee.jpg").read_bytes()[:20_000])
    pyvips.Image.black(25_000, 20_000).pngsave(str(bomb))
    for path, words in ((text, "is not a picture"), (cut, "is truncated"), (bomb, "500 megapixels")):
        visit.drop(path)
        assert words in visit.toast(words)
    visit.open_photo(size=64, steps=1, octaves=1)
    before = len(visit.items)
    button = "section[aria-label=Dream] button.main:has-text('Dream')"
    visit.page.locator(button).evaluate("each => { for (let n = 0; n < 200; n++) each.click(); }")
    visit.finish()
    assert len(visit.items) == before + 1
    visit.fill("The wish, in words", "fire8^^")
    visit.dream()
    assert "cannot read the objective" in visit.toast("cannot read the objective")


def test_a_sheet_of_surprises_is_there_to_click(visit: Visit) -> None:
    visit.open_photo(DATA / "coffee.jpg")
    visit.page.click("button:has-text('Surprise me'):visible")
    first = visit.page.locator(".tries button").first
    first.wait_for()
    words = first.get_attribute("title")
    first.click()
    assert visit.state()["objective"] == words and visit.value("The wish, in words") == words
    visit.page.click("section[aria-label=Dream] .card button:has-text('Stop'):visible")
