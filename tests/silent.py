"""A network that never answers."""

from __future__ import annotations

import threading
from typing import Any

LONGEST = 120
"""Seconds: not for ever, for a test whose code does wait shall fail, not hang."""


class SilentNetwork:
    """Stands in for `socket.getaddrinfo`: who asks it for a server's address waits until the test is over."""

    def __init__(self) -> None:
        self.asked, self.answered, self.over = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_: Any, **__: Any) -> list[Any]:
        self.asked.set()
        self.over.wait(LONGEST)
        self.answered.set()
        return []

    def was_not_waited_for(self) -> bool:
        """Whether it was asked, and the asker went on without an answer."""
        return self.asked.wait(LONGEST) and not self.answered.is_set()
