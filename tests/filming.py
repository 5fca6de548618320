"""Small films for the tests: drawn, encoded in segments, and read back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reverie.film.libraries import import_av
from reverie.film.reading.opening import ColorTags, FilmFile
from reverie.film.writing.encoding import SegmentEncoder
from reverie.film.writing.formats import FilmFormat, FrameShape, check_film_output
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.film.writing.soundtrack import Excerpt
from reverie.settings.film import Encoding

av = import_av()

BASE = Fraction(1, 90000)
TIMES = (0, 1500, 3003, 7000, 9009, 12012, 15015, 18018, 21021, 24024, 30000, 33033)
"""Twelve frames of a variable rate, in units of BASE."""
END = 36036
BT709 = ColorTags(1, 1, 1, False)


def draw(number: int, height: int = 48, width: int = 64) -> Tensor:
    """A frame (1, 3, h, w) that is unlike the one before: its green moves."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([columns, (rows + number / len(TIMES)) % 1, rows * columns])[None]


def fade(height: int = 48, width: int = 64) -> Tensor:
    """An alpha (1, 1, h, w) from transparent on the left to opaque on the right."""
    return torch.linspace(0, 1, width).expand(1, 1, height, width).contiguous()


def shape(height: int = 48, width: int = 64, **changes: Any) -> FrameShape:
    return FrameShape(height, width, **{"rate": Fraction(30), "time_base": BASE, **changes})


def encode(folder: Path, form: FilmFormat, frames: FrameShape, numbers: Sequence[Sequence[int]]) -> list[Path]:
    """Segments of the frames of these numbers."""
    paths = []
    for number, each in enumerate(numbers):
        paths.append(folder / f"{number}.segment")
        with SegmentEncoder(paths[-1], form, frames) as encoder:
            for frame in each:
                alpha = fade(frames.height, frames.width) if frames.alpha else None
                encoder.write(draw(frame, frames.height, frames.width), alpha, TIMES[frame])
    return paths


def make_film(
    target: Path, frames: FrameShape, encoding: Encoding, excerpt: Excerpt | None = None, cuts: Sequence[int] = (6,)
) -> Reel:
    """Write the twelve frames as a film, in segments that begin at 0 and the cuts."""
    form = check_film_output(target, encoding, excerpt.film if excerpt else None, frames.alpha)
    edges = [0, *cuts, len(TIMES)]
    numbers = [range(first, last) for first, last in itertools.pairwise(edges)]
    reel = Reel(encode(target.parent, form, frames, numbers), form, frames, END)
    join_film(target, reel, 'wish = "fire8"\nand = "ümläut"\n', excerpt)
    return reel


def read_times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds, by the packets."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        times = [packet.pts * packet.time_base for packet in packets]
        decoded = [packet.dts for packet in packets if packet.dts is not None]
    assert decoded == sorted(set(decoded))
    return sorted(times)


def read_frames(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def read_sounds(path: Path) -> list[list[tuple[Fraction, bytes]]]:
    """The time and the bytes of each packet of each sound stream."""
    with av.open(str(path)) as container:
        streams = container.streams.audio
        found: dict[int, list[tuple[Fraction, bytes]]] = {stream.index: [] for stream in streams}
        for packet in container.demux(*streams):
            if packet.size:
                found[packet.stream_index].append((packet.pts * packet.time_base, bytes(packet)))
    return list(found.values())


def make_source(path: Path, sound: str | None = "aac", languages: Sequence[str] = ("eng",)) -> FilmFile:
    """A film of 0.8 seconds with a tone in each language."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.metadata["title"], container.metadata["artist"] = "Katze", "Ich"
        tracks = [container.add_stream(sound, rate=48000) for _ in languages if sound]
        for track, language in zip(tracks, languages, strict=False):
            track.metadata["language"] = language
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(video.encode(frame))
        for track in tracks:
            for start in range(0, 38400, 960):
                tone = np.sin(np.arange(start, start + 960) / 20, dtype=np.float32)
                samples = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
                samples.sample_rate, samples.pts, samples.time_base = 48000, start, Fraction(1, 48000)
                container.mux(track.encode(samples))
            container.mux(track.encode(None))
        container.mux(video.encode(None))
    return describe(path)


def describe(path: Path, **changes: Any) -> FilmFile:
    """What a film that was made here is."""
    with av.open(str(path)) as container:
        sounds = tuple(stream.codec_context.name for stream in container.streams.audio)
        tags = dict(container.metadata)
        first = container.streams.video[0].start_time * container.streams.video[0].time_base
    fields = {"digest": "", "kind": "container", "height": 48, "width": 64, "rotation": 0, "sample_aspect": Fraction(1)}
    fields |= {"rate": Fraction(30), "time_base": BASE, "depth": 8, "alpha": False, "colors": BT709, "hdr": ""}
    fields |= {"sounds": sounds, "spherical": False, "stereo": "", "tags": tags}
    fields["beginning"] = round(first / BASE)
    return FilmFile(path=path, **{**fields, **changes})
