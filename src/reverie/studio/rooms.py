"""All routes of a studio, room by room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from reverie.studio import dream_room, film_room, gallery_room, live_room, networks_room, wish_room

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """The routes under /studio."""
    rooms = (dream_room, wish_room, live_room, film_room, gallery_room, networks_room)
    return [route for room in rooms for route in room.list_routes(workshop)]
