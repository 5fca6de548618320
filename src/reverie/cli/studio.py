"""The command that opens the studio."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import MaybeWhole, Several, Switch
from reverie.errors import MissingExtra, SettingsError

AUTH = "REVERIE_AUTH"
"""The variable of the environment that may hold the name and the password, so that no list of processes shows them."""


def open_studio(
    *,
    gallery: Path | None = None,
    port: MaybeWhole = None,
    browser: bool = True,
    listen: str | None = None,
    auth: Annotated[str | None, Parameter(negative="")] = None,
    no_auth: Annotated[bool, Parameter(name="--no-auth", negative="")] = False,
    allow_host: Several = None,
    mcp: Switch = False,
    device: str = "auto",
    max_upload: MaybeWhole = None,
    max_pixels: MaybeWhole = None,
) -> int:
    """Open the studio: dream with your eyes, in the browser. Everything stays on this machine.

    Parameters
    ----------
    gallery
        The folder of everything that is made. [default: Reverie, among your pictures]
    port
        The port. [default: 7860, or the next free one]
    browser
        Whether a browser is opened.
    listen
        Let others in: an address of this machine, or 0.0.0.0 for all of them. Needs --auth, or --no-auth.
    auth
        A name and a password that everything asks for, as ada:secret; the environment's REVERIE_AUTH does, too.
    no_auth
        Whoever can reach it may use it.
    allow_host
        A further name that it may be called by, as behind a proxy. More than once for several.
    mcp
        Offer what it can do as tools for language models, at /gradio_api/mcp/.
    device
        auto, cpu, cuda or mps.
    max_upload
        The largest picture taken, in megabytes. [default: 200]
    max_pixels
        The largest picture taken, in megapixels. [default: 120]
    """
    from reverie.studio.options import StudioOptions, choose_gallery, parse_auth

    said = auth or os.environ.get(AUTH)
    if port is not None and not 0 <= port < 65536:
        raise SettingsError(f"port is {port}; expected 0 to 65535")
    limits = {
        name: value * 1_000_000 for name, value in (("upload_bytes", max_upload), ("pixels", max_pixels)) if value
    }
    options = StudioOptions(
        gallery or choose_gallery(),
        host=listen or "127.0.0.1",
        port=port,
        auth=parse_auth(said) if said and not no_auth else None,
        open_to_all=no_auth,
        hosts=tuple(allow_host or ()),
        mcp=mcp,
        browser=browser,
        device=device,
        **limits,
    )
    try:
        from reverie.studio.server import serve
    except ModuleNotFoundError as error:
        raise MissingExtra("the studio", "studio") from error
    return serve(options)
