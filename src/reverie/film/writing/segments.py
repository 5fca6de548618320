"""The finished segments of a film, read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from reverie.errors import FilmError
from reverie.film.libraries import import_av
from reverie.film.writing.codecs import EncoderChoice
from reverie.film.writing.formats import FilmFormat, FrameShape
from reverie.image.opening import escape_path


@dataclass(frozen=True)
class Reel:
    """The finished segments of a film, in order."""

    segments: Sequence[Path]
    format: FilmFormat
    shape: FrameShape
    end: int
    """When the last frame ends, in units of the shape's time base."""

    @property
    def choice(self) -> EncoderChoice:
        """The encoder that made the segments."""
        return self.format.choose_encoder(self.shape)

    def time_of(self, packet: Any) -> int:
        """When the frame of a packet is shown, in units of the shape's time base."""
        return round(Fraction(packet.pts * packet.time_base / self.shape.time_base))

    def read_times(self) -> list[int]:
        """Read when each frame is shown, in order."""
        times: list[int] = []
        for path in self.segments:
            with open_segment(path) as stream:
                times += [self.time_of(packet) for packet in stream.container.demux(stream) if packet.size]
        return sorted(times)


@contextmanager
def open_segment(path: Path) -> Iterator[Any]:
    """Yield the video stream of a segment; raises FilmError where it cannot be read."""
    av = import_av()
    try:
        with av.open(str(path)) as container:
            yield container.streams.video[0]
    except (OSError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FilmError(f"{escape_path(path)} cannot be read: {reason}") from None
