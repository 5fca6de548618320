"""The notebooks run, start to end, at a small size: their assertions hold, and they show what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

NOTEBOOKS = {"tutorial": 8, "quickstart": 7, "from-lucid": 6, "own-network": 4, "own-objective": 3}
"""Each of them, and how many pictures it shows at least."""

EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, coalesce_streams=True).execute(cwd=sys.argv[3])
nbformat.write(notebook, sys.argv[2])
"""


def read_notebook(name: str) -> Any:
    """A notebook as it is kept."""
    return json.loads((ROOT / "docs" / f"{name}.ipynb").read_text("utf-8"))


def execute(name: str, folder: Path) -> Any:
    """The notebook with its outputs, executed in a process of its own: its sockets are not this one's to close."""
    small = {"REVERIE_TUTORIAL_SIZE": "96", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    paths = [ROOT / "docs" / f"{name}.ipynb", folder / "executed.ipynb", folder]
    words = [sys.executable, "-c", EXECUTE, *map(str, paths)]
    done = subprocess.run(words, env={**os.environ, **small}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "executed.ipynb").read_text("utf-8"))


def outputs_of(notebook: Any) -> list[list[str]]:
    """What each cell of code shows: the types of its pictures, and "stdout" where it prints; no bars of progress."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [list(dict.fromkeys(kind for output in cell["outputs"] for kind in kinds_of(output))) for cell in cells]


def kinds_of(output: Any) -> list[str]:
    """The kinds of one output of a cell."""
    if output["output_type"] == "stream":
        return [output["name"]] if output["name"] == "stdout" else []
    return [kind for kind in output.get("data", {}) if kind.startswith("image/")]


@pytest.mark.bundled
@pytest.mark.parametrize(("name", "pictures"), NOTEBOOKS.items())
def test_a_notebook_runs(name: str, pictures: int, tmp_path: Path) -> None:
    """What is kept is of this notebook: its outputs are of the kinds that its cells give now."""
    executed = outputs_of(execute(name, tmp_path))
    assert sum(kind.startswith("image/") for kinds in executed for kind in kinds) >= pictures
    assert outputs_of(read_notebook(name)) == executed


def test_every_notebook_is_run() -> None:
    kept = {path.stem for path in (ROOT / "docs").glob("*.ipynb")}
    assert kept == {*NOTEBOOKS, "paper"}, "paper.ipynb has a test of its own"
