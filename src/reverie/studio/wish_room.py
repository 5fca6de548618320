"""The routes of the room where wishes are chosen by pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from reverie.models.catalog import DEFAULT_MODEL
from reverie.models.spec import ModelSpec
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.studio.answers import answer, answer_jpeg, read_json
from reverie.studio.asking import check_network, find_weights, read_asked
from reverie.studio.atlas import Atlas, Tile
from reverie.studio.visualizing import VisualAsked, start_visualization
from reverie.studio.wording import read_words

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


class Network(msgspec.Struct, frozen=True):
    """Which network is looked into."""

    model: str = DEFAULT_MODEL
    weights: str | None = None
    engine: str = ModelSpec.engine


class TilesAsked(Network, frozen=True):
    """Which pictures are looked at: channels of a layer, or layers of a photo."""

    layer: str = ""
    channels: list[int] = []
    layers: list[str] = []
    input: str | None = None


class WishAsked(Network, frozen=True):
    """A wish in words."""

    words: str = ""


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    room = WishRoom(workshop, Atlas(workshop))
    return [
        Route("/studio/layers", room.layers, methods=["POST"]),
        Route("/studio/classes", room.classes, methods=["POST"]),
        Route("/studio/tiles", room.tiles, methods=["POST"]),
        Route("/studio/tiles/channel/{layer}/{channel:int}", room.channel),
        Route("/studio/tiles/photo/{layer}", room.photo),
        Route("/studio/wish", room.wish, methods=["POST"]),
        Route("/studio/visualize", room.visualize, methods=["POST"]),
    ]


@dataclass(frozen=True)
class WishRoom:
    """What is done at each route."""

    workshop: Workshop
    atlas: Atlas

    def spec(self, asked: Any) -> ModelSpec:
        """The network that was asked for; raises `NotAllowed` for code."""
        check_network(asked.model)
        weights = find_weights(asked.weights, self.workshop)
        return ModelSpec(asked.model, weights, asked.engine, self.workshop.options.device)

    async def layers(self, request: Request) -> Response:
        spec = self.spec(read_asked(await read_json(request), Network))
        return answer({"layers": await run_in_threadpool(self.atlas.list_layers, spec)})

    async def classes(self, request: Request) -> Response:
        spec = self.spec(read_asked(await read_json(request), Network))
        return answer({"classes": await run_in_threadpool(self.atlas.list_classes, spec)})

    async def tiles(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), TilesAsked)
        there = await run_in_threadpool(self.atlas.want, self.list_tiles(asked))
        return answer({"channels": [each.channel for each in there], "layers": [each.layer for each in there]})

    def list_tiles(self, asked: TilesAsked) -> list[Tile]:
        """The pictures that are looked at."""
        spec = self.spec(asked)
        if asked.layers:
            return [self.photo_tile(spec, layer, asked.input) for layer in asked.layers]
        return [Tile(spec, asked.layer, channel) for channel in asked.channels if channel >= 0]

    def photo_tile(self, spec: ModelSpec, layer: str, key: str | None) -> Tile:
        """What a layer makes of a photo, or of the portrait that comes with Reverie."""
        if key is None:
            return Tile(spec, layer, photo=input_path(EXAMPLE), digest="example")
        upload = self.workshop.uploads.find(key)
        return Tile(spec, layer, photo=upload.path, digest=upload.digest)

    def said(self, request: Request) -> Any:
        """The network that a query names."""
        return read_asked(dict(request.query_params), TilesAsked)

    async def channel(self, request: Request) -> Response:
        spec, path = self.spec(self.said(request)), request.path_params
        return answer_jpeg(await run_in_threadpool(self.atlas.find, Tile(spec, path["layer"], path["channel"])), True)

    async def photo(self, request: Request) -> Response:
        asked = self.said(request)
        tile = self.photo_tile(self.spec(asked), request.path_params["layer"], asked.input)
        return answer_jpeg(await run_in_threadpool(self.atlas.find, tile), True)

    async def wish(self, request: Request) -> Response:
        asked = read_asked(await read_json(request), WishAsked)
        spec = self.spec(asked)
        model = await run_in_threadpool(self.atlas.load, spec) if self.workshop.models.holds(spec) else None
        return answer(await run_in_threadpool(read_words, asked.words, model))

    async def visualize(self, request: Request) -> Response:
        body = await read_json(request)
        state = body.pop("state", None)
        asked = read_asked(body, VisualAsked)
        dream = await run_in_threadpool(start_visualization, asked, state or {}, self.workshop)
        return answer(self.workshop.dreams.describe(dream))
