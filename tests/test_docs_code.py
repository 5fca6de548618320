"""Every line of Python in the documents runs, on a small photo and for few steps; so do expressions in their text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

import reverie as rv
from film.clips import moving, write_clip
from reverie.cli import main

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)
NAME = re.compile(r"\brv\.(\w+)")
SPAN = re.compile(r"(?<!`)`(rv\.[\w.]+\(.*?\)[^`]*)`(?!`)")

PAGES = {
    "README.md": 1,
    "docs/attribution.md": 2,
    "docs/coming-from.md": 7,
    "docs/extending.md": 5,
    "docs/film.md": 2,
    "docs/how-it-works.md": 1,
    "docs/keras.md": 2,
    "docs/layers.md": 1,
    "docs/objectives.md": 4,
    "docs/panorama.md": 1,
    "docs/paper.md": 1,
    "docs/visualization.md": 7,
}
"""The pages with Python on them, and how many blocks of it at least."""

ELSEWHERE = ("docs/studio-api.md",)
"""Pages that tests/studio runs: their Python speaks to a server."""

STANDING = ("coming-from", "objectives", "extending", "film", "keras", "layers", "paper", "visualization")
ALONE = ("README.md", *(f"docs/{name}.md" for name in STANDING))
"""The pages that stand for themselves: their code begins with nothing."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the pictures that the documents speak of, small; networks need no download."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    for name, size in {"sky.jpg": (96, 72), "flowers.jpg": (96, 72), "pano.jpg": (192, 96)}.items():
        with PIL.Image.open(DATA / "coffee.jpg") as picture:
            picture.resize(size).save(name)
    with PIL.Image.open(ROOT / "examples" / "astronaut.jpg") as picture:
        picture.save("examples/astronaut.jpg")
    write_clip(Path("cat.mp4"), moving(3))
    load = rv.load_model

    def load_without_download(name: str = "squeezenet", **how: Any) -> Any:
        brings_its_own = name == "squeezenet" or name.endswith(".keras")
        return load(name, **how) if brings_its_own else load(name, weights="random", **how)

    monkeypatch.setattr(rv, "load_model", load_without_download)
    monkeypatch.setattr(rv, "Settings", FewSteps)
    return tmp_path


class FewSteps(rv.Settings):
    """Settings as they are said, but for their steps: the documents' own are for pictures to look at."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "steps", min(self.steps, 3))


def names_for(page: str) -> dict[str, Any]:
    """What a page takes for granted; those that stand for themselves begin with nothing."""
    if page in ALONE:
        return {}
    model = rv.load_model("squeezenet")
    known = {"rv": rv, "torch": torch, "model": model, "image": rv.open_image("sky.jpg")}
    return known | {"objective": rv.objective("fire5^2"), "pano": rv.open_image("pano.jpg")}


def blocks_of(text: str) -> Iterator[str]:
    """Python of a page, on the lines on which it stands there, so that an error names the right one."""
    for match in BLOCK.finditer(text):
        yield "\n" * (text[: match.start()].count("\n") + 1) + match[1]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving with NumPy 2
@pytest.mark.bundled
@pytest.mark.zoo
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.tensorflow] * page.endswith("keras.md")) for page in PAGES]
)
def test_the_code_of_a_page_runs(page: str, folder: Path) -> None:
    text, names = (ROOT / page).read_text("utf-8"), names_for(page)
    written = list(blocks_of(text))
    assert len(written) >= PAGES[page]
    for code in written:
        exec(compile(code, page, "exec"), names)


def test_every_page_with_python_is_run() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    assert {str(path.relative_to(ROOT)) for path in pages if BLOCK.search(path.read_text("utf-8"))} == {
        *PAGES,
        *ELSEWHERE,
    }


def test_every_name_that_is_spoken_of_is_public() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.ipynb")]
    for page in pages:
        assert set(NAME.findall(page.read_text("utf-8"))) <= set(dir(rv)), page


@pytest.mark.bundled
@pytest.mark.zoo
def test_what_is_said_beside_the_names_of_others_runs(folder: Path) -> None:
    sky, model = rv.open_image("sky.jpg"), rv.load_model("squeezenet")
    objective = rv.layer("fire5")
    names = {"rv": rv, "torch": torch, "sky": sky, "model": model, "objective": objective}
    names["gradient"] = rv.gradient_of(model, objective)
    found = SPAN.findall((ROOT / "docs" / "coming-from.md").read_text("utf-8"))
    assert len(found) > 30
    for expression in found:
        assert eval(expression, dict(names)) is not None, expression


def test_each_extension_is_short() -> None:
    for block in blocks_of((ROOT / "docs" / "extending.md").read_text("utf-8")):
        assert len(block.strip().splitlines()) < 20, block


@pytest.mark.bundled
def test_a_preset_of_a_file_is_a_configuration(folder: Path) -> None:
    toml, _ = TOML.findall((ROOT / "docs" / "extending.md").read_text("utf-8"))
    Path("mist.toml").write_text(toml, "utf-8")
    assert main(["dream", "sky.jpg", "-o", "mist.png", "--config", "mist.toml", "--quiet"]) == 0
    recipe = rv.Recipe.from_file("mist.png")
    assert (recipe.objective, recipe.settings.smoothing, recipe.settings.steps) == ("fire8^2", 1.5, 20)
