"""The endpoints for programs, as Gradio serves them: to `gradio_client`, to plain HTTP, and, if asked, as MCP tools."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from reverie.errors import MissingExtra, ReverieError
from reverie.studio.answers import answer
from reverie.studio.endpoints import Endpoints
from reverie.studio.handing import Handing
from reverie.studio.lookups import Lookups
from reverie.studio.refusals import FULL, is_full
from reverie.studio.tools import tame_tools

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

log = logging.getLogger("reverie")

MAKING = ("dream", "film", "visualize", "surprise", "resume", "stop", "restyle")
LOOKING_UP = ("layers", "classes", "networks", "presets", "controls", "recipe", "gallery", "download")
"""The endpoints by their names."""


def mount_endpoints(app: Any, workshop: Workshop) -> None:
    """Mounts the endpoints into the studio's application, behind its own routes.

    Raises `MissingExtra` where they shall be tools for language models, and what that takes is not installed.
    """
    if workshop.options.mcp and importlib.util.find_spec("mcp") is None:
        raise MissingExtra("--mcp", "mcp")
    import gradio
    from gradio.events import api
    from gradio.route_utils import FnIndexInferError

    handing = Handing(workshop)
    makers, lookups = Endpoints(workshop, handing), Lookups(workshop, handing)
    endpoints = [getattr(makers, name) for name in MAKING] + [getattr(lookups, name) for name in LOOKING_UP]
    app.router.routes += handing.list_routes()
    with gradio.Blocks(analytics_enabled=False) as blocks:
        for endpoint in endpoints:
            api(tell_mistakes(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
    copy_no_files(blocks)
    gradio.mount_gradio_app(
        app,
        blocks,
        path="/",
        max_file_size=workshop.options.film_bytes,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        ssr_mode=False,
        show_error=True,
        mcp_server=workshop.options.mcp,
    )
    tame_tools(blocks, workshop.options.auth)
    engine = app.router.routes[-1].app
    for kind in (LookupError, FnIndexInferError, TypeError, ValueError):
        engine.add_exception_handler(kind, tell_misuse)


async def tell_misuse(request: Request, error: Exception) -> Response:
    """What Gradio does not understand of a request, in one line."""
    if not isinstance(error, (TypeError, ValueError)):
        return answer({"error": "there is no endpoint of this name: /gradio_api/info lists them"}, 404)
    log.debug("%s was not understood", request.url.path, exc_info=error)
    words = str(error).partition(". ")[0].replace("`", "")
    return answer({"error": f"this endpoint cannot be asked so ({words}): /gradio_api/info says how"}, 422)


def copy_no_files(blocks: Any) -> None:
    """Keeps Gradio from copying what a request names as a file to its cache, whatever it may be: names stay names."""

    async def keep_name(name: str) -> str:
        return name

    for endpoint in blocks.fns.values():
        for each in (*endpoint.inputs, *endpoint.outputs):
            each.async_move_resource_to_block_cache = keep_name


def tell_mistakes(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint, its mistakes told in one line; a fault of ours is told to the log, and by its name alone."""
    if inspect.isasyncgenfunction(endpoint):

        @functools.wraps(endpoint)
        async def stream(*args: Any, **named: Any) -> AsyncIterator[Any]:
            events = endpoint(*args, **named)
            try:
                async for event in events:
                    yield event
            except Exception as error:
                raise as_one_line(error) from None
            finally:
                await events.aclose()  # who stops listening stops the dream now, and not when memory is tidied

        return sign(stream, endpoint)

    @functools.wraps(endpoint)
    async def ask(*args: Any, **named: Any) -> Any:
        from starlette.concurrency import run_in_threadpool

        try:
            if inspect.iscoroutinefunction(endpoint):
                return await endpoint(*args, **named)
            return await run_in_threadpool(endpoint, *args, **named)
        except Exception as error:
            raise as_one_line(error) from None

    return sign(ask, endpoint)


def sign(wrapper: Callable[..., Any], endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Says what an endpoint answers, at each time it does: Gradio reads types, and takes words for none."""
    signature = inspect.signature(endpoint, eval_str=True)
    kind = signature.return_annotation
    if inspect.isasyncgenfunction(endpoint):
        (kind,) = get_args(kind)
    wrapper.__signature__ = signature.replace(return_annotation=kind)  # type: ignore[attr-defined]
    return wrapper


def as_one_line(error: Exception) -> Exception:
    """A mistake as Gradio's clients are told it."""
    import gradio

    if isinstance(error, ReverieError):
        return gradio.Error(str(error), print_exception=False)
    if is_full(error):
        return gradio.Error(FULL, print_exception=False)
    log.error("an endpoint broke off", exc_info=error)
    words = f"the studio made a mistake ({type(error).__name__}): its log says more"
    return gradio.Error(words, print_exception=False)
