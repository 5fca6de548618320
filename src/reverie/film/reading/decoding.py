"""The frames of a film in the order in which they are shown, from its beginning or from near any of its times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from reverie.film.libraries import import_av
from reverie.film.reading.containers import Source, is_key, open_source, skip_to_key
from reverie.film.reading.opening import FilmFile
from reverie.film.reading.sequences import list_pictures, open_animation, read_animation, read_delays, read_pictures


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame as it was decoded, and when it is shown: in units of the film's time base, from its beginning."""

    time: int
    picture: Any
    duration: int = 0
    """How long, as far as the file says it."""


@dataclass(eq=False)
class Journal:
    """What was met while a film was decoded: by it, what is missing is found."""

    expected: list[int] = field(default_factory=list)
    """For each packet that should give a frame, when that would be shown."""
    failures: int = 0
    """How often something could not be read or decoded."""
    end: int = 0
    """Where what was met ends, as far as the file says it."""
    said: int = 0
    """How long the film is by the header of its file; 0 where that does not say it."""
    damaged: list[int] = field(default_factory=list)
    """When the packets and frames are shown at which something was found to be damaged."""
    restarts: bool = False
    """Whether times begin anew on the way, as where files were strung together: there, one cannot seek."""


def decode_film(
    film: FilmFile, since: int = 0, journal: Journal | None = None, damaged: Sequence[int] = ()
) -> Iterator[Shown]:
    """Yield a film's frames, each later than the one before; the first is the one at `since`, or one before it.

    Where it is known to be `damaged`, decoding does not begin.
    """
    journal = journal or Journal()
    if film.clock == "list":
        yield from decode_pictures(film, since, journal)
    else:
        yield from decode_container(film, find_place(film, since, damaged), journal)


def decode_pictures(film: FilmFile, since: int, journal: Journal) -> Iterator[Shown]:
    """Yield the frames of a folder from a time on, or all of an animation, each of which needs those before."""
    if film.kind == "frames":
        paths = list_pictures(film.path)[max(0, since) :]
        stills, lengths = read_pictures(paths, film.depth), [1] * len(paths)
        journal.end = max(0, since)
    else:
        stills, lengths = read_animation(film.path), read_delays(open_animation(film.path))
    for still, length in zip(stills, lengths, strict=False):
        time = journal.end
        journal.expected.append(time)
        journal.end += length
        if still is None:
            journal.failures += 1
        else:
            yield Shown(time, still, length)


def decode_container(film: FilmFile, place: int | None, journal: Journal) -> Iterator[Shown]:
    """Yield the frames of a film in a container, after a seek to a place of the file if one is given."""
    with open_source(film.path) as source:
        if place is not None:
            source.container.seek(place, stream=source.stream, backward=True)
        journal.said = read_length(source, film)
        clock = Clockwork(film, journal)
        for packet in follow_packets(source, film, journal):
            frames = source.decode(packet)
            if packet.is_corrupt or source.failures > journal.failures:
                journal.damaged.append(read_time(packet, film) or 0)
                journal.failures = source.failures
            journal.damaged += [read_time(frame, film) or 0 for frame in frames if frame.is_corrupt]
            yield from clock.place_frames(frames)
        yield from clock.place_frames(source.decode(None))
        journal.failures = source.failures


def read_length(source: Source, film: FilmFile) -> int:
    """How long a film is by the header of its file, in units of its time base; 0 where that does not say it."""
    stream, container = source.stream, source.container
    if film.clock == "count" or container.format.name in ("mpegts", "mpeg"):  # these are measured at their end
        return 0
    if stream.duration:
        return int(stream.duration)
    alone = len(container.streams) == 1 and container.duration
    return int(Fraction(container.duration, import_av().time_base) / film.time_base) - film.beginning if alone else 0


def follow_packets(source: Source, film: FilmFile, journal: Journal) -> Iterator[Any]:
    """Yield the packets from the first keyframe on, and note what is expected of them."""
    key: int | None = None
    last: int | None = None
    for packet in skip_to_key(source):
        time = read_time(packet, film)
        key = time if key is None else key
        if packet.dts is not None:
            journal.restarts |= last is not None and packet.dts < last - RESTART * find_step(film)
            last = packet.dts
        # What follows a keyframe, but is shown before it, needs what was before.
        if not (time is None or time < (key or 0) or packet.is_discard or journal.restarts):
            journal.expected.append(time)
            journal.end = max(journal.end, time + (packet.duration or 0))
        yield packet


RESTART = 10
"""By how many frames a time is earlier than the one before where times begin anew."""


def find_step(film: FilmFile) -> int:
    """From one frame to the next, on average, in units of the film's time base."""
    return max(1, round(1 / (film.rate * film.time_base)))


def read_time(timed: Any, film: FilmFile) -> int | None:
    """When a frame or packet is shown, from the film's beginning; None where the file does not say it."""
    time = {"pts": timed.pts, "dts": timed.dts}.get(film.clock)
    return None if time is None else int(time) - film.beginning


class Clockwork:
    """Says when each frame is shown."""

    def __init__(self, film: FilmFile, journal: Journal) -> None:
        self.film, self.journal = film, journal
        self._step = 1 if film.clock == "count" else find_step(film)
        self._last, self._shift = -self._step, 0

    def place_frames(self, frames: list[Any]) -> Iterator[Shown]:
        """Yield the frames with their times, without those that are not later than the one before."""
        for frame in frames:
            duration = 1 if self.film.clock == "count" else frame.duration or 0
            read, following = read_time(frame, self.film), max(0, self._last + (duration or self._step))
            time = following if read is None else read + self._shift
            if self.journal.restarts and time < self._last - RESTART * self._step:
                self._shift += following - time
                time = following
            if time > self._last:
                self._last = time
                yield Shown(time, frame, duration)


def find_place(film: FilmFile, since: int, damaged: Sequence[int] = ()) -> int | None:
    """Where to seek, so that the frames from `since` on are decoded as they are from the beginning; None: there."""
    if film.clock == "count" or since <= 0 or (damaged and film.clock == "dts"):
        return None
    with open_source(film.path) as source:
        if source.container.format.name not in SEEKABLE:
            return None
        place, key = since, find_key(source, film, since)
        while key is not None and key.time > since:  # what is shown before a keyframe needs the one before
            place, key = find_earlier(source, film, key)
        # In AVI, a packet's time is not that of its frame, but that of one some packets earlier.
        for _ in range(0 if key is None or (key.is_clean and film.clock == "pts") else UNCLEAN):
            place, key = (place, None) if key is None else find_earlier(source, film, key)
        # What a decoder makes of damage depends on what it saw before: it must have come whole to the next keyframe.
        # Not all damage is found, but where it is there is more: none may be known for a second after either.
        until = since + round(1 / film.time_base)
        while key is not None and any(key.time <= time <= until for time in damaged):
            until = key.time
            place, key = find_earlier(source, film, key)
    return None if key is None else place + film.beginning


SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "avi")
"""FFmpeg's containers whose packets have the same times after a seek; all others are read from the beginning."""

UNCLEAN = 2
"""How many keyframes one goes back further from one that may need what was before: of a gradual refresh."""


@dataclass(frozen=True)
class Key:
    """A keyframe: when it is shown, and whether it clears all that was before."""

    time: int
    is_clean: bool


def find_key(source: Source, film: FilmFile, time: int) -> Key | None:
    """The first keyframe after a seek; None where one cannot seek."""
    try:
        source.container.seek(time + film.beginning, stream=source.stream, backward=True)
    except import_av().FFmpegError:
        return None
    decoder = source.stream.codec_context
    packet = next((packet for packet in source.packets() if is_key(packet, decoder)), None)
    found = None if packet is None else read_time(packet, film)
    return None if found is None else Key(found, clears(packet, decoder))


def find_earlier(source: Source, film: FilmFile, key: Key) -> tuple[int, Key | None]:
    """Where to seek for a keyframe before another, and that; None where there is none."""
    time, step = key.time - 1, max(1, round(1 / film.time_base))
    while time > 0:
        found = find_key(source, film, time)
        if found is None or found.time < key.time:
            return time, found
        time, step = time - step, 2 * step
    return 0, None


def clears(packet: Any, decoder: Any) -> bool:
    """Whether nothing shown from a keyframe on needs what was before; in doubt False."""
    if decoder.name != "h264":
        return True
    data, header = bytes(packet), decoder.extradata or b""
    if header[:1] != b"\x01":  # units of the stream after start codes, of which 5 is a slice of an IDR picture
        return any(unit[0] & 31 == 5 for unit in re.findall(rb"\x00\x00\x01(.)", data, re.DOTALL))
    place, width = 0, (header[4] & 3) + 1  # units after their lengths
    while place + width < len(data):
        if data[place + width] & 31 == 5:
            return True
        place += width + int.from_bytes(data[place : place + width], "big")
    return False
