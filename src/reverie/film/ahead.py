"""Work done ahead in a thread of its own, so that the dream is the only thing that is waited for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

AHEAD = 2
"""How many items are made before they are asked for: enough to hide their time, few enough to fit into memory."""


def read_ahead(items: Iterator[Item], depth: int = AHEAD) -> Generator[Item, None, None]:
    """The items of an iterator, which a thread of its own makes ahead, in order.

    What goes wrong there is raised here, where its item would have come. To stop is not to ask for the next: the
    thread ends, and the iterator is closed.
    """
    line: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: tuple[bool, Any]) -> bool:
        while not stopped.is_set():
            try:
                line.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="reverie-ahead", daemon=True)
    thread.start()
    try:
        while True:
            there, item = line.get()
            if not there:
                if item is not None:
                    raise item
                return
            yield item
    finally:
        stopped.set()
        thread.join()
