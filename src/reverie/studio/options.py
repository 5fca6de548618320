"""How a studio is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reverie.errors import SettingsError
from reverie.models.spec import ModelSpec

PORT, PORTS = 7860, 10
"""The port that is taken unless told, and how many from there on are tried while others are busy."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class StudioOptions:
    """Where a studio listens, where it keeps what is made, and how much it takes.

    `port` None: the first free one from 7860 on. `auth`: a name and a password that everything asks for; `open_to_all`:
    nothing does, although others can reach it. `hosts`: further names that it may be called by. `mcp`: whether its
    endpoints are tools for language models. The limits are in bytes, and pixels; `waiting`: how many dreams may wait.
    """

    gallery: Path
    host: str = "127.0.0.1"
    port: int | None = None
    auth: tuple[str, str] | None = None
    open_to_all: bool = False
    hosts: tuple[str, ...] = ()
    mcp: bool = False
    browser: bool = True
    upload_bytes: int = 200_000_000
    film_bytes: int = 4_000_000_000
    pixels: int = 120_000_000
    device: str = ModelSpec.device
    waiting: int = 20

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and self.auth is None and not self.open_to_all:
            raise SettingsError(
                f"the studio would listen on {self.host}, where others can reach it: say --auth NAME:PASSWORD, or "
                "--no-auth if all of them may use it"
            )


def choose_gallery() -> Path:
    """The folder of what is made unless told: Reverie among the user's pictures, or in the home folder."""
    pictures = Path.home() / "Pictures"
    return (pictures if pictures.is_dir() else Path.home()) / "Reverie"


def parse_auth(words: str) -> tuple[str, str]:
    """A name and a password, written NAME:PASSWORD; raises `SettingsError`."""
    name, colon, password = words.partition(":")
    if not (name and colon and password):
        raise SettingsError("--auth expects a name and a password, as in --auth ada:secret")
    return name, password
