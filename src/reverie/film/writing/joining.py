"""Joining segments into the finished film: packets are copied, the sound too, and nothing is encoded again."""

from __future__ import annotations

import heapq
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyvips

from reverie._native.files import replace_file, replace_folder
from reverie.errors import FilmError, ReverieError
from reverie.film.libraries import import_av
from reverie.film.reading.opening import FilmFile
from reverie.film.writing.animations import WRITERS, write_frames
from reverie.film.writing.encoding import mux_options, tag_colors
from reverie.film.writing.matroska import write_pixel_aspect
from reverie.film.writing.segments import Reel, open_segment
from reverie.film.writing.soundtrack import Excerpt, Soundtrack
from reverie.film.writing.spherical import open_spherical_template, write_spherical
from reverie.image.film_text import RECIPE_TAG
from reverie.image.opening import escape_path

log = logging.getLogger("reverie")

TECHNICAL_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", RECIPE_TAG.lower())
"""Tags of a film that say how its file was written: those of the new file are others."""

CODEC_TAGS = {"libx265": "hvc1", "prores_ks": "ap4h"}
"""Where FFmpeg would choose a tag that Apple's players do not take, or that of another profile."""


def mux_film(draft: Path, reel: Reel, recipe: str, excerpt: Excerpt | None, sphere: str) -> None:
    """Write segments, and the sound of the film they were made from, to a container."""
    av = import_av()
    muxer = reel.format.container.muxer
    sound = Soundtrack.of(excerpt)
    options = join_options(muxer, reel.shape.time_base, sound.rates if sound else ())
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(draft), "w", format=muxer, options=options))
        # Sound that is heard before the first frame stays: no container plays what lies before zero.
        delay = round(sound.lead / reel.shape.time_base) if sound else 0
        video = VideoTrack(reel, delay)
        picture = video.add_to(container, sphere)
        sources = [video.packets(picture)]
        if sound:
            sources.append(stack.enter_context(sound.packets(container, delay * reel.shape.time_base)))
        container.metadata.update(collect_tags(excerpt.film if excerpt else None, recipe))
        for _, packet in heapq.merge(*sources, key=lambda each: each[0]):
            container.mux(packet)
    if sphere and muxer in ("mp4", "mov"):
        write_spherical(draft, sphere)
    aspect = reel.shape.sample_aspect
    if aspect != 1 and muxer in ("matroska", "webm") and not write_pixel_aspect(draft, aspect):
        log.warning(f"the film cannot say that its pixels are {aspect} wide; .mp4 and .mov can")


def join_options(muxer: str, time_base: Fraction, rates: Sequence[int]) -> dict[str, str]:
    """Return the options of the muxer of a finished film."""
    options = mux_options(muxer, time_base)
    if muxer in ("mp4", "mov"):
        options["movflags"] = "+faststart+use_metadata_tags"
        # Where a sound begins is rounded to the movie's time scale, so it takes part, as far as 31 bits go.
        scale = math.lcm(time_base.denominator, *rates)
        options["movie_timescale"] = str(scale if scale < 2**31 else time_base.denominator)
    return options


def collect_tags(film: FilmFile | None, recipe: str) -> dict[str, str]:
    """Return what a finished film says of itself: what its source said, and the recipe."""
    tags = film.tags if film else {}
    kept = {name: text for name, text in tags.items() if name.lower() not in TECHNICAL_TAGS}
    return kept | ({RECIPE_TAG: recipe} if recipe else {})


class VideoTrack:
    """The packets of segments, with exact times, as one track."""

    def __init__(self, reel: Reel, delay: int = 0) -> None:
        self.reel, self.end = reel, reel.end + delay
        self.times: list[int] = []
        """When each packet's frame is shown, in the order of the packets."""
        headers = set()
        for path in reel.segments:
            with open_segment(path) as stream:
                headers.add(bytes(stream.codec_context.extradata or b""))
                self.times += [
                    delay + self.reel.time_of(packet) for packet in stream.container.demux(stream) if packet.size
                ]
        if len(headers) != 1:
            raise FilmError("the segments were made by different encoders and cannot be joined: begin anew (--clean)")
        self.header = headers.pop() or None
        """The encoder's, as it writes it: a template may have it in the form of its own container."""
        if len(set(self.times)) != len(self.times):
            raise FilmError("two frames of the film have one timestamp: its segments cannot be joined")

    def open_template(self, sphere: str) -> AbstractContextManager[Any]:
        """Open a stream with the encoder's header; for Matroska also with what says that it is a panorama."""
        if sphere and self.reel.format.container.muxer in ("matroska", "webm"):
            if self.reel.format.codec.name != "ffv1":
                return open_spherical_template(self.reel.segments[0], sphere)
            log.warning("a film in FFV1 cannot say that it is a panorama; .mp4 and .mov can")
        return open_segment(self.reel.segments[0])

    def add_to(self, container: Any, sphere: str) -> Any:
        """Add a stream with the encoder's header, and the colors and the pixels' aspect that no segment need know."""
        shape, choice = self.reel.shape, self.reel.choice
        with self.open_template(sphere) as template:
            stream = container.add_stream_from_template(template, opaque=True)
        stream.time_base = shape.time_base
        context = stream.codec_context
        context.extradata = self.header
        context.sample_aspect_ratio = shape.sample_aspect
        tag_colors(context, choice, shape)
        if choice.encoder in CODEC_TAGS:
            context.codec_tag = CODEC_TAGS[choice.encoder]
        if choice.pixels == "yuva420p":
            context.pix_fmt = choice.pixels  # else Matroska would not say that there is an alpha beside the pictures
        return stream

    def packets(self, stream: Any) -> Iterator[tuple[Fraction, Any]]:
        """Yield all packets, each with the second at which it is decoded."""
        base, timing = self.reel.shape.time_base, self._compute_timing()
        for path in self.reel.segments:
            with open_segment(path) as source:
                for packet in source.container.demux(source):
                    if packet.size:
                        packet.time_base = base
                        packet.pts, packet.dts, packet.duration = next(timing)
                        packet.stream = stream
                        yield packet.dts * base, packet

    def _compute_timing(self) -> Iterator[tuple[int, int, int]]:
        """Yield pts, dts and duration of each packet.

        A packet is decoded when it is shown, or earlier by as many frames as the most moved one needs, so that decoding
        times grow and none is later than its frame.
        """
        shown = sorted(self.times)
        ends = dict(zip(shown, [*shown[1:], max(self.end, shown[-1] + 1)], strict=True))
        rank = {time: number for number, time in enumerate(shown)}
        delay = max(number - rank[time] for number, time in enumerate(self.times))
        last = self.times[-1]
        # MP4 counts a track's length in decoding times: this lead makes it the film's own.
        lead = ends[shown[-1]] - shown[len(shown) - 1 - delay] - (ends[last] - last)
        lead = max(lead, delay)
        for number, time in enumerate(self.times):
            early = shown[0] - lead + lead * number // max(delay, 1)
            yield time, early if number < delay else shown[number - delay], ends[time] - time


def check_disk(target: Path, reel: Reel, excerpt: Excerpt | None) -> None:
    """Raise FilmError where the disk has no room for the finished film."""
    pictures = sum(path.stat().st_size for path in reel.segments)
    sound = excerpt.film.path.stat().st_size if excerpt and excerpt.film.sounds else 0
    needed, free = pictures + min(sound, pictures), shutil.disk_usage(target.resolve().parent).free
    if needed > free:
        raise FilmError(
            f"{needed / 1e9:.1f} GB of film do not fit beside the segments, where {free / 1e9:.1f} GB are free "
            f"({escape_path(target.parent)}): make room; what is done is kept"
        )


@contextmanager
def report_errors(target: Path) -> Iterator[None]:
    """Raise what goes wrong while a film is written as a FilmError of one line."""
    av = import_av()
    try:
        yield
    except ReverieError:
        raise
    except (OSError, av.FFmpegError, pyvips.Error) as error:
        lines = str(getattr(error, "strerror", None) or error).split("\n")
        raise FilmError(f"{escape_path(target)} cannot be written: {lines[0]}; what is done is kept") from None


def join_film(target: Path, reel: Reel, recipe: str, excerpt: Excerpt | None = None, sphere: str = "") -> None:
    """Write the finished film, whole or not at all.

    `excerpt` is the film, or the part of it, that the frames were made from: its sound and its tags are kept. `sphere`
    says that the frames are equirectangular: "mono", or "top-bottom" for the pictures of two eyes.

    Raises FilmError where the disk is full or a segment cannot be read; the segments stay, and an older film too.
    """
    container = reel.format.container
    with report_errors(target):
        check_disk(target, reel, excerpt)
        if container.kind == "container":
            with replace_file(target) as draft:
                mux_film(draft, reel, recipe, excerpt, sphere)
            return
        if excerpt and excerpt.film.sounds:
            log.warning(f"{container.ending or 'a folder of frames'} holds no sound: it is left out")
        if container.kind == "frames":
            with replace_folder(target) as folder:
                write_frames(folder, reel, recipe, sphere)
            return
        if sphere:
            log.warning(f"{container.ending} cannot say that it is a panorama; .mp4 and .mov can")
        with replace_file(target) as draft:
            WRITERS[container.ending](draft, reel, recipe)
