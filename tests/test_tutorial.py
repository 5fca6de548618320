"""The tutorial runs, start to end, at a small size: a notebook whose assertions hold and that shows what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"

EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, coalesce_streams=True).execute(cwd=sys.argv[3])
nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with its outputs, executed in a process of its own: its sockets are not this one's to close."""
    folder = tmp_path_factory.mktemp("tutorial")
    small = {"REVERIE_TUTORIAL_SIZE": "128", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    words = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(folder / "executed.ipynb"), str(folder)]
    done = subprocess.run(words, env={**os.environ, **small}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "executed.ipynb").read_text("utf-8"))


def outputs_of(notebook: Any) -> list[list[str]]:
    """What each cell of code shows: "text" or the type of a picture."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    kinds = [[*output.get("data", {"text": ""})] for cell in cells for output in cell["outputs"]]
    return [[kind for kind in each if kind != "text/plain"] for each in kinds]


@pytest.mark.bundled
def test_the_tutorial_runs(executed: Any) -> None:
    pictures = [kinds for kinds in outputs_of(executed) if kinds == ["image/jpeg"]]
    assert len(pictures) >= 8


@pytest.mark.bundled
def test_what_is_kept_is_of_this_notebook(executed: Any) -> None:
    """The outputs in the repository are of the same kinds as those that its cells give now."""
    assert outputs_of(json.loads(NOTEBOOK.read_text("utf-8"))) == outputs_of(executed)
