"""The server of a studio: its page, its rooms' routes, the endpoints for programs, and what stands before them."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reverie.errors import MissingExtra, ReverieError, SettingsError
from reverie.studio.answers import answer
from reverie.studio.guards import Guard
from reverie.studio.options import PORT, PORTS, StudioOptions
from reverie.studio.refusals import FULL, NotThere, is_full, status_of
from reverie.studio.rooms import list_routes
from reverie.studio.workshop import Workshop

log = logging.getLogger("reverie")

PAGE = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""What keeps the engine of the endpoints from asking anybody anything."""


def build_app(workshop: Workshop) -> ASGIApp:
    """The whole studio as an ASGI application. Raises `MissingExtra` without the extra `studio`."""
    os.environ.update(QUIET, GRADIO_TEMP_DIR=str(workshop.folder / "api"))
    try:
        import fastapi
    except ImportError:
        raise MissingExtra("the studio", "studio") from None
    from reverie.studio.api import mount_endpoints

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for kind in (ReverieError, HTTPException, ClientDisconnect, OSError, Exception):
        app.add_exception_handler(kind, tell_error)
    app.router.routes += [Route("/", show_page), Route("/page/{path:path}", show_file), *list_routes(workshop)]
    app.router.routes += [Route("/favicon.ico", show_icon), Route("/studio/{path:path}", show_nothing, methods=METHODS)]
    mount_endpoints(app, workshop)
    return Guard(app, workshop.options)


async def show_page(request: Request) -> Response:
    """The page."""
    return send_file(PAGE / "index.html")


async def show_icon(request: Request) -> Response:
    """The picture of a tab."""
    return send_file(PAGE / "icon.svg")


async def show_nothing(request: Request) -> Response:
    """What is left of /studio."""
    raise NotThere("there is nothing here")


async def show_file(request: Request) -> Response:
    """A file of the page; raises `NotThere` for anything else."""
    path = (PAGE / request.path_params["path"]).resolve()
    if not path.is_relative_to(PAGE.resolve()) or path.suffix not in TYPES or not path.is_file():
        raise NotThere("there is nothing here")
    return send_file(path)


def send_file(path: Path) -> Response:
    """A file of the page, which the browser asks about again every time, so that no old one stays."""
    return FileResponse(path, media_type=TYPES[path.suffix], headers={"Cache-Control": "no-cache"})


async def tell_error(request: Request, error: Exception) -> JSONResponse:
    """A mistake as one line of JSON; a fault of ours is told to the log, and no more than its name to the visitor."""
    if isinstance(error, ReverieError):
        return answer({"error": str(error)}, status_of(error))
    if isinstance(error, HTTPException):
        return answer({"error": str(error.detail)}, error.status_code)
    if isinstance(error, ClientDisconnect):
        return answer({"error": "the rest did not come"}, 400)  # nobody reads it
    if is_full(error):
        return answer({"error": FULL}, 507)
    log.error("%s %s broke off", request.method, request.url.path, exc_info=error)
    return answer({"error": f"the studio made a mistake ({type(error).__name__}): its log says more"}, 500)


def bind(options: StudioOptions) -> socket.socket:
    """A socket on the port, or on the first free one; raises `SettingsError` where there is none."""
    ports = range(PORT, PORT + PORTS) if options.port is None else [options.port]
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    for port in ports:
        try:
            return socket.create_server((options.host, port), family=family, backlog=2048)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port == ports[-1]:
                reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
                many = f"the ports {PORT} to {ports[-1]} are" if options.port is None else f"the port {port} is"
                raise SettingsError(
                    f"{many} not to be had on {options.host} ({reason}): say another with --port"
                ) from None
    raise AssertionError("no port was tried")


def serve(options: StudioOptions) -> int:
    """Opens a studio and blocks until it is closed, by Ctrl-C or SIGTERM; returns the exit code.

    Raises `SettingsError` for a port that is not to be had, `ImageFileError` for a gallery that cannot be made,
    `MissingExtra` without the extra `studio`.
    """
    try:
        import uvicorn
    except ImportError:
        raise MissingExtra("the studio", "studio") from None
    with bind(options) as listening, closing(Workshop(options)) as workshop:
        config = uvicorn.Config(build_app(workshop), log_level="warning", timeout_graceful_shutdown=1, ws="none")
        return run_until_signal(uvicorn.Server(config), listening, workshop)


def run_until_signal(server: Any, listening: socket.socket, workshop: Workshop) -> int:
    """Serves until a signal comes: what is running is stopped, and kept as far as it came, at once."""
    got: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        got.append(number)
        server.should_exit = True
        threading.Thread(target=workshop.close, daemon=True).start()
        if len(got) > 2:
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    server.install_signal_handlers = lambda: None  # older uvicorns
    server.capture_signals = contextlib.nullcontext
    address = f"http://{show_host(workshop.options.host)}:{listening.getsockname()[1]}"
    print(
        f"The studio is open at {address}, and its gallery is {workshop.gallery.folder}. Ctrl-C closes it.", flush=True
    )
    if workshop.options.browser:
        threading.Thread(target=open_browser, args=(address,), daemon=True).start()
    server.run(sockets=[listening])
    workshop.close()
    return 128 + signal.SIGINT if got and got[0] == signal.SIGINT else 0


def show_host(host: str) -> str:
    """The name by which this machine itself calls a host that it listens on."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def open_browser(address: str) -> None:
    """Shows the page, where there is a browser and a screen."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(address)
