"""Films in containers, as PyAV reads them: packet by packet, so that damage costs no more than what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

from reverie.errors import FilmError
from reverie.film.libraries import import_av
from reverie.image.opening import escape_path

READ_AT_ONCE = 1 << 18
"""Bytes that are read from the file at a time."""

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these leave out the alpha channel."""

PATIENCE = 100
"""After how many failures in a row, with nothing read between, the rest of a damaged file is given up."""


@dataclass(eq=False)
class Source:
    """An open container, the stream of its pictures, and their decoder."""

    container: Any
    stream: Any
    decoder: Any
    failures: int = field(default=0)
    """How often something could not be read or decoded."""

    def packets(self) -> Iterator[Any]:
        """Yield the packets of the pictures from where the container stands, as far as they can be read."""
        patience = PATIENCE
        while patience:
            try:
                for packet in self.container.demux(self.stream):
                    if packet.size:
                        patience = PATIENCE
                        yield packet
                return
            except import_av().FFmpegError:
                self.failures, patience = self.failures + 1, patience - 1

    def decode(self, packet: Any | None) -> list[Any]:
        """The frames that a packet brings forth, none if it is damaged; without a packet, the last ones."""
        try:
            frames: list[Any] = self.decoder.decode(packet)
        except import_av().FFmpegError:
            self.failures += 1
            return []
        return frames

    def frames(self) -> Iterator[Any]:
        """Yield all frames, in the order in which they are shown."""
        for packet in self.packets():
            yield from self.decode(packet)
        yield from self.decode(None)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a container for reading.

    Raises FilmError for a file that cannot be read, is no film, or has no pictures.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise FilmError(f"{escape_path(path)} cannot be read: {error.strerror}") from None
    with file, open_container(path, file) as container:
        stream = find_pictures(path, container)
        yield Source(container, stream, find_decoder(stream))


def open_container(path: Path, file: Any) -> Any:
    """PyAV's container of an open file; raises FilmError for one that is none."""
    av = import_av()
    # From an open file: a name may hold what is not UTF-8, or what FFmpeg takes for an address or a pattern. And no
    # protocol is allowed, or a playlist could make it open other files and addresses.
    options = {"protocol_whitelist": "none"}
    try:
        container = av.open(file, options=options, buffer_size=READ_AT_ONCE, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        file.seek(0)
        cut = file.read(8)[4:] == b"ftyp"  # it begins as MP4 and QuickTime do, which have their index at the end
        what = "is truncated or damaged: it has no index, and is " if cut else "is "
        raise FilmError(f"{escape_path(path)} {what}no film that can be read ({reason})") from None
    if container.format.name == "tty":  # text, which FFmpeg would draw
        container.close()
        raise FilmError(f"{escape_path(path)} is a text; expected a film")
    return container


def find_pictures(path: Path, container: Any) -> Any:
    """The stream of the pictures; raises FilmError where there is none."""
    cover = import_av().stream.Disposition.attached_pic
    films = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not films:
        what = "holds sound only" if container.streams.audio else "holds no pictures"
        raise FilmError(f"{escape_path(path)} {what}; expected a film")
    best = container.streams.best("video")
    return best if best in films else films[0]


def find_decoder(stream: Any) -> Any:
    """The decoder of a stream, which gives the same frames however many threads there are."""
    av = import_av()
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    if name and stream.metadata.get("alpha_mode") == "1" and name in av.codecs_available:
        return av.CodecContext.create(name, "r")
    if stream.codec_context is None:
        return None
    # Not whole frames in parallel: what is made of a damaged one would then depend on which thread was first.
    stream.codec_context.thread_type = "SLICE"
    return stream.codec_context


def is_key(packet: Any, decoder: Any) -> bool:
    """Whether decoding can begin at a packet."""
    if decoder.name not in ("mpeg1video", "mpeg2video") or not packet.is_keyframe:
        return bool(packet.is_keyframe)
    return b"\x00\x00\x01\xb3" in bytes(packet)  # a sequence begins; FFmpeg also takes the frame after for one


def skip_to_key(source: Source) -> Iterator[Any]:
    """Yield the packets from the first one on at which decoding can begin."""
    decoder = source.stream.codec_context
    return dropwhile(lambda packet: not is_key(packet, decoder), source.packets())
