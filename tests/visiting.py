"""What tests of the studio share: a visitor who asks its routes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from reverie.errors import ReverieError
from reverie.studio.refusals import status_of

DATA = Path(__file__).parent / "data"

SMALL: dict[str, Any] = {"size": 64, "octaves": 2, "steps": 2}
"""A dream of a moment."""


async def tell_error(request: Request, error: Exception) -> JSONResponse:
    """A mistake as the server tells it."""
    assert isinstance(error, ReverieError)
    return JSONResponse({"error": str(error)}, status_of(error))


@dataclass(frozen=True)
class Visitor:
    """Somebody who drops files and asks for dreams."""

    client: Any

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.content

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.client.post(path, content=json.dumps({} if body is None else body))
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.content

    def drop(self, path: Path, name: str | None = None, status: int = 200) -> Any:
        answer = self.client.post(f"/studio/uploads/{name or path.name}", content=path.read_bytes())
        assert answer.status_code == status, answer.text
        return answer.json()

    def wait(self, told: Any, *states: str) -> Any:
        """How a dream is once it is over, or in one of the states."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            told = self.get(f"/studio/dreams/{told['key']}")
            if told["state"] in (states or ("done", "failed", "canceled")):
                return told
            time.sleep(0.02)
        raise AssertionError(told)

    def dream(self, status: int = 200, **asked: Any) -> Any:
        """A small dream, begun."""
        settings = {**SMALL, **asked.pop("settings", {})}
        return self.post("/studio/dreams", {"settings": settings, "objective": "fire2^2", **asked}, status)

    def follow(self, told: Any) -> list[dict[str, Any]]:
        """Every event of a dream until it is over."""
        answer = self.client.get(f"/studio/dreams/{told['key']}/events?side=64")
        lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line.removeprefix("data: ")) for line in lines]
