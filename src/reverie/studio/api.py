"""The endpoints for programs: what the page can, by `gradio_client`, by plain HTTP, and, if asked, as MCP tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop


def mount_endpoints(app: Any, workshop: Workshop) -> None:
    """Mounts the endpoints into the studio's application, behind its own routes."""
    import gradio
    from gradio.events import api

    from reverie.studio.controls import describe_controls

    def presets() -> dict[str, Any]:
        """Known ways to dream: each preset's name, what it is, its settings and its wishes."""
        return {each["name"]: each for each in describe_controls()["presets"]}

    with gradio.Blocks(analytics_enabled=False) as endpoints:
        api(presets, api_name="presets")
    gradio.mount_gradio_app(
        app,
        endpoints,
        path="/",
        allowed_paths=[str(workshop.gallery.folder)],
        max_file_size=workshop.options.upload_bytes,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        ssr_mode=False,
        show_error=True,
        mcp_server=workshop.options.mcp,
    )
