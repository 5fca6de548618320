"""The paper's notebook runs, start to end, at a small size, and what is kept of it is of its cells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from test_notebooks import EXECUTE, outputs_of

NOTEBOOK = Path(__file__).parent.parent / "docs" / "paper.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("paper")
    small = {"REVERIE_PAPER_SIZE": "80x112", "REVERIE_PAPER_STEPS": "2", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    words = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(folder / "executed.ipynb"), str(folder)]
    done = subprocess.run(words, env={**os.environ, **small}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "executed.ipynb").read_text("utf-8"))


def text_of(notebook: Any) -> str:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "\n".join("".join(output.get("text", "")) for output in outputs)


def test_the_papers_notebook_runs(executed: Any) -> None:
    said = text_of(executed)
    assert "Total params: 21,802,784\nTrainable params: 21,768,352\nNon-trainable params: 34,432" in said
    assert "80 x 112: step 0, loss" in said and "228 x 319: step 1, loss" in said


def test_what_is_kept_of_it_is_of_this_notebook(executed: Any) -> None:
    kept = json.loads(NOTEBOOK.read_text("utf-8"))
    assert outputs_of(kept) == outputs_of(executed)
    assert "113 x 188: step 0, loss" in text_of(kept)
