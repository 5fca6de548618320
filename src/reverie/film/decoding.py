"""The frames of a film in the order in which they are shown, from its beginning or from near any of its times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reverie.film.containers import Source, is_key, open_source, skip_to_key
from reverie.film.libraries import import_av
from reverie.film.opening import FilmFile
from reverie.film.sequences import list_pictures, open_animation, read_animation, read_delays, read_pictures


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


def decode_film(film: FilmFile, since: int = 0, journal: Journal | None = None) -> Iterator[Shown]:
    """Yield a film's frames, each later than the one before; the first is the one at `since`, or one before it."""
    journal = journal or Journal()
    yield from decode_pictures(film, journal) if film.clock == "list" else decode_container(film, since, journal)


def decode_pictures(film: FilmFile, journal: Journal) -> Iterator[Shown]:
    """Yield the frames of a folder, or of an animation."""
    if film.kind == "frames":
        paths = list_pictures(film.path)
        stills, lengths = read_pictures(paths, film.depth), [1] * len(paths)
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


def decode_container(film: FilmFile, since: int, journal: Journal) -> Iterator[Shown]:
    """Yield the frames of a film in a container."""
    place = find_place(film, since)
    with open_source(film.path) as source:
        if place is not None:
            source.container.seek(place, stream=source.stream, backward=True)
        packets, clock = follow_packets(source, film, journal), Clockwork(film)
        for packet in packets:
            yield from clock.place_frames(source.decode(packet))
        yield from clock.place_frames(source.decode(None))
        journal.failures = source.failures


def follow_packets(source: Source, film: FilmFile, journal: Journal) -> Iterator[Any]:
    """Yield the packets from the first keyframe on, and note what is expected of them."""
    key: int | None = None
    for packet in skip_to_key(source):
        time = read_time(packet, film)
        key = time if key is None else key
        # What follows a keyframe, but is shown before it, needs what was before.
        if film.clock != "count" and time is not None and time >= (key or 0) and not packet.is_discard:
            journal.expected.append(time)
            journal.end = max(journal.end, time + (packet.duration or 0))
        yield packet


def read_time(timed: Any, film: FilmFile) -> int | None:
    """When a frame or packet is shown, from the film's beginning; None where the file does not say it."""
    time = timed.dts if film.clock == "dts" else timed.pts
    return None if time is None else int(time) - film.beginning


class Clockwork:
    """Says when each frame is shown."""

    def __init__(self, film: FilmFile) -> None:
        self.film, self._last = film, -1
        self._step = max(1, round(1 / (film.rate * film.time_base)))

    def place_frames(self, frames: list[Any]) -> Iterator[Shown]:
        """Yield the frames with their times, without those that are not later than the one before."""
        for frame in frames:
            counted = self.film.clock == "count"
            time = None if counted else read_time(frame, self.film)
            if time is None:
                time = self._last + (1 if counted or self._last < 0 else frame.duration or self._step)
            if time > self._last:
                self._last = time
                yield Shown(time, frame, 1 if counted else frame.duration or 0)


def find_place(film: FilmFile, since: int) -> int | None:
    """Where to seek, so that the frames from `since` on are decoded as they are from the beginning; None: there."""
    if film.clock == "count" or since <= 0:
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
