"""The routes of the room where a camera is dreamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from reverie.studio.answers import FRESH, answer, answer_jpeg, read_json
from reverie.studio.dreams import Dream
from reverie.studio.living import MOST_BYTES, change_live, find_task, read_frame, start_live
from reverie.studio.refusals import UploadTooLarge

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    room = LiveRoom(workshop)
    return [
        Route("/studio/live", room.start, methods=["POST"]),
        Route("/studio/live/{key}/frame", room.frame, methods=["POST"]),
        Route("/studio/live/{key}/change", room.change, methods=["POST"]),
    ]


@dataclass(frozen=True)
class LiveRoom:
    """What is done at each route."""

    workshop: Workshop

    def find(self, request: Request) -> Dream:
        """The camera's dream that a route names."""
        return self.workshop.dreams.find(request.path_params["key"])

    async def start(self, request: Request) -> Response:
        dream = await run_in_threadpool(start_live, await read_json(request), self.workshop)
        return answer(self.workshop.dreams.describe(dream))

    async def frame(self, request: Request) -> Response:
        task, data = find_task(self.find(request)), b""
        async for chunk in request.stream():
            data += chunk
            if len(data) > MOST_BYTES:
                raise UploadTooLarge("a frame of more than 4 MB; expected a small JPEG")
        dreamed = await run_in_threadpool(lambda: task.slot.exchange(read_frame(data)))
        return Response(status_code=204, headers=FRESH) if dreamed is None else answer_jpeg(dreamed)

    async def change(self, request: Request) -> Response:
        await run_in_threadpool(change_live, self.find(request), await read_json(request), self.workshop)
        return answer({})
