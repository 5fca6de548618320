"""The routes of the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from reverie.errors import SettingsError
from reverie.studio.answers import FRESH, KEPT, answer, answer_jpeg, read_number
from reverie.studio.cards import Cards, Query
from reverie.studio.converting import convert, is_same_format
from reverie.studio.pictures import make_thumbnail
from reverie.studio.refusals import NotThere
from reverie.studio.restoring import restore_file
from reverie.studio.telling import find_before, tell_item

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

MOST = 5000
"""How many items are told at once."""

LARGEST = 2048
"""The longest side of a picture that is shown in the place of its file, in pixels."""


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes. An item is asked for by its name, and `at`, when it was made: a browser may keep what it got then."""
    cards = Cards(workshop.gallery)
    workshop.queue.fill(cards.fill())
    room = GalleryRoom(workshop, cards)
    return [
        Route("/studio/gallery", room.items),
        Route("/studio/gallery/{name}", room.show),
        Route("/studio/gallery/{name}", room.remove, methods=["DELETE"]),
        Route("/studio/gallery/{name}/thumb", room.thumb),
        Route("/studio/gallery/{name}/before", room.before),
        Route("/studio/gallery/{name}/about", room.about),
        Route("/studio/gallery/{name}/state", room.state),
        Route("/studio/gallery/{name}/use", room.use, methods=["POST"]),
        Route("/studio/gallery/{name}/download", room.download),
        Route("/studio/trash/{key}/back", room.bring_back, methods=["POST"]),
    ]


@dataclass(frozen=True)
class GalleryRoom:
    """What is done at each route."""

    workshop: Workshop
    cards: Cards

    def find(self, request: Request) -> Path:
        """The file that a route names."""
        return self.workshop.gallery.find(request.path_params["name"])

    async def items(self, request: Request) -> Response:
        first, count = read_number(request, "first", 0, 0, 10**9), read_number(request, "count", 60, 1, MOST)
        query = Query(request.query_params.get("words", "")[:400], read_kind(request))
        found, many = await run_in_threadpool(self.cards.search, query, first, count)
        told = [{**item.describe(), **card.describe()} for item, card in found]
        return answer({"items": told, "count": many, "folder": str(self.workshop.gallery.folder)})

    async def show(self, request: Request) -> Response:
        return FileResponse(self.find(request), headers=keep(request))

    async def thumb(self, request: Request) -> Response:
        side = read_number(request, "side", 480, 16, LARGEST)
        jpeg = await run_in_threadpool(self.workshop.gallery.thumbnail, request.path_params["name"], side)
        return answer_jpeg(jpeg, kept="at" in request.query_params)

    async def before(self, request: Request) -> Response:
        side = read_number(request, "side", 1600, 16, LARGEST)
        photo = await run_in_threadpool(find_before, self.find(request), self.workshop)
        if photo is None:
            raise NotThere("the photo that this was dreamed of is not here any more")
        return answer_jpeg(await run_in_threadpool(make_thumbnail, photo, side), kept="at" in request.query_params)

    async def about(self, request: Request) -> Response:
        path = self.find(request)
        item = self.workshop.gallery.item(path)
        card = await run_in_threadpool(self.cards.find, item)
        told = await run_in_threadpool(tell_item, path, card, self.workshop)
        return answer({**item.describe(), **told, "path": str(path)})

    async def state(self, request: Request) -> Response:
        found = await run_in_threadpool(restore_file, self.find(request), self.workshop)
        if found is None:
            raise NotThere("this picture has no recipe")
        return answer(found)

    async def use(self, request: Request) -> Response:
        path = self.find(request)
        return answer((await run_in_threadpool(self.workshop.uploads.adopt, path, path.name)).describe())

    async def download(self, request: Request) -> Response:
        path, ending = self.find(request), f".{request.query_params.get('format', 'png')}"
        if self.workshop.gallery.item(path).film or is_same_format(path, ending):
            return FileResponse(path, filename=path.name, headers=FRESH)
        made = await run_in_threadpool(convert, path, ending, self.workshop.folder)
        gone = BackgroundTask(made.unlink, missing_ok=True)
        return FileResponse(made, filename=path.stem + ending, headers=FRESH, background=gone)

    async def remove(self, request: Request) -> Response:
        return answer({"key": await run_in_threadpool(self.workshop.gallery.remove, request.path_params["name"])})

    async def bring_back(self, request: Request) -> Response:
        path = await run_in_threadpool(self.workshop.gallery.bring_back, request.path_params["key"])
        return answer({"name": path.name})


def keep(request: Request) -> dict[str, str]:
    """Whether a browser may keep a file: where the address says when it was made."""
    return KEPT if "at" in request.query_params else FRESH


def read_kind(request: Request) -> str:
    """Which kind of items are asked for; raises `SettingsError` for one that is none."""
    kind = request.query_params.get("kind", "")
    if kind not in ("", "pictures", "films"):
        raise SettingsError(f"kind is {kind!r}; expected pictures or films")
    return kind
