"""Memory that is freed stays with the process, unless the environment says otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PAGES = """
import resource, torch
from reverie._native import malloc
malloc.keep_freed_memory()
kept = torch.zeros(2**24)  # 64 MB
for _ in range(3):
    kept + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    kept + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: str) -> int:
    """The pages that the system had to clear for twenty sums of 64 MB, each freed before the next."""
    environment = {"REVERIE_MALLOC": keep, "PATH": str(Path(sys.executable).parent)}
    done = subprocess.run([sys.executable, "-c", PAGES], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told what to keep")
def test_what_a_step_frees_the_next_one_has() -> None:
    assert faults("1") < faults("0")  # how many it saves depends on where the system happened to lay the heap
