"""Saying that a film is a panorama of 360 degrees: Google's Spherical Video V1 and V2 metadata, in MP4 and QuickTime.

V1 is XML in a box of the track, which YouTube and older players read; V2 are boxes of the sample description, which
FFmpeg, browsers and headsets read (github.com/google/spatial-media, docs/).
"""

from __future__ import annotations

import struct
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reverie.errors import FilmError
from reverie.film.libraries import import_av
from reverie.film.writing.boxes import Box, read_movie, replace_movie, split_boxes
from reverie.image.opening import escape_path

V1_UUID = uuid.UUID("ffcc8263-f855-4a93-8814-587a02521fdd").bytes
STEREO_MODES = {"mono": 0, "top-bottom": 1}
"""What a frame holds, by Spherical Video V2's numbers."""

_SAMPLE_ENTRY_BYTES = 78
"""Of a description of pictures, before the boxes that it ends with (ISO/IEC 14496-12, 12.1.3)."""

_V1_XML = """<?xml version="1.0"?>
<rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">
<GSpherical:Spherical>true</GSpherical:Spherical>
<GSpherical:Stitched>true</GSpherical:Stitched>
<GSpherical:StitchingSoftware>Reverie</GSpherical:StitchingSoftware>
<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>
{stereo}</rdf:SphericalVideo>"""


def write_spherical(path: Path, stereo: str) -> None:
    """Say in a finished MP4 or QuickTime file that its pictures are equirectangular, "mono" or "top-bottom".

    The movie box may stand before the samples or behind them. Raises FilmError for a file that is neither.
    """
    try:
        movie = read_movie(path)
        track = next(box for box in movie.find(b"trak") if is_video(box))
        description = next(track.find(b"mdia", b"minf", b"stbl", b"stsd"))
    except (ValueError, StopIteration):
        raise FilmError(f"{escape_path(path)} holds no pictures that could be a panorama; expected an MP4") from None
    description.body = add_projection(description.body, stereo)
    others = [box for box in track.children if not (box.kind == b"uuid" and box.body.startswith(V1_UUID))]
    track.children = [*others, Box(b"uuid", V1_UUID + build_v1(stereo))]
    replace_movie(path, movie)


@contextmanager
def open_spherical_template(segment: Path, stereo: str) -> Iterator[Any]:
    """Yield a video stream like a segment's, that is said to be a panorama.

    Matroska has elements for it, which FFmpeg writes if the stream that is copied has the side data; and a stream has
    them only if it was read from a file that says so.
    """
    av = import_av()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template"
        with av.open(str(segment)) as source:
            muxer = "mov" if source.streams.video[0].codec_context.name == "prores" else "mp4"
            with av.open(str(path), "w", format=muxer) as copy:
                stream = copy.add_stream_from_template(source.streams.video[0], opaque=True)
                packet = next(source.demux(video=0))
                packet.pts = packet.dts = 0
                packet.stream = stream
                copy.mux(packet)
        write_spherical(path, stereo)
        with av.open(str(path)) as container:
            yield container.streams.video[0]


def is_video(track: Box) -> bool:
    """Whether a track holds pictures."""
    return any(box.body[8:12] == b"vide" for box in track.find(b"mdia", b"hdlr"))


def build_v1(stereo: str) -> bytes:
    """The XML of V1."""
    line = "" if stereo == "mono" else f"<GSpherical:StereoMode>{stereo}</GSpherical:StereoMode>\n"
    return _V1_XML.format(stereo=line).encode()


def build_v2(stereo: str) -> list[Box]:
    """The boxes of V2: how two eyes share a frame, and which part of the sphere it covers (the whole)."""
    full = bytes(4)  # version and flags
    heading = Box(b"prhd", full + struct.pack(">3i", 0, 0, 0))  # yaw, pitch and roll
    bounds = Box(b"equi", full + struct.pack(">4I", 0, 0, 0, 0))  # what is cut off
    source = Box(b"svhd", full + b"Reverie\0")
    sphere = Box(b"sv3d", children=[source, Box(b"proj", children=[heading, bounds])])
    return [Box(b"st3d", full + bytes([STEREO_MODES[stereo]])), sphere]


def add_projection(description: bytes, stereo: str) -> bytes:
    """Add the boxes of V2 to each entry of a sample description ("stsd")."""
    entries = []
    for kind, body in split_boxes(description[8:]):
        old = [Box(*each) for each in split_boxes(body[_SAMPLE_ENTRY_BYTES:])]
        kept = [box for box in old if box.kind not in (b"st3d", b"sv3d")]
        boxes = b"".join(box.encode() for box in [*kept, *build_v2(stereo)])
        entries.append(Box(kind, body[:_SAMPLE_ENTRY_BYTES] + boxes).encode())
    return description[:8] + b"".join(entries)
