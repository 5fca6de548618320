"""The documents hold together: they build, their command lines can be said, their names are all there, examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

import reverie as rv
from reverie.cli import app, expand_panorama
from reverie.objectives.blending import read_wishes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("*.ipynb")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

SHELL = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"(?<!`)`(reverie [^`\n]+)`(?!`)")
DIRECTIVE = re.compile(r"^\.\. (?:py:data|auto\w+):: reverie\.(\w+)$", re.M)


def run_python(*words: object, cwd: Path) -> None:
    """Runs Python in a folder; its last words if it fails."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_the_documents_build_without_a_warning(tmp_path: Path) -> None:
    run_python("-m", "sphinx", "-W", "-q", "-d", tmp_path / "doctrees", DOCS, tmp_path / "html", cwd=tmp_path)
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in (tmp_path / "html").glob("*.html")}


def test_the_reference_has_every_public_name_once() -> None:
    public = set(dir(rv)) - {"__version__"}
    assert sorted(DIRECTIVE.findall((DOCS / "reference.md").read_text("utf-8"))) == sorted(public)


def test_the_gallery_shows_every_photograph_of_the_documents() -> None:
    gallery = (DOCS / "gallery.md").read_text("utf-8")
    shown = re.findall(r"\{image\} (images/\S+)", gallery)
    there = [path for path in DOCS.rglob("images/**/*.jpg") if path.parent.name != "studio"]  # those are of the screen
    assert sorted(shown) == sorted(str(path.relative_to(DOCS)) for path in there)


def command_lines_of(page: Path) -> Iterator[list[str]]:
    """The words of each `reverie` command line on a page: in its shell blocks, and in its text if arguments follow."""
    text = page.read_text("utf-8")
    for block in SHELL.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\|", line.split(" #")[0]):
                words = shlex.split(command, comments=True)
                if words[:1] == ["reverie"]:
                    yield words[1:]
    for span in SPAN.findall(text):
        words = shlex.split(span.replace('\\"', '"'))[1:]
        if len(words) > 1:
            yield words


LINES = sorted({shlex.join(words) for page in PAGES for words in command_lines_of(page)})


def test_command_lines_are_found() -> None:
    assert len(LINES) > 60
    assert {line.split()[0] for line in LINES} >= {
        "dream",
        "run",
        "show",
        "caption",
        "visualize",
        "channels",
        "analyze",
    }


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_can_be_said(line: str) -> None:
    """It is parsed, not run; what it wishes for is read as well."""
    _, bound, _ = app.parse_args(expand_panorama(shlex.split(line)), print_error=False, exit_on_error=False)
    rv.register_objective("winner", rv.layer)  # in the place of code that a line brings along
    rv.register_objective("both", lambda low, high: rv.layer(low) + rv.layer(high))
    if isinstance(wish := bound.arguments.get("objective"), str):
        assert all(each.layers for each in read_wishes(wish))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    with PIL.Image.open(ROOT / "tests" / "data" / "coffee.jpg") as picture:
        picture.resize((96, 72)).save(tmp_path / "photo.png")
    run_python(example, "photo.png", "dream.png", cwd=tmp_path)
    photo, dream = rv.open_image(tmp_path / "photo.png"), rv.open_image(tmp_path / "dream.png")
    assert dream.shape == photo.shape and float((dream - photo).abs().mean()) > 0.005
