"""How a studio is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reverie.models.spec import ModelSpec


@dataclass(frozen=True)
class StudioOptions:
    """Where a studio listens, where it keeps what is made, and how much it takes."""

    gallery: Path
    host: str = "127.0.0.1"
    port: int = 7860
    auth: tuple[str, str] | None = None
    mcp: bool = False
    browser: bool = True
    upload_bytes: int = 200_000_000
    film_bytes: int = 4_000_000_000
    pixels: int = 120_000_000
    device: str = ModelSpec.device
    waiting: int = 20
