"""What a film is written as: the ending names the container, the container the codecs, and all is checked before work.

Containers by PyAV: .mp4, .m4v, .mov, .mkv, .webm. Animated pictures: .gif, .webp, .apng. A name without an ending is a
folder of PNGs.
"""

from __future__ import annotations

import io
import itertools
import logging
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from reverie.errors import FilmError, SettingsError
from reverie.film.libraries import import_av
from reverie.film.reading.containers import open_source
from reverie.film.reading.opening import ColorTags, FilmFile
from reverie.film.writing.codecs import (
    AV1,
    CHROMA_NEEDS_EVEN,
    CODECS,
    FFV1,
    H264,
    H265,
    PRORES,
    VP9,
    WITH_ALPHA,
    Codec,
    EncoderChoice,
    check_quality,
    choose_encoder,
    choose_pixels,
)
from reverie.image.film_text import RECIPE_FILE
from reverie.image.opening import escape_path
from reverie.settings.film import Encoding

log = logging.getLogger("reverie")


@dataclass(frozen=True)
class Container:
    """A file format for moving pictures, and what it can hold."""

    ending: str
    kind: str
    """"container" (written by PyAV), "animation" or "frames" (a folder)."""
    muxer: str = ""
    """FFmpeg's name."""
    codecs: tuple[Codec, ...] = (FFV1,)
    """The first is the default. Animations and folders are made of segments of FFV1."""
    max_side: int = 2**16 - 1  # pixels

    @property
    def for_alpha(self) -> tuple[Codec, ...]:
        """The codecs with an alpha channel. MP4 has no place for that of VP9, and no other."""
        return tuple(codec for codec in self.codecs if codec.name in WITH_ALPHA and self.muxer != "mp4")


_MP4_CODECS = (H264, H265, AV1, VP9)
CONTAINERS = {
    each.ending: each
    for each in (
        Container(".mp4", "container", "mp4", _MP4_CODECS),
        Container(".m4v", "container", "mp4", _MP4_CODECS),
        Container(".mov", "container", "mov", (PRORES, H264, H265)),
        Container(".mkv", "container", "matroska", (H264, H265, AV1, VP9, PRORES, FFV1)),
        Container(".webm", "container", "webm", (VP9, AV1)),
        Container(".gif", "animation"),
        Container(".webp", "animation", max_side=16_383),
        Container(".apng", "animation", "apng"),
        Container("", "frames"),
    )
}
ENDINGS = tuple(ending for ending in CONTAINERS if ending)


@dataclass(frozen=True)
class FrameShape:
    """What all frames of a film have in common."""

    height: int
    width: int
    rate: Fraction
    """Frames a second, on average."""
    time_base: Fraction
    """The unit of timestamps, in seconds."""
    sample_aspect: Fraction = Fraction(1)
    """How wide a pixel is, as a multiple of its height."""
    colors: ColorTags = field(default_factory=lambda: ColorTags(1, 1, 1, False))
    alpha: bool = False
    depth: int = 8
    """Bits of a channel."""


@dataclass(frozen=True)
class FilmFormat:
    """What a film is written as."""

    container: Container
    codec: Codec
    encoding: Encoding
    alpha: bool

    def choose_encoder(self, shape: FrameShape) -> EncoderChoice:
        """Choose the encoder of segments for frames of a shape."""
        # What is animated has 8 bits a channel, but APNG.
        depth = 8 if self.container.ending in (".gif", ".webp") else shape.depth
        even = not (shape.height % 2 or shape.width % 2)
        pixels = choose_pixels(self.codec.name, self.encoding.lossless, self.alpha, depth, even)
        return choose_encoder(self.codec, self.encoding, pixels)


def check_film_output(target: Path, encoding: Encoding, film: FilmFile | None, alpha: bool) -> FilmFormat:
    """Check, before any work, that a film can be written to a path, and say what as.

    `film` is what it is made from, whose sound must fit; `alpha` says whether the frames are transparent in places.

    Raises FilmError for an unknown ending, a container that cannot hold the codec, the alpha or the sound (the line
    names one that can), a path that is the input itself or cannot be written; SettingsError for a quality that the
    codec does not have.
    """
    container = find_container(target)
    check_path(target, container, film)
    codec = find_codec(container, encoding, alpha)
    if container.kind == "container":
        check_quality(codec, encoding, alpha)
    if codec.encoder not in import_av().codecs_available:
        raise FilmError(f"the PyAV here cannot write {codec.title}: install it with pip, or choose another codec")
    if film is not None and (film.height > container.max_side or film.width > container.max_side):
        got = f"{film.width} x {film.height} pixels do not fit {container.ending or 'a folder of PNGs'}"
        raise FilmError(f"{got}, which holds {container.max_side} a side")
    if film is not None and (film.height % 2 or film.width % 2) and codec.name in CHROMA_NEEDS_EVEN:
        size = f"{film.width} x {film.height} is odd"
        log.info(f"{size}: {codec.title} keeps it in 4:4:4, which some players do not show; .webm is shown by all")
    if container.kind == "container" and film is not None and film.sounds:
        check_sound(container, film, alpha)
    return FilmFormat(container, codec, encoding, alpha)


def find_container(target: Path) -> Container:
    """Find the container that a path's ending names; a folder that exists is one, whatever its name."""
    ending = "" if target.is_dir() else target.suffix.lower()
    if ending in CONTAINERS:
        return CONTAINERS[ending]
    if ending == ".avif":
        reason = "no encoder at hand writes AVIF that moves"
        raise FilmError(f"{escape_path(target)} is not written: {reason}; take .webp or .webm")
    expected = f"expected one of {', '.join(ENDINGS)}, or a folder (no ending)"
    raise FilmError(f"{escape_path(target)} ends in {ending}; {expected}")


def find_codec(container: Container, encoding: Encoding, alpha: bool) -> Codec:
    """Find the codec that is asked for, or the one that suits the container; raises FilmError if it does not fit."""
    if container.kind != "container":
        return check_animation(container, encoding)
    if alpha and not container.for_alpha:
        raise FilmError(f"{container.ending} cannot hold the film's transparency; {suggest(holds_alpha=True)}")
    possible = container.for_alpha if alpha else container.codecs
    if encoding.codec == "auto":
        lossless = [codec for codec in (FFV1, H264, VP9) if codec in possible] if encoding.lossless else []
        return (lossless or possible)[0]
    codec = CODECS[encoding.codec]
    if codec not in container.codecs:
        raise FilmError(f"{container.ending} cannot hold {codec.title}; {suggest(codec)}")
    if codec not in possible:
        names = ", ".join(each.name for each in possible)
        raise FilmError(f"{codec.title} has no transparency, which the film has; expected {names}")
    return codec


def check_animation(container: Container, encoding: Encoding) -> Codec:
    """Return the codec of the segments of an animated picture or a folder, for which little can be chosen."""
    name = container.ending or "a folder"
    if encoding.codec != "auto" or encoding.quality is not None:
        raise SettingsError(f"{name} has neither codec nor quality to choose; leave them unset")
    if encoding.lossless and container.ending == ".gif":
        raise SettingsError(".gif holds 256 colors, so it is not lossless; expected .webp or .apng")
    return FFV1


def suggest(codec: Codec | None = None, holds_alpha: bool = False) -> str:
    """Name the endings of containers that hold a codec, or an alpha channel."""
    able = (
        each.ending
        for each in CONTAINERS.values()
        if (each.for_alpha and each.ending if holds_alpha else each.kind == "container" and codec in each.codecs)
    )
    *most, last = able
    folder = ", or a folder of frames" if holds_alpha else ""
    return f"write {', '.join(most)} or {last}" + folder if most else f"write {last}"


def check_sound(container: Container, film: FilmFile, alpha: bool) -> None:
    """Raise FilmError where a container does not hold the film's sound as it is."""
    if can_hold_sound(container, film):
        return
    others = [each for each in CONTAINERS.values() if each.kind == "container" and (each.for_alpha or not alpha)]
    able = [each.ending for each in others if can_hold_sound(each, film)]
    way = f"write {' or '.join(able)}" if able else "convert its sound to AAC first"
    raise FilmError(f"{container.ending} cannot hold the film's sound ({', '.join(film.sounds)}) as it is; {way}")


def can_hold_sound(container: Container, film: FilmFile) -> bool:
    """Whether a container holds all sound streams of a film: found out by writing their beginnings into memory."""
    av = import_av()
    with open_source(film.path) as source:
        streams = source.container.streams.audio
        try:
            with av.open(io.BytesIO(), "w", format=container.muxer) as trial:
                copies = {stream.index: trial.add_stream_from_template(stream) for stream in streams}
                trial.start_encoding()
                for packet in itertools.islice(source.container.demux(*streams), 1000):  # a stream may have none
                    if packet.dts is None or not copies:
                        break
                    if copy := copies.pop(packet.stream_index, None):
                        packet.stream = copy
                        trial.mux(packet)
        except (ValueError, av.FFmpegError):
            return False
    return True


def check_path(target: Path, container: Container, film: FilmFile | None) -> None:
    """Raise FilmError for a path that cannot be written, or that is the input itself."""
    name = escape_path(target)
    try:
        if target.exists() and container.kind != "frames" and not target.is_file():
            raise FilmError(f"{name} is not a regular file")
        if not target.parent.is_dir():
            raise FilmError(f"{escape_path(target.parent)} is no folder; make it first")
        if not os.access(target.resolve().parent, os.W_OK | os.X_OK):
            raise FilmError(f"the folder {escape_path(target.parent)} cannot be written to")
        if film is not None and target.resolve() == film.path.resolve():
            raise FilmError(f"{name} is the input itself; expected another name for the output")
        if container.kind == "frames" and target.exists():
            check_folder(target)
    except FilmError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # too long a name; a zero byte in it; a loop of links
        reason = getattr(error, "strerror", None) or error
        raise FilmError(f"{name} cannot be written: {reason}") from None


def check_folder(target: Path) -> None:
    """Raise FilmError for a folder that holds anything but the frames of a film that was written here."""
    names = [path.name for path in target.iterdir()] if target.is_dir() else [target.name]
    ours = RECIPE_FILE in names and all(name == RECIPE_FILE or is_frame_name(name) for name in names)
    if names and not ours:
        raise FilmError(f"{escape_path(target)} is in the way; expected a new folder, or an empty one")


def is_frame_name(name: str) -> bool:
    """Whether a file is named as a frame: 00001.png."""
    stem, _, ending = name.rpartition(".")
    return ending == "png" and stem.isascii() and stem.isdigit() and len(stem) >= 5
