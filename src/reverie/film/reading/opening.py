"""Opening a film: what it is, before its frames are read."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from reverie._native.files import hash_file
from reverie.errors import FilmError, ImageFileError
from reverie.film.reading.containers import Source, open_source, skip_to_key
from reverie.film.reading.headers import has_alpha, read_sphere, read_turn
from reverie.film.reading.sequences import (
    find_loader,
    is_still,
    is_transparent,
    list_pictures,
    open_animation,
    read_delays,
    tell_others,
)
from reverie.image.opening import escape_path
from reverie.image.reading import PhotoFile, read_header

log = logging.getLogger("reverie")

UNSPECIFIED, BT709, BT601 = 2, 1, 6
RGB_MATRIX = 0
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
HIGH_DEFINITION = 720
"""From so many lines on, a film that says nothing of its colors is taken for BT.709, as players do."""

DEFAULT_RATE = Fraction(25)
"""Frames a second where nothing says it."""


@dataclass(frozen=True)
class ColorTags:
    """How the samples of a film are to be read: numbers of ITU-T H.273, and whether black is 0 and white the largest.

    Of a film that does not say it, what is usual: BT.709 from 720 lines on, else BT.601.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


ORDINARY = ColorTags(BT709, BT709, BT709, False)
"""How a film is written whose samples are no luma and chroma of an ordinary screen: RGB, and what was HDR."""


@dataclass(frozen=True)
class FilmFile:
    """What a film is.

    - `digest`: the SHA-256 of the file, in hexadecimal; of a folder, of the names and digests of its pictures.
    - `kind`: "container", "animation" (GIF, WebP, APNG) or "frames" (a folder of pictures).
    - `height`, `width`: of the upright frame, in pixels; `sample_aspect`: how much wider than high its pixels are.
    - `rotation`: by how many degrees a frame is turned clockwise to be upright: 0, 90, 180 or 270.
    - `rate`: frames a second, on average. `time_base`: the unit of the frames' times, in seconds.
    - `depth`: bits a channel. `alpha`: whether something in it is transparent.
    - `colors`: how a film of its frames, as they are read, is to be written; `samples`: how those of the file are read.
    - `hdr`: "PQ" or "HLG" where its light is that of HDR, and is tone-mapped when it is read; else "".
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
    samples: ColorTags | None = None
    mirrored: bool = False
    """Whether a frame is mirrored, left to right, before it is turned."""
    clock: str = "pts"
    """Where its times come from: "pts"; "dts" where those are not kept (AVI); "count" where there are none; "list" of
    pictures."""
    beginning: int = 0
    """The time of its first frame in the file, in units of `time_base`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the upright frame, in pixels."""
        return self.height, self.width


def open_film(path: Path, rate: Fraction | None = None, hdr: str = "map") -> FilmFile:
    """Find out what a film is: a file, or a folder of pictures, which are shown at `rate` frames a second, or 25.

    `hdr`: "map" has HDR tone-mapped, with a word to the log; "refuse" refuses it. Raises FilmError also for what is
    missing, empty, no film, a still picture, or sound only, and where no frame of it can be decoded.
    """
    check_path(path)
    if path.is_dir():
        return describe_folder(path, rate or DEFAULT_RATE)
    loader = find_loader(path)
    if loader and is_still(path, loader):
        raise FilmError(f"{escape_path(path)} is a single picture; expected a film: for pictures use reverie dream")
    film = describe_animation(path) if loader.startswith(("gif", "webp")) else describe_container(path)
    if film.hdr and hdr == "refuse":
        raise FilmError(f"{escape_path(path)} is HDR ({film.hdr}), and is refused as asked; --hdr map brings it to SDR")
    if film.hdr:
        log.warning(f"{escape_path(path)} is HDR ({film.hdr}): it is tone-mapped, and the film that is made is SDR")
    return film


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
        frame, due = decode_first(path, source)
        rotation, mirrored = read_turn(frame)
        aspect = source.stream.sample_aspect_ratio or Fraction(1)
        turned = rotation % 180 != 0
        samples = read_colors(frame)
        hdr = HDR_TRANSFERS.get(samples.transfer, "")
        clock = choose_clock(source, frame)
        rate = find_rate(source, clock)
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
            colors=ORDINARY if hdr or samples.matrix == RGB_MATRIX else samples,
            hdr=hdr,
            sounds=tuple(stream.codec_context.name for stream in source.container.streams.audio),
            **read_sphere(frame),
            tags=dict(source.container.metadata),
            samples=samples,
            mirrored=mirrored,
            clock=clock,
            beginning=0 if clock == "count" else frame.dts if clock == "dts" else min([frame.pts, *due]),
        )


def describe_folder(path: Path, rate: Fraction) -> FilmFile:
    """Find out what a folder of pictures is, by their headers. Those that cannot be read are found by the survey."""
    pictures, name = list_pictures(path), escape_path(path)
    tell_others(path, pictures)
    headers = {picture: header for picture in pictures if (header := read_header_of(picture))}
    if not headers:
        raise FilmError(f"{name} holds no picture that can be read; expected a film, or a folder of its frames")
    first = next(iter(headers.values()))
    for number, picture in enumerate(pictures):
        if headers.get(picture, first).size != first.size:
            height, width = headers[picture].size
            got = f"frame {number} of {name} ({escape_path(Path(picture.name))}) is {width} x {height} pixels"
            raise FilmError(f"{got}; expected {first.width} x {first.height}, as the first")
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(os.fsencode(picture.name) + b"\0" + hash_file(picture).encode())
    depth = max(header.depth for header in headers.values())
    alpha = any(not header.opaque for header in headers.values())
    return describe_pictures(path, digest.hexdigest(), "frames", (first.size, rate, 1 / rate, depth, alpha))


def read_header_of(picture: Path) -> PhotoFile | None:
    """The header of a picture; None where it cannot be read."""
    try:
        return read_header(picture)
    except ImageFileError:
        return None


def describe_animation(path: Path) -> FilmFile:
    """Find out what a GIF or WebP is."""
    try:
        animation = open_animation(path)
        delays, alpha = read_delays(animation), is_transparent(path)
    except ImageFileError as error:
        raise FilmError(str(error)) from None
    size = animation.get_page_height(), animation.width
    rate = Fraction(1000 * len(delays), sum(delays))
    return describe_pictures(path, hash_file(path), "animation", (size, rate, Fraction(1, 1000), 8, alpha))


Shape: TypeAlias = tuple[tuple[int, int], Fraction, Fraction, int, bool]
"""Of a film: (height, width), rate, time base, depth and alpha."""


def describe_pictures(path: Path, digest: str, kind: str, shape: Shape) -> FilmFile:
    """What a film of pictures is: upright, of square pixels, silent."""
    (height, width), rate, time_base, depth, alpha = shape
    return FilmFile(
        path=path,
        digest=digest,
        kind=kind,
        height=height,
        width=width,
        rotation=0,
        sample_aspect=Fraction(1),
        rate=rate,
        time_base=time_base,
        depth=depth,
        alpha=alpha,
        colors=ORDINARY,
        hdr="",
        sounds=(),
        spherical=False,
        stereo="",
        tags={},
        samples=ColorTags(BT709, BT709, RGB_MATRIX, True),
        clock="list",
    )


def decode_first(path: Path, source: Source) -> tuple[Any, list[int]]:
    """The first frame that can be decoded, and when it or what is lost before it is due.

    Raises FilmError where none can be decoded.
    """
    due: list[int] = []
    key: int | None = None
    for packet in chain(skip_to_key(source), [None]):
        if packet is not None and packet.pts is not None:
            key = packet.pts if key is None else key
            due += [packet.pts] if packet.pts >= key and not packet.is_discard else []
        for frame in source.decode(packet):
            return frame, due
    raise FilmError(f"{escape_path(path)} holds no frame that can be decoded; it is truncated or damaged")


def find_rate(source: Source, clock: str) -> Fraction:
    """Frames a second; where the packets have no times, as the decoder found it in the stream itself."""
    stream = source.stream
    said = source.decoder.framerate if clock == "count" else None
    return Fraction(said or stream.average_rate or stream.guessed_rate or DEFAULT_RATE)


def choose_clock(source: Source, frame: Any) -> str:
    """Where the times of the frames come from, as `FilmFile.clock` has it."""
    if frame.dts is None and frame.pts is None:
        return "count"
    # AVI knows no times but the order of its packets; what FFmpeg makes of them for shown frames runs to and fro.
    return "dts" if frame.pts is None or (source.container.format.name == "avi" and frame.dts is not None) else "pts"


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
