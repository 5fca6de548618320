"""Opening a film: what it is, before its frames are read."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from reverie._native.files import hash_file
from reverie.errors import FilmError
from reverie.film.containers import Source, open_source
from reverie.image.opening import escape_path

UNSPECIFIED, BT709, BT601 = 2, 1, 6
RGB_MATRIX = 0
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
HIGH_DEFINITION = 720
"""From so many lines on, a film that says nothing of its colors is taken for BT.709, as players do."""

DEFAULT_RATE = Fraction(25)
"""Frames a second where nothing says it."""

STEREO = {1: "left-right", 2: "top-bottom"}
"""FFmpeg's numbers of how two eyes share a frame."""


@dataclass(frozen=True)
class ColorTags:
    """How the samples of a film are to be read: numbers of ITU-T H.273, and whether black is 0 and white the largest.

    Of a film that does not say it, what is usual: BT.709 from 720 lines on, else BT.601.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True)
class FilmFile:
    """What a film is.

    - `digest`: the SHA-256 of the file, in hexadecimal; of a folder, of the names and digests of its pictures.
    - `kind`: "container", "animation" (GIF, WebP, APNG) or "frames" (a folder of pictures).
    - `height`, `width`: of the upright frame, in pixels; `sample_aspect`: how much wider than high its pixels are.
    - `rotation`: by how many degrees a frame is turned clockwise to be upright: 0, 90, 180 or 270.
    - `rate`: frames a second, on average. `time_base`: the unit of the frames' times, in seconds.
    - `depth`: bits a channel. `alpha`: whether something in it is transparent.
    - `hdr`: "PQ" or "HLG" where its light is that of HDR, else "". `colors` are those of the file.
    - `sounds`: the codec of each stream of sound.
    - `spherical`: whether it is equirectangular, 360 degrees around. `stereo`: "top-bottom", "left-right" or "".
    - `tags`: title, artist and the like.
    """

    path: Path
    digest: str
    kind: str
    height: int
    width: int
    rotation: int
    sample_aspect: Fraction
    rate: Fraction
    time_base: Fraction
    depth: int
    alpha: bool
    colors: ColorTags
    hdr: str
    sounds: tuple[str, ...]
    spherical: bool
    stereo: str
    tags: dict[str, str] = field(hash=False)
    mirrored: bool = False
    """Whether a frame is mirrored, left to right, before it is turned."""
    clock: str = "pts"
    """Where its times come from: "pts"; "dts" where those are not kept (AVI); "count" where there are none."""
    beginning: int = 0
    """The time of its first frame in the file, in units of `time_base`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the upright frame, in pixels."""
        return self.height, self.width


def open_film(path: Path, rate: Fraction | None = None) -> FilmFile:
    """Find out what a film is: a file, or a folder of pictures, which are shown at `rate` frames a second.

    Raises FilmError for what is missing, empty, no film, a still picture, or sound only, and where no frame of it can
    be decoded.
    """
    check_path(path)
    return describe_container(path)


def check_path(path: Path) -> None:
    """Raise FilmError for a path that is no file or folder that can be read, and for an empty file."""
    name = escape_path(path)
    try:
        if path.is_dir():
            return
        if not path.exists():
            raise FilmError(f"{name} does not exist")
        if not path.is_file():
            raise FilmError(f"{name} is not a regular file; expected a film")
        if not path.stat().st_size:
            raise FilmError(f"{name} is empty; expected a film")
        path.open("rb").close()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if isinstance(error, FilmError):
            raise
        raise FilmError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def describe_container(path: Path) -> FilmFile:
    """Find out what a film in a container is, by its header and its first frame."""
    with open_source(path) as source:
        frame = decode_first(path, source)
        rotation, mirrored = read_turn(frame)
        aspect = source.stream.sample_aspect_ratio or Fraction(1)
        turned = rotation % 180 != 0
        colors = read_colors(frame)
        clock = choose_clock(source, frame)
        rate = Fraction(source.stream.average_rate or source.stream.guessed_rate or DEFAULT_RATE)
        return FilmFile(
            path=path,
            digest=hash_file(path),
            kind="animation" if source.container.format.name == "apng" else "container",
            height=frame.width if turned else frame.height,
            width=frame.height if turned else frame.width,
            rotation=rotation,
            sample_aspect=1 / aspect if turned else aspect,
            rate=rate,
            time_base=1 / rate if clock == "count" else Fraction(source.stream.time_base),
            depth=min(16, max(part.bits for part in frame.format.components)),
            alpha=has_alpha(frame.format),
            colors=colors,
            hdr=HDR_TRANSFERS.get(colors.transfer, ""),
            sounds=tuple(stream.codec_context.name for stream in source.container.streams.audio),
            **read_sphere(frame),
            tags=dict(source.container.metadata),
            mirrored=mirrored,
            clock=clock,
            beginning=0 if clock == "count" else getattr(frame, clock),
        )


def decode_first(path: Path, source: Source) -> Any:
    """The first frame that can be decoded; raises FilmError where none can."""
    frame = next(source.frames(), None)
    if frame is None:
        raise FilmError(f"{escape_path(path)} holds no frame that can be decoded; it is truncated or damaged")
    return frame


def choose_clock(source: Source, frame: Any) -> str:
    """Where the times of the frames come from, as `FilmFile.clock` has it."""
    if frame.dts is None and frame.pts is None:
        return "count"
    # AVI knows no times but the order of its packets; what FFmpeg makes of them for shown frames runs to and fro.
    return "dts" if frame.pts is None or (source.container.format.name == "avi" and frame.dts is not None) else "pts"


def has_alpha(pixels: Any) -> bool:
    """Whether a format of pixels has an alpha channel."""
    return any(part.is_alpha for part in pixels.components)


def read_colors(frame: Any) -> ColorTags:
    """How the samples of a frame are to be read."""
    usual = BT709 if min(frame.height, frame.width) >= HIGH_DEFINITION else BT601
    primaries, transfer, matrix = (
        usual if int(tag) in (UNSPECIFIED, 0) else int(tag)
        for tag in (frame.color_primaries, frame.color_trc, frame.colorspace)
    )
    if frame.format.is_rgb or frame.format.has_palette:
        return ColorTags(primaries, transfer, RGB_MATRIX, True)
    full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
    return ColorTags(primaries, transfer, matrix, full)


def find_side_data(frame: Any, name: str) -> bytes | None:
    """The bytes of a frame's side data of a type."""
    return next((bytes(data) for data in frame.side_data if data.type.name == name), None)


def read_turn(frame: Any) -> tuple[int, bool]:
    """By how many degrees a frame is turned clockwise to be upright, and whether it is mirrored before.

    By its display matrix, rounded to quarters of a turn: x' = a x + c y and y' = b x + d y.
    """
    data = find_side_data(frame, "DISPLAYMATRIX")
    if data is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", data[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if abs(a) >= abs(b):
        return (0 if a >= 0 else 180), mirrored
    return (90 if b > 0 else 270), mirrored


def read_sphere(frame: Any) -> dict[str, Any]:
    """`spherical` and `stereo` of a film, by the side data that FFmpeg makes of metadata v1 and v2."""
    sphere, stereo = find_side_data(frame, "SPHERICAL"), find_side_data(frame, "STEREO3D")
    return {
        "spherical": sphere is not None and struct.unpack("=i", sphere[:4])[0] == 0,
        "stereo": "" if stereo is None else STEREO.get(struct.unpack("=i", stereo[:4])[0], ""),
    }
