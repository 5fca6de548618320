"""The routes of the room where photographs are dropped and dreamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from reverie.errors import SettingsError
from reverie.studio.answers import FRESH, answer, answer_jpeg, read_json, read_number, stream_events
from reverie.studio.asking import DreamAsked, read_asked
from reverie.studio.controls import describe_controls
from reverie.studio.dreaming import restyle, save_again, start_dream
from reverie.studio.dreams import Dream
from reverie.studio.pictures import draw_mask, encode_jpeg, make_thumbnail
from reverie.studio.refusals import NotThere
from reverie.studio.restoring import restore_file
from reverie.studio.tries import start_tries
from reverie.studio.uploads import THUMB_SIDE

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    return [*list_upload_routes(workshop), *list_dream_routes(workshop)]


def list_upload_routes(workshop: Workshop) -> list[BaseRoute]:
    """Where files are dropped."""
    uploads = workshop.uploads

    async def receive(request: Request) -> Response:
        name, length = request.path_params["name"], request.headers.get("content-length", "")
        path = await uploads.receive(name, request.stream(), int(length) if length.isdecimal() else None)
        upload = await run_in_threadpool(uploads.keep, path, name)
        state = await run_in_threadpool(restore_file, upload.path, workshop)
        return answer({**upload.describe(), "state": state})

    async def thumb(request: Request) -> Response:
        upload = uploads.find(request.path_params["key"])
        side = read_number(request, "side", THUMB_SIDE, 16, 2048)
        return answer_jpeg(await run_in_threadpool(make_thumbnail, upload.path, side), kept=True)

    async def mask(request: Request) -> Response:
        upload = uploads.find(request.path_params["key"])
        return Response(await run_in_threadpool(draw_mask, upload.path), media_type="image/png", headers=FRESH)

    return [
        Route("/studio/uploads/{key}/mask", mask),
        Route("/studio/uploads/{name}", receive, methods=["POST"]),
        Route("/studio/uploads/{key}/thumb", thumb),
    ]


def list_dream_routes(workshop: Workshop) -> list[BaseRoute]:
    """Where dreams are asked for, watched, stopped and gone on with."""
    room = DreamRoom(workshop)
    return [
        Route("/studio/controls", room.controls),
        Route("/studio/dreams", room.start, methods=["POST"]),
        Route("/studio/tries", room.surprise, methods=["POST"]),
        Route("/studio/dreams/{key}", room.status),
        Route("/studio/dreams/{key}/events", room.events),
        Route("/studio/dreams/{key}/preview", room.preview),
        Route("/studio/dreams/{key}/stop", room.stop, methods=["POST"]),
        Route("/studio/dreams/{key}/resume", room.resume, methods=["POST"]),
        Route("/studio/dreams/{key}/look", room.look, methods=["POST"]),
    ]


@dataclass(frozen=True)
class DreamRoom:
    """What is done at each route."""

    workshop: Workshop

    def find(self, request: Request) -> Dream:
        """The dream that a route names."""
        return self.workshop.dreams.find(request.path_params["key"])

    def tell(self, dream: Dream) -> Response:
        """How a dream is."""
        return answer(self.workshop.dreams.describe(dream))

    async def controls(self, request: Request) -> Response:
        return answer(describe_controls())

    async def start(self, request: Request) -> Response:
        body = await read_json(request)
        said = body.pop("state", None)
        state = said if isinstance(said, dict) else {}
        dream = await run_in_threadpool(start_dream, read_asked(body, DreamAsked), state, self.workshop)
        return answer({**self.workshop.dreams.describe(dream), **dream.result})

    async def surprise(self, request: Request) -> Response:
        body = await read_json(request)
        count, seed = body.pop("count", 9), body.pop("seed", 0)
        if not (isinstance(count, int) and isinstance(seed, int) and 1 <= count <= 24):
            raise SettingsError(f"count is {count!r}; expected 1 to 24, and a whole number as seed")
        asked = read_asked(body, DreamAsked)
        return self.tell(await run_in_threadpool(start_tries, asked, count, seed, self.workshop))

    async def status(self, request: Request) -> Response:
        dream = self.find(request)
        dream.painter.look()
        told = self.workshop.dreams.describe(dream)
        return answer({**told, **dream.result, "asked": dream.asked, "scores": dream.painter.curve})

    async def events(self, request: Request) -> Response:
        side = read_number(request, "side", 768, 64, 2048)
        return stream_events(self.workshop.dreams.follow(self.find(request), side))

    async def preview(self, request: Request) -> Response:
        _, jpeg = self.find(request).painter.newest()
        if jpeg is None:
            raise NotThere("there is no picture of this dream yet")
        return answer_jpeg(jpeg)

    async def stop(self, request: Request) -> Response:
        self.workshop.dreams.stop(self.find(request))
        return self.tell(self.find(request))

    async def resume(self, request: Request) -> Response:
        self.workshop.dreams.resume(self.find(request))
        return self.tell(self.find(request))

    async def look(self, request: Request) -> Response:
        return answer_jpeg(await run_in_threadpool(show_restyled, self.find(request), await read_json(request)))


def show_restyled(dream: Dream, body: dict[str, Any]) -> bytes:
    """A finished dream in another strength, as a JPEG; with "save" its file is changed as well."""
    if not dream.ticket.is_over or dream.ticket.run is None or dream.ticket.progress is None:
        raise NotThere("this dream is not in memory any more: dream it again to change its strength")
    restyle(dream, {name: body[name] for name in ("strength", "features") if name in body})
    if body.get("save"):
        save_again(dream)
    return encode_jpeg(dream.ticket.progress.preview(dream.painter.side))
