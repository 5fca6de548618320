"""Style and types of every file, the tests' own too: what a machine can check is not left to a reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "words",
    ["ruff check .", "ruff format --check .", "mypy"],
    ids=["lint", "format", "types"],
)
def test_nothing_to_mend(words: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
