"""The page of the presets says what they are now, and shows what can be shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import PIL.Image
import pytest

from reverie.recipe.presets import PRESETS

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "images" / "presets"

spec = importlib.util.spec_from_file_location("presets_page", ROOT / "tools" / "presets_page.py")
assert spec and spec.loader
presets_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(presets_page)


def test_the_page_is_that_of_the_presets() -> None:
    page = (ROOT / "docs" / "presets.md").read_text("utf-8")
    for name in PRESETS:
        assert f"\n## {name}\n" in page
    assert page == presets_page.page(), "run tools/presets_page.py (--words if no picture changed)"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_that_can_be_is_shown(name: str) -> None:
    picture = PICTURES / f"{name}.jpg"
    assert (
        picture.exists()
        == (f"images/presets/{name}.jpg" in presets_page.page())
        == (name not in ("paper", "tf-tutorial-long"))
    )
    if picture.exists():
        with PIL.Image.open(picture) as opened:
            assert opened.size[0] == presets_page.WIDTH


def test_the_pictures_are_small() -> None:
    assert sum(each.stat().st_size for each in PICTURES.iterdir()) < 400_000
