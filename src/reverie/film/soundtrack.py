"""The sound of a film, copied packet by packet into another: not one byte of it is changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reverie.film.containers import open_source
from reverie.film.libraries import import_av
from reverie.film.opening import FilmFile
from reverie.image.opening import escape_path

log = logging.getLogger("reverie")

STREAM_TAGS = ("language", "title", "handler_name")
"""What is kept of a sound stream's own tags."""

QUICKTIME_LANGUAGES = {
    "deu": "ger",
    "nld": "dut",
    "ell": "gre",
    "isl": "ice",
    "zho": "chi",
    "sqi": "alb",
    "mkd": "mac",
    "hye": "arm",
    "kat": "geo",
    "mya": "bur",
    "msa": "may",
}
"""Languages that QuickTime calls as ISO 639-2 does in libraries (B), and other containers as it does elsewhere (T)."""


@dataclass(frozen=True)
class Excerpt:
    """A part of a film, in seconds from its first frame; `end` None is its end."""

    film: FilmFile
    start: Fraction = Fraction(0)
    end: Fraction | None = None


@dataclass(frozen=True)
class Soundtrack:
    """All sound streams of a part of a film."""

    excerpt: Excerpt
    rates: tuple[int, ...]
    """Samples a second, of each stream."""

    @classmethod
    def of(cls, excerpt: Excerpt | None) -> Soundtrack | None:
        """Find the sound of a part of a film; None if it has none. Says in the log what is left out."""
        if excerpt is None or excerpt.film.kind != "container":
            return None
        with open_source(excerpt.film.path) as source:
            if source.container.streams.subtitles:
                log.warning(f"the subtitles of {escape_path(excerpt.film.path)} are left out")
            rates = tuple(stream.codec_context.sample_rate for stream in source.container.streams.audio)
        return cls(excerpt, rates) if rates else None

    @contextmanager
    def packets(self, container: Any) -> Iterator[Iterator[tuple[Fraction, Any]]]:
        """Add the streams to a container, and yield their packets, each with the second at which it is decoded."""
        film = self.excerpt.film
        with open_source(film.path) as source:
            streams = {}
            for stream in source.container.streams.audio:
                copy = streams[stream.index] = container.add_stream_from_template(stream)
                copy.metadata.update({tag: stream.metadata[tag] for tag in STREAM_TAGS if tag in stream.metadata})
                if container.format.name == "mov" and stream.language in QUICKTIME_LANGUAGES:
                    copy.metadata["language"] = QUICKTIME_LANGUAGES[stream.language]
                copy.disposition = stream.disposition
            yield self._copy(source.container, streams, film.beginning * film.time_base + self.excerpt.start)

    def _copy(self, source: Any, streams: dict[int, Any], zero: Fraction) -> Iterator[tuple[Fraction, Any]]:
        last: dict[int, int] = {}
        ended: set[int] = set()
        for packet in read_packets(source):
            number, base = packet.stream_index, packet.time_base
            if number in ended or (packet.dts is None and packet.pts is None):
                continue
            shift = round(zero / base)
            dts = (packet.pts if packet.dts is None else packet.dts) - shift
            pts = dts if packet.pts is None else packet.pts - shift
            if self.excerpt.start and pts < 0:  # what lies before zero at the film's own beginning primes the decoder
                continue
            if self.excerpt.end is not None and pts * base >= self.excerpt.end - self.excerpt.start:
                ended.add(number)
                if len(ended) == len(streams):
                    return
                continue
            packet.dts = last[number] = max(dts, last.get(number, dts - 1) + 1)  # a muxer takes only what grows
            packet.pts = max(pts, packet.dts)
            packet.stream = streams[number]
            yield packet.dts * base, packet


def read_packets(source: Any) -> Iterator[Any]:
    """Yield the packets of all sound streams, as far as the file can be read."""
    try:
        for packet in source.demux(*source.streams.audio):
            if packet.size:
                yield packet
    except (OSError, import_av().FFmpegError) as error:
        log.warning(f"the sound is damaged and ends early: {error.strerror}")
