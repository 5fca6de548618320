"""The routes of the networks: which are here, how their weights come here, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from reverie.models.catalog import DEFAULT_MODEL, ENTRIES, KERAS, find_entry, is_own
from reverie.models.fetching import find_network_file, list_local_networks, tell_missing_extra
from reverie.models.weights import cache_folder
from reverie.studio.answers import answer, read_json
from reverie.studio.asking import check_network, read_asked
from reverie.studio.downloads import Download
from reverie.studio.looking import LookAsked, start_look
from reverie.studio.shelf import MEGABYTE, describe_shelf

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


class NetworkAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network by its name."""

    model: str = DEFAULT_MODEL


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    room = NetworksRoom(workshop)
    return [
        Route("/studio/networks", room.shelf),
        Route("/studio/networks/here", room.here),
        Route("/studio/networks/find", room.find, methods=["POST"]),
        Route("/studio/networks/look", room.look, methods=["POST"]),
        Route("/studio/networks/fetch", room.fetch, methods=["POST"]),
        Route("/studio/downloads", room.running),
        Route("/studio/downloads/{key}", room.status),
        Route("/studio/downloads/{key}/stop", room.stop, methods=["POST"]),
    ]


@dataclass(frozen=True)
class NetworksRoom:
    """What is done at each route."""

    workshop: Workshop

    def download(self, request: Request) -> Download:
        """The download that a route names."""
        return self.workshop.downloads.find(request.path_params["key"])

    async def shelf(self, request: Request) -> Response:
        networks = await run_in_threadpool(list_shelf)
        return answer({"networks": networks, "model": DEFAULT_MODEL, "folder": str(cache_folder())})

    async def here(self, request: Request) -> Response:
        return answer({"here": await run_in_threadpool(list_local_networks)})

    async def find(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), NetworkAsked)
        return answer(await run_in_threadpool(find_network, asked.model.strip()))

    async def look(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), LookAsked)
        return answer(self.workshop.dreams.describe(start_look(asked, self.workshop)))

    async def fetch(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), NetworkAsked)
        check_network(asked.model)
        return answer(self.workshop.downloads.start(asked.model).describe())

    async def running(self, request: Request) -> Response:
        return answer({"downloads": [each.describe() for each in self.workshop.downloads.list_running()]})

    async def status(self, request: Request) -> Response:
        return answer(self.download(request).describe())

    async def stop(self, request: Request) -> Response:
        self.workshop.downloads.stop(self.download(request))
        return answer(self.download(request).describe())


def list_shelf() -> list[dict[str, Any]]:
    """The networks that are offered. `here`: whether their weights are on this machine; None: that is not known yet.

    `needs` is what is to be installed for one, in one line, or None.
    """
    return [{**each, **tell_place(each["name"], quick=True)} for each in describe_shelf()]


def find_network(name: str) -> dict[str, Any]:
    """A network that was named by hand, as `list_shelf` has them. Raises `UnknownName` and `NotAllowed`."""
    check_network(name)
    known = next((each for each in describe_shelf() if each["name"] == name), None)
    if known is None:
        known = {"name": name, "about": find_entry(name).about, "objective": "", "parameters": None, "megabytes": None}
    return {**known, **tell_place(name)}


def tell_place(name: str, quick: bool = False) -> dict[str, Any]:
    """Whether the weights of a network are here; `quick`: no library is imported to know it."""
    needs = tell_missing_extra(name)
    if needs is not None or name.startswith(f"{KERAS}:") or (quick and name not in ENTRIES):
        return {"here": None, "needs": needs}
    if is_own(name):
        return {"here": True, "needs": None}
    path = find_network_file(name)
    told: dict[str, Any] = {"here": path is not None, "needs": None}
    if path is not None:
        told["megabytes"] = round(path.stat().st_size / MEGABYTE)
    return told
