"""What is made ahead comes in order, with its errors, and ends when nobody asks any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reverie.film.ahead import read_ahead


def test_all_items_come_in_order() -> None:
    assert list(read_ahead(iter(range(20)))) == list(range(20))


def test_an_error_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_stopping_closes_the_iterator_and_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10_000)
        finally:
            closed.set()

    ahead = read_ahead(items())
    assert next(ahead) == 0
    ahead.close()
    assert closed.is_set()
    assert not [each for each in threading.enumerate() if each.name == "reverie-ahead"]
