"""The sound of a film, copied packet by packet into another: not one byte of it is changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reverie.film.libraries import import_av
from reverie.film.reading.containers import open_source
from reverie.film.reading.opening import FilmFile
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
    lead: Fraction
    """How long it is heard before the first frame, in seconds; what lies before zero, and is not heard, left out."""

    @classmethod
    def of(cls, excerpt: Excerpt | None) -> Soundtrack | None:
        """Find the sound of a part of a film; None if it has none. Says in the log what is left out."""
        if excerpt is None or excerpt.film.kind != "container":
            return None
        with open_source(excerpt.film.path) as source:
            if source.container.streams.subtitles:
                log.warning(f"the subtitles of {escape_path(excerpt.film.path)} are left out")
            streams = source.container.streams.audio
            rates = tuple(stream.codec_context.sample_rate for stream in streams)
            begins = [
                Fraction(stream.start_time * stream.time_base) for stream in streams if stream.start_time is not None
            ]
        first = excerpt.film.beginning * excerpt.film.time_base
        early = first - max(min(begins, default=first), Fraction(0))
        return cls(excerpt, rates, Fraction(0) if excerpt.start else max(early, Fraction(0))) if rates else None

    @contextmanager
    def packets(self, container: Any, delay: Fraction) -> Iterator[Iterator[tuple[Fraction, Any]]]:
        """Add the streams to a container, and yield their packets, each with the second at which it is decoded.

        The first frame is shown at `delay`, in seconds.
        """
        film = self.excerpt.film
        with open_source(film.path) as source:
            zero, tracks = film.beginning * film.time_base + self.excerpt.start - delay, {}
            for stream in source.container.streams.audio:
                copy = container.add_stream_from_template(stream)
                parts = count_parts(stream.time_base)
                tracks[stream.index] = Track(copy, round(zero * parts / stream.time_base), parts)
                copy.metadata.update({tag: stream.metadata[tag] for tag in STREAM_TAGS if tag in stream.metadata})
                if container.format.name == "mov" and stream.language in QUICKTIME_LANGUAGES:
                    copy.metadata["language"] = QUICKTIME_LANGUAGES[stream.language]
                copy.disposition = stream.disposition
            yield self._copy(source.container, tracks)

    def _copy(self, source: Any, tracks: dict[int, Track]) -> Iterator[tuple[Fraction, Any]]:
        start, end = self.excerpt.start, self.excerpt.end
        ended: set[int] = set()
        for packet in read_packets(source):
            number, track = packet.stream_index, tracks[packet.stream_index]
            if number in ended or not track.place(packet):
                continue
            base = packet.time_base
            if start and packet.pts < 0:  # what lies before zero at the film's own beginning primes the decoder
                continue
            if end is not None and packet.pts * base >= end - start + self.lead:
                ended.add(number)
                if len(ended) == len(tracks):
                    return
                continue
            packet.stream = track.copy
            yield packet.dts * base, packet


RESTART = Fraction(1, 2)
"""By how many seconds a packet is earlier than the one before where timestamps begin anew: files strung together."""


COARSE = Fraction(1, 1000)
"""From here on, a unit of time is too coarse to shift sound by: that of AVI is often a whole packet, some 26 ms."""


def count_parts(time_base: Fraction) -> int:
    """How many parts a stream's unit of time is divided into, so that its sound stays in step."""
    return 1 if time_base <= COARSE else math.ceil(100 * time_base / COARSE)


@dataclass
class Track:
    """A sound stream, and when its packets are decoded in the copy."""

    copy: Any
    shift: int
    """How much earlier its packets are in the copy, in `parts` of the stream's unit of time."""
    parts: int = 1
    last: int | None = None
    end: int = 0
    """When the last packet was decoded, and when it ended."""

    def place(self, packet: Any) -> bool:
        """Give a packet its times in the copy; False if it has none. Decoding times grow, as every muxer wants it."""
        if packet.pts is None and packet.dts is None:
            return False
        self._divide(packet)
        given = packet.pts if packet.dts is None else packet.dts
        if self.last is not None and (given - self.shift - self.last) * packet.time_base < -RESTART:
            self.shift = given - self.end  # as the pictures do, go on where the part before ended
        later = 0 if packet.pts is None else packet.pts - given
        packet.dts = given - self.shift if self.last is None else max(given - self.shift, self.last + 1)
        packet.pts = packet.dts + max(later, 0)
        self.last, self.end = packet.dts, packet.dts + max(packet.duration or 1, 1)
        return True

    def _divide(self, packet: Any) -> None:
        """Say a packet's times in parts of the stream's unit."""
        pts, dts, duration = packet.pts, packet.dts, packet.duration
        packet.time_base = packet.time_base / self.parts
        packet.pts, packet.dts = (None if time is None else time * self.parts for time in (pts, dts))
        packet.duration = (duration or 0) * self.parts


def read_packets(source: Any) -> Iterator[Any]:
    """Yield the packets of all sound streams, as far as the file can be read."""
    try:
        for packet in source.demux(*source.streams.audio):
            if packet.size:
                yield packet
    except (OSError, import_av().FFmpegError) as error:
        log.warning(f"the sound is damaged and ends early: {error.strerror}")
