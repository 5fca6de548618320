"""The routes of the gallery."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from reverie.errors import RecipeError, SettingsError
from reverie.image.embedding import read_recipe_text
from reverie.image.formats import WRITABLE_ENDINGS
from reverie.image.reading import read_photo
from reverie.image.writing import save_image
from reverie.studio.answers import FRESH, answer, answer_jpeg, read_number
from reverie.studio.refusals import NotThere
from reverie.studio.restoring import restore_file

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


def list_routes(workshop: Workshop) -> list[BaseRoute]:
    """Its routes."""
    gallery = workshop.gallery

    async def items(request: Request) -> Response:
        first, count = read_number(request, "first", 0, 0, 10**9), read_number(request, "count", 60, 1, 500)
        found, many = await run_in_threadpool(gallery.list_items, first, count)
        return answer({"items": [each.describe() for each in found], "count": many, "folder": str(gallery.folder)})

    async def show(request: Request) -> Response:
        return FileResponse(gallery.find(request.path_params["name"]), headers=FRESH)

    async def thumb(request: Request) -> Response:
        side = read_number(request, "side", 480, 16, 1024)
        return answer_jpeg(await run_in_threadpool(gallery.thumbnail, request.path_params["name"], side))

    async def state(request: Request) -> Response:
        found = await run_in_threadpool(restore_file, gallery.find(request.path_params["name"]), workshop)
        if found is None:
            raise NotThere("this picture has no recipe")
        return answer(found)

    async def use(request: Request) -> Response:
        path = gallery.find(request.path_params["name"])
        return answer((await run_in_threadpool(workshop.uploads.adopt, path, path.name)).describe())

    async def download(request: Request) -> Response:
        path, ending = gallery.find(request.path_params["name"]), f".{request.query_params.get('format', 'png')}"
        if path.suffix == ending:
            return FileResponse(path, filename=path.name, headers=FRESH)
        made = await run_in_threadpool(convert, path, ending, workshop.folder)
        gone = BackgroundTask(made.unlink, missing_ok=True)
        return FileResponse(made, filename=path.stem + ending, headers=FRESH, background=gone)

    async def remove(request: Request) -> Response:
        await run_in_threadpool(gallery.remove, request.path_params["name"])
        return answer({})

    return [
        Route("/studio/gallery", items),
        Route("/studio/gallery/{name}", show),
        Route("/studio/gallery/{name}", remove, methods=["DELETE"]),
        Route("/studio/gallery/{name}/thumb", thumb),
        Route("/studio/gallery/{name}/state", state),
        Route("/studio/gallery/{name}/use", use, methods=["POST"]),
        Route("/studio/gallery/{name}/download", download),
    ]


def convert(path: Path, ending: str, folder: Path) -> Path:
    """A picture of the gallery in another format, with its recipe, in a temporary file."""
    if ending not in WRITABLE_ENDINGS:
        raise SettingsError(
            f"format is {ending[1:]!r}; expected one of {', '.join(each[1:] for each in WRITABLE_ENDINGS)}"
        )
    photo = read_photo(path)
    try:
        recipe = read_recipe_text(path)
    except RecipeError:
        recipe = None
    with tempfile.NamedTemporaryFile(dir=folder, suffix=ending, delete=False) as file:
        target = Path(file.name)
    save_image(photo.image, target, like=replace(photo, path=path), recipe=recipe)
    return target
