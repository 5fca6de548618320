"""What a command line is in a test: words that are said, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FEW = ("--size", "96", "--octaves", "2", "--steps", "2")


@dataclass(frozen=True)
class Answer:
    """What a command line came to: its exit code, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]
