"""What is known of a film before its frames are read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class ColorTags:
    """How the colors of a film are to be read: numbers of ITU-T H.273, as FFmpeg has them."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True)
class FilmFile:
    """A film as it lies on the disk."""

    path: Path
    digest: str
    """SHA-256 of the file; of a folder, over the names and digests of its frames."""
    kind: str
    """"container", "animation" or "frames" (a folder of pictures)."""
    height: int
    width: int
    rotation: int
    """0, 90, 180 or 270: what was applied to make it upright."""
    sample_aspect: Fraction
    rate: Fraction
    time_base: Fraction
    depth: int
    """Bits of a channel."""
    alpha: bool
    colors: ColorTags
    hdr: str
    sounds: tuple[str, ...]
    """The codec of each sound stream."""
    spherical: bool
    stereo: str
    tags: dict[str, str]
