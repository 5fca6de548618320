"""The endpoints as tools for language models: how Gradio's MCP server asks this studio, and what it may not do."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Scope


def keep_as_they_are(*data: Any) -> tuple[Any, ...]:
    """What a tool is given, as it is."""
    return data


class Loop:
    """Gradio's MCP server asks its own studio over HTTP: this is its client, made at the first question.

    It knows the password, as whoever asked did, and takes no word of a tool's arguments for a file of this machine to
    be uploaded, as Gradio's own would.
    """

    def __init__(self, server: Any, auth: tuple[str, str] | None) -> None:
        self.server, self.auth = server, auth
        self._client: Any = None
        self._guard = threading.Lock()

    def open(self) -> Any:
        """The client."""
        with self._guard:
            if self._client is None:
                self._client = self.make(self.server.mcp_server.request_context.request.scope)
            return self._client

    def make(self, scope: Scope) -> Any:
        """A client of the address at which a question arrived, by whatever name this studio is called outside."""
        from gradio_client import Client

        host, port = scope["server"]
        headers = {"x-gradio-user": "mcp"}
        if self.auth is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(':'.join(self.auth).encode()).decode()}"
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        client = Client(address, download_files=False, verbose=False, analytics_enabled=False, headers=headers)
        for endpoint in client.endpoints.values():
            endpoint.process_input_files = keep_as_they_are
        return client


def tame_tools(blocks: Any, auth: tuple[str, str] | None) -> None:
    """Gives the MCP server of some endpoints, if it is on, a client that can do no harm."""
    server = getattr(blocks, "mcp_server_obj", None)
    if server is not None:
        server._get_or_create_client = Loop(server, auth).open
