"""The routes of the room where films, zooms and morphs are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from reverie.errors import SettingsError
from reverie.film.reading.opening import FilmFile
from reverie.film.writing.formats import ENDINGS
from reverie.studio.answers import KEPT, answer, answer_jpeg, read_json, read_number
from reverie.studio.asking import read_asked
from reverie.studio.film_tries import start_frame
from reverie.studio.filming import FilmAsked, begin_again, start_film
from reverie.studio.refusals import NotThere
from reverie.studio.stills import explain_missing, make_still
from reverie.studio.timelines import KeyframesAsked, draw_timeline, list_changing
from reverie.studio.unfinished import discard, list_begun
from reverie.studio.uploads import Upload

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # browsers that play none of it by its own name play most by this one
    ".mkv": "video/webm",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".apng": "image/apng",
    ".png": "image/png",
}
"""What a browser takes a film for; all others are downloads to it."""


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    room = FilmRoom(workshop)
    return [
        Route("/studio/uploads/{key}/file", room.play),
        Route("/studio/uploads/{key}/still", room.still),
        Route("/studio/film", room.controls),
        Route("/studio/films", room.start, methods=["POST"]),
        Route("/studio/films/frame", room.frame, methods=["POST"]),
        Route("/studio/films/keyframes", room.keyframes, methods=["POST"]),
        Route("/studio/films/begun", room.begun),
        Route("/studio/films/begun/{name}", room.go_on, methods=["POST"]),
        Route("/studio/films/begun/{name}", room.give_up, methods=["DELETE"]),
    ]


@lru_cache(maxsize=512)
def keep_still(film: FilmFile, second: float, side: int) -> bytes:
    """A frame of a film as a JPEG; the newest are kept."""
    return make_still(film, second, side)


@dataclass(frozen=True)
class FilmRoom:
    """What is done at each route."""

    workshop: Workshop

    def find(self, request: Request) -> Upload:
        """The film that a route names; raises `NotThere` for what is none."""
        upload = self.workshop.uploads.find(request.path_params["key"])
        if upload.reel is None:
            raise NotThere(f"{upload.name} is no film")
        return upload

    async def play(self, request: Request) -> Response:
        upload = self.find(request)
        kind = TYPES.get(upload.path.suffix.lower(), "application/octet-stream")
        return FileResponse(upload.path, media_type=kind, headers=KEPT)

    async def still(self, request: Request) -> Response:
        reel = self.find(request).reel
        assert reel is not None
        side, at = read_number(request, "side", 160, 16, 2048), read_number(request, "at", 0, 0, 10**9)
        return answer_jpeg(await run_in_threadpool(keep_still, reel.film, at / 1000, side), kept=True)

    async def controls(self, request: Request) -> Response:
        return answer({"missing": explain_missing(), "endings": list(ENDINGS), "changing": list_changing()})

    async def start(self, request: Request) -> Response:
        body = await read_json(request)
        said = body.pop("state", None)
        state = said if isinstance(said, dict) else {}
        dream = await run_in_threadpool(start_film, read_asked(body, FilmAsked), state, self.workshop)
        return answer(self.workshop.dreams.describe(dream))

    async def frame(self, request: Request) -> Response:
        body = await read_json(request)
        at = body.pop("at", 0)
        if not isinstance(at, (int, float)) or isinstance(at, bool) or not 0 <= at <= 10**7:
            raise SettingsError(f"at is {at!r}; expected a time in seconds")
        dream = await run_in_threadpool(start_frame, read_asked(body, FilmAsked), float(at), self.workshop)
        return answer(self.workshop.dreams.describe(dream))

    async def keyframes(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), KeyframesAsked)
        return answer(await run_in_threadpool(draw_timeline, asked, self.workshop))

    async def begun(self, request: Request) -> Response:
        return answer({"films": await run_in_threadpool(list_begun, self.workshop)})

    async def go_on(self, request: Request) -> Response:
        dream = await run_in_threadpool(begin_again, request.path_params["name"], self.workshop)
        return answer(self.workshop.dreams.describe(dream))

    async def give_up(self, request: Request) -> Response:
        await run_in_threadpool(discard, request.path_params["name"], self.workshop)
        return answer({})
