"""Answers of HTTP routes, and what they are asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from reverie.errors import SettingsError

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


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request; raises `SettingsError` for anything else."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON:
            raise SettingsError("too much was asked for at once; expected a JSON object")
    try:
        found = json.loads(body or b"{}")
    except ValueError:
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
