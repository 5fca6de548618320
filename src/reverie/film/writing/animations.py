"""Writing what is no film in a container: GIF, WebP, APNG and folders of frames, from lossless segments."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from reverie.film.libraries import import_av
from reverie.film.writing.segments import Reel, open_segment
from reverie.image.embedding import build_xmp_packet, insert_png_texts
from reverie.image.film_text import RECIPE_FILE
from reverie.image.gif import insert_comment
from reverie.image.gpano import Sphere
from reverie.image.opening import silence_libvips

PNG_HEADER_BYTES = 8 + 25  # the signature and IHDR
APNG_PIXELS = {(False, False): "rgb24", (True, False): "rgba", (False, True): "rgb48be", (True, True): "rgba64be"}
"""FFmpeg's pixel formats by alpha and depth."""

GIF_UNIT, WEBP_UNIT = Fraction(1, 100), Fraction(1, 1000)  # of the time that a frame is shown, in seconds
GIF_SHORTEST = 2
"""In its units: browsers show a frame of less for a tenth of a second."""


def decode_reel(reel: Reel) -> Iterator[Any]:
    """Yield the frames of lossless segments as PyAV has them."""
    for path in reel.segments:
        with open_segment(path) as stream:
            yield from stream.container.decode(stream)


def read_samples(frame: Any, alpha: bool, deep: bool = False) -> NDArray[Any]:
    """The samples of a frame, (h, w, 3 or 4), of 8 or 16 bits."""
    name = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
    samples: NDArray[Any] = frame.reformat(format=name).to_ndarray()
    return samples


def round_times(times: Iterable[Fraction], shortest: int = 1) -> list[tuple[int, int]]:
    """Round when frames are shown, and the last one ends, to whole units: which frames are shown, and how long each.

    The ends are rounded and not the lengths, so that no error adds up. A frame that would be shown for less than the
    shortest time is left out.
    """
    *starts, end = (round(time) for time in times)
    shown = [0]
    for number, start in enumerate(starts):
        if start - starts[shown[-1]] >= shortest <= end - start:
            shown.append(number)
    edges = [*(starts[number] for number in shown), max(end, starts[shown[-1]] + shortest)]
    return [(number, later - one) for number, one, later in zip(shown, edges, edges[1:], strict=False)]


@contextmanager
def stack_frames(reel: Reel, unit: Fraction, shortest: int = 1) -> Iterator[pyvips.Image]:
    """Yield the frames of a film as libvips has an animated picture: one below the other, each with its delay.

    They are laid into a file beside the segments, and so never are all in memory.
    """
    shape, path = reel.shape, reel.segments[0].with_name("frames.raw")
    times = [Fraction(time * shape.time_base / unit) for time in [*reel.read_times(), reel.end]]
    delays = dict(round_times(times, shortest))
    try:
        with path.open("wb") as file:
            for number, frame in enumerate(decode_reel(reel)):
                if number in delays:
                    file.write(read_samples(frame, shape.alpha).tobytes())
        bands, height = 4 if shape.alpha else 3, shape.height * len(delays)
        picture = pyvips.Image.rawload(str(path), shape.width, height, bands, interpretation="srgb").copy()
        milliseconds = [int(each * unit * 1000) for each in delays.values()]
        picture.set_type(pyvips.GValue.gint_type, "page-height", shape.height)
        picture.set_type(pyvips.GValue.array_int_type, "delay", milliseconds)
        picture.set_type(pyvips.GValue.gint_type, "loop", 0)  # for ever
        yield picture
    finally:
        path.unlink(missing_ok=True)


def write_gif(draft: Path, reel: Reel, recipe: str) -> None:
    """Write a GIF: as many colors as each frame needs, no more pixels than have changed."""
    bare = reel.segments[0].with_name("bare.gif")
    try:
        with stack_frames(reel, GIF_UNIT, GIF_SHORTEST) as picture:
            # The default effort, 7, takes two and a half times as long and saves a twentieth of the bytes.
            picture.gifsave(str(bare), interframe_maxerror=8, dither=0.8, effort=5)
        insert_comment(bare, draft, recipe)
    finally:
        bare.unlink(missing_ok=True)


def write_webp(draft: Path, reel: Reel, recipe: str) -> None:
    """Write an animated WebP, with the recipe in its XMP."""
    with stack_frames(reel, WEBP_UNIT) as picture:
        if packet := build_xmp_packet(recipe or None):
            picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
        picture.webpsave(str(draft), Q=85, lossless=reel.format.encoding.lossless)


def write_apng(draft: Path, reel: Reel, recipe: str) -> None:
    """Write an animated PNG, with the recipe in its XMP."""
    bare, shape = reel.segments[0].with_name("bare.apng"), reel.shape
    try:
        options = {"fflags": "+bitexact", "plays": "0"}
        with import_av().open(str(bare), "w", format="apng", options=options) as container:
            stream = container.add_stream("apng", rate=shape.rate.limit_denominator(100_000), options={"pred": "mixed"})
            stream.width, stream.height, stream.time_base = shape.width, shape.height, shape.time_base
            stream.codec_context.time_base = shape.time_base
            stream.pix_fmt = APNG_PIXELS[shape.alpha, shape.depth > 8]
            times = [*reel.read_times(), reel.end]
            for frame, start, end in zip(decode_reel(reel), times, times[1:], strict=False):
                frame = frame.reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base, frame.duration = start, shape.time_base, end - start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with bare.open("rb") as source, draft.open("wb") as target:
            packet = build_xmp_packet(recipe or None)
            texts = {"XML:com.adobe.xmp": packet.decode()} if packet else {}
            target.write(insert_png_texts(source.read(PNG_HEADER_BYTES), texts))
            shutil.copyfileobj(source, target)
    finally:
        bare.unlink(missing_ok=True)


def write_frames(folder: Path, reel: Reel, recipe: str, sphere: str) -> None:
    """Write a folder of PNGs, 00001.png and on, of 16 bits where the film has more than 8, and the recipe beside."""
    silence_libvips()
    shape = reel.shape
    digits = max(5, len(str(len(reel.read_times()))))
    packet = Sphere.of(shape.width, shape.height).written(None) if sphere == "mono" else None
    for number, frame in enumerate(decode_reel(reel), 1):
        samples = read_samples(frame, shape.alpha, shape.depth > 8)
        picture = pyvips.Image.new_from_array(samples)
        picture = picture.copy(interpretation="rgb16" if samples.dtype == np.uint16 else "srgb")
        if packet:
            picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
        picture.pngsave(str(folder / f"{number:0{digits}}.png"))
    if recipe:
        (folder / RECIPE_FILE).write_text(recipe, "utf-8")


WRITERS: dict[str, Callable[[Path, Reel, str], None]] = {".gif": write_gif, ".webp": write_webp, ".apng": write_apng}
"""What writes an animated picture, by its ending."""
