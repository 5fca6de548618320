"""How a program follows a dream: words about it, now and then, and its picture at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.studio.dreams import BEAT, Dream
from reverie.studio.handing import hand_out

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

APART = 0.25
"""The least time between two messages, in seconds."""

Told = dict[str, Any]


class Failed(ReverieError):
    """A dream that broke off, with its reason."""


async def watch(dream: Dream, workshop: Workshop) -> AsyncIterator[Told]:
    """How a dream is, whenever that is another, until it is over; whoever stops listening stops the dream.

    Raises `Failed` where it breaks off.
    """
    dreams, last, said = workshop.dreams, None, float("-inf")
    try:
        while not dream.ticket.is_over:
            told = tell(dream, workshop)
            if told != last and time.monotonic() - said > APART:
                last, said = told, time.monotonic()
                yield told
            await asyncio.sleep(BEAT)
    finally:
        if not dream.ticket.is_over:
            dreams.stop(dream)
    if dream.error is not None:
        raise Failed(dream.error)
    yield tell(dream, workshop)


def tell(dream: Dream, workshop: Workshop) -> Told:
    """How a dream is, as a program is told it."""
    ticket, news = dream.ticket, dream.painter.news
    told: Told = {"key": dream.key, "state": ticket.state, "before": workshop.queue.position(ticket)}
    told |= {"share": 0.0, "place": "", "score": None, "seconds": 0.0, "seconds_left": None}
    if news is not None:
        told |= {name: getattr(news, name) for name in ("share", "place", "score", "seconds", "seconds_left")}
    if ticket.is_over:
        name = dream.path.name if dream.path else None
        told |= {"picture": hand_out(name) if name else None, "name": name}
        told["command"] = dream.result.get("command")
    return told
