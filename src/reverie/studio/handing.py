"""How programs hand over pictures, and take them home: an upload, a picture of the gallery, or the bytes themselves."""

from __future__ import annotations

import base64
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from reverie.errors import ReverieError
from reverie.studio.answers import FRESH, answer, refuse_longer
from reverie.studio.refusals import NotThere, UploadRefused, UploadTooLarge

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

AT_ONCE = 20
"""How many files one request may bring."""

REMEMBERED = 100
"""Of how many files that were refused is remembered why."""

CHUNK = 1 << 20

FILE = {"_type": "gradio.FileData"}
"""The mark of a file in JSON, by which clients of Gradio know what they have to upload, or download."""


class Handing:
    """What programs handed over. A file that is no use is refused where it is used: there its reason can be told."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._refused: OrderedDict[str, str] = OrderedDict()

    def list_routes(self) -> list[BaseRoute]:
        """Where clients of Gradio send files, and fetch them: keys, and names of the gallery, and never a path."""
        return [
            Route("/gradio_api/upload", self.receive, methods=["POST"]),
            Route("/gradio_api/file={name}", self.send),
        ]

    async def receive(self, request: Request) -> Response:
        """Keeps the files of a form, and answers their keys."""
        most = self.workshop.options.film_bytes
        refuse_longer(request, most)
        parser = MultiPartParser(request.headers, bound(request, most), max_files=AT_ONCE, max_fields=AT_ONCE)
        try:
            form = await parser.parse()
        except (MultiPartException, KeyError) as error:
            words = getattr(error, "message", "expected multipart/form-data")
            raise HTTPException(400, f"the files cannot be read: {words}") from None
        try:
            files = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
            return answer([await self.keep(each) for each in files])
        finally:
            await form.close()

    async def send(self, request: Request) -> Response:
        """A file of the gallery."""
        return FileResponse(self.workshop.gallery.find(request.path_params["name"]), headers=FRESH)

    async def keep(self, file: UploadFile) -> str:
        """The key of a file that arrived."""
        name, uploads = file.filename or "picture", self.workshop.uploads
        try:
            path = await uploads.receive(name, read_chunks(file), file.size)
            return (await run_in_threadpool(uploads.keep, path, name)).key
        except ReverieError as error:
            key = secrets.token_urlsafe(16)
            self._refused[key] = str(error)
            while len(self._refused) > REMEMBERED:
                self._refused.popitem(last=False)
            return key

    def find(self, given: Any) -> str | None:
        """The key of what a program named as a picture: a file, a key, a name in the gallery, or a data URL.

        None for None. Raises `UploadRefused` for a file that is no use, `NotThere` for one that is not here.
        """
        named = given.get("path") if isinstance(given, dict) else given
        if named is None or named == "":
            return None
        if not isinstance(named, str):
            raise UploadRefused(f"a picture is named {named!r}; expected a file, a key, or a name in the gallery")
        if named.startswith("data:"):
            return self.decode(named)
        if named in self._refused:
            raise UploadRefused(self._refused[named])
        if "." in named:
            return self.workshop.uploads.adopt(self.workshop.gallery.find(named), named).key
        return self.workshop.uploads.find(named).key

    def need(self, given: Any) -> str:
        """The same, where there must be one."""
        key = self.find(given)
        if key is None:
            raise NotThere("no picture was given: hand over a file, a key, or a name in the gallery")
        return key

    def decode(self, url: str) -> str:
        """The key of a picture whose bytes stand in a data URL."""
        head, _, text = url.partition(",")
        try:
            data = base64.b64decode(text, validate=True) if head.endswith(";base64") else b""
        except ValueError:
            data = b""
        if not data:
            raise UploadRefused("this data URL holds no picture; expected data:image/png;base64,...")
        uploads = self.workshop.uploads
        return uploads.keep(uploads.write("picture", data), "picture").key


async def bound(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body of a request; raises `UploadTooLarge` once it is longer than so many bytes."""
    got = 0
    async for chunk in request.stream():
        got += len(chunk)
        if got > most:
            raise UploadTooLarge(f"these files are larger than {most / 1e6:.0f} MB, the most that is taken here")
        yield chunk


async def read_chunks(file: UploadFile) -> AsyncIterator[bytes]:
    """The bytes of a file that arrived, piece by piece."""
    while chunk := await file.read(CHUNK):
        yield chunk


def hand_out(name: str) -> dict[str, Any]:
    """A file of the gallery, as a client of Gradio fetches it by itself."""
    return {"path": name, "url": f"/gradio_api/file={name}", "orig_name": name, "meta": FILE}
