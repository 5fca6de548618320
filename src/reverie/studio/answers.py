"""Answers of HTTP routes, and what they are asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from reverie.errors import SettingsError
from reverie.studio.refusals import TooMuch

FRESH = {"Cache-Control": "no-store"}

KEPT = {"Cache-Control": "private, max-age=86400"}


def answer(told: Any, status: int = 200) -> JSONResponse:
    """Something as JSON."""
    return JSONResponse(told, status, headers=FRESH)


def answer_jpeg(jpeg: bytes, kept: bool = False) -> Response:
    """A JPEG; `kept`: the browser may show it again without asking."""
    return Response(jpeg, media_type="image/jpeg", headers=KEPT if kept else FRESH)


def stream_events(events: AsyncIterator[dict[str, Any]]) -> StreamingResponse:
    """Events as they come, each as one message of a text/event-stream."""

    async def lines() -> AsyncIterator[str]:
        async for event in events:
            yield f"data: {json.dumps(event)}\n\n"

    headers = {**FRESH, "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


MOST_JSON = 4_000_000
"""How long a JSON body may be, in bytes."""


def read_length(text: str | None) -> int | None:
    """How many bytes a request says that it brings; None where it does not say."""
    return int(text) if text is not None and text.isdecimal() and len(text) < 20 else None


def refuse_longer(request: Request, most: int) -> None:
    """Raises `TooMuch` for a request that says it brings more bytes: nothing of it is read then."""
    length = read_length(request.headers.get("content-length"))
    if length is not None and length > most:
        raise TooMuch(f"{length / 1e6:.0f} MB are too much at once; expected {most / 1e6:.0f} MB at most")


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request; raises `SettingsError` for anything else, and `TooMuch` before all of it came."""
    refuse_longer(request, MOST_JSON)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON:
            raise TooMuch("too much was asked for at once; expected a JSON object")
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingsError("what was asked for is no JSON object")
    return found


def read_number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    """A whole number of a request's query; raises `SettingsError` outside of its bounds."""
    text = request.query_params.get(name)
    if text is None:
        return usual
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; expected {least} to {most}")
    return int(text)
