"""What stands before every route: only our own paths, our own name, our own page, and a password if one is set.

A page of another site that runs in the same browser can send requests to this machine. It gives itself away by its
Origin, or, if its name was made to lead here (DNS rebinding), by the Host it asks for.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reverie.studio.answers import MOST_JSON, read_length
from reverie.studio.options import LOOPBACK, StudioOptions

OPEN = re.compile(
    r"/|/page/[\w./-]+|/favicon\.ico|/studio/.+|/config"
    r"|/gradio_api/(info|upload|cancel|reset|startup-events|heartbeat/[\w-]+|file=[^/]+|call/[\w/-]+)"
    r"|/gradio_api/queue/(join|data|status)"
)
"""The paths that there are. The engine of the endpoints has many more, of which no studio has need."""

MCP = re.compile(r"/gradio_api/mcp/(sse|messages/?|schema)?")

JSON_PATHS = re.compile(r"/gradio_api/(call/.+|queue/join|cancel|reset|mcp/.*)")
"""The paths to which JSON is sent that the engine reads by itself."""

SAFE_METHODS = ("GET", "HEAD")

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Refusal(Exception):
    """Why a request goes no further."""

    status: int
    words: str


class Guard:
    """Lets through what a studio's own page, or a script with its password, asks for."""

    def __init__(self, app: ASGIApp, options: StudioOptions) -> None:
        self.app, self.options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            self.check(scope)
            if scope["type"] == "http" and JSON_PATHS.fullmatch(scope["path"]) and scope["method"] == "POST":
                receive = await read_checked(receive, read_length(Headers(scope=scope).get("content-length")))
        except Refusal as refusal:
            await refuse(refusal, scope, receive, send_guarded)
            return
        await self.app(scope, receive, send_guarded)

    def check(self, scope: Scope) -> None:
        """Raises `Refusal` for a request of a stranger's page, without the password, or to a path that there is not."""
        headers = Headers(scope=scope)
        self.check_host(headers)
        self.check_origin(scope, headers)
        if self.options.auth is not None and not knows_password(headers, self.options.auth):
            raise Refusal(401, "this studio asks for its name and password")
        path = scope["path"]
        known = OPEN.fullmatch(path) or (self.options.mcp and MCP.fullmatch(path))
        if not known or "\0" in path or "/../" in f"{path}/":
            raise Refusal(404, "there is nothing here")

    def check_host(self, headers: Headers) -> None:
        """Raises `Refusal` where the studio is called by a name that is not its own."""
        name = split_host(headers.get("host", ""))
        own = {each.lower() for each in (*LOOPBACK, self.options.host, *self.options.hosts)}
        anywhere = self.options.host in ("0.0.0.0", "::") and is_address(name)
        if name not in own and not anywhere:
            raise Refusal(421, f"this studio is not called {name!r}: if it should be, say --allow-host {name}")

    def check_origin(self, scope: Scope, headers: Headers) -> None:
        """Raises `Refusal` where the page of another site asks for something to be done, or listens in."""
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if foreign or site not in ("same-origin", "none"):
            raise Refusal(403, "the page of another site may not ask this studio for anything")


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request that goes no further."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.words[:120]})
        return
    headers = {"WWW-Authenticate": 'Basic realm="Reverie", charset="UTF-8"'} if refusal.status == 401 else None
    await JSONResponse({"error": refusal.words}, refusal.status, headers)(scope, receive, send)


def split_host(host: str) -> str:
    """The name of a Host header, in small letters, without its port."""
    host = host.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def is_address(name: str) -> bool:
    """Whether a name is an address in numbers, which no other site's name can stand for."""
    return bool(re.fullmatch(r"[\d.]+|[\da-fA-F:]+", name))


def knows_password(headers: Mapping[str, str], auth: tuple[str, str]) -> bool:
    """Whether a request says the name and the password; takes as long for a wrong one as for the right one."""
    scheme, _, said = headers.get("authorization", "").partition(" ")
    try:
        got = base64.b64decode(said, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        got = b""
    return hmac.compare_digest(got, ":".join(auth).encode())


async def read_checked(receive: Receive, length: int | None = None) -> Receive:
    """The same request, its JSON read; raises `Refusal` where it names an address for the server to fetch.

    `length` is how long it says it is: what is too long is not read.
    """
    if length is not None and length > MOST_JSON:
        raise Refusal(413, "too much was asked for at once")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > MOST_JSON:
            raise Refusal(413, "too much was asked for at once")
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refusal(400, "what was asked for is no JSON") from None
    if names_address(found):
        raise Refusal(403, "the studio fetches nothing from other addresses: upload the file instead")
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def names_address(found: Any) -> bool:
    """Whether a file within JSON is an address of the web."""
    if isinstance(found, dict):
        named = (found.get(name) for name in ("path", "url"))
        web = any(isinstance(each, str) and re.match(r"\s*[a-z][a-z+.-]*://", each, re.I) for each in named)
        return web or any(map(names_address, found.values()))
    return isinstance(found, list) and any(map(names_address, found))
