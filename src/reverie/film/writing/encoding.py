"""Encoding frames as segments of a film, each closed in itself: the same frames give the same bytes everywhere."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from reverie._native.files import replace_file
from reverie.ascent.ondisk.workspace import report_disk_errors
from reverie.film.libraries import import_av
from reverie.film.reading.coloring import WHITE_OF_LIMITED
from reverie.film.writing.codecs import THREADS, EncoderChoice
from reverie.film.writing.formats import FilmFormat, FrameShape
from reverie.types import Image

BITEXACT = 1 << 23
"""FFmpeg's AV_CODEC_FLAG_BITEXACT: no version of the encoder in the stream."""

RGB_MATRIX, BT709 = 0, 1  # as H.273 numbers them
LIMITED_RANGE, FULL_RANGE = 1, 2  # as FFmpeg does
_SWSCALE_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""swscale's number of a color matrix, by that of H.273. Others, as of a film that is RGB, become BT.709's."""

DECODING_LEAD = 1_000_000
"""How long before the first frame decoding begins, in units of the time base: more than a segment has frames."""


def quantize(samples: Float[Tensor, "1 c h w"], deep: bool) -> NDArray[Any]:
    """Convert a tensor 0..1 to samples (h, w, c) of 8 or 16 bits, clamped and rounded to the nearest value."""
    top = 65535 if deep else 255
    values = samples.detach()[0].float().clamp(0, 1).mul(top).round().permute(1, 2, 0)
    return np.ascontiguousarray(values.cpu().numpy().astype(np.uint16 if deep else np.uint8))


def build_frame(image: Image, alpha: Float[Tensor, "1 1 h w"] | None, choice: EncoderChoice, shape: FrameShape) -> Any:
    """Make PyAV's frame of an image, in an encoder's arrangement of samples, with the film's colors.

    The image is (1, 3, h, w), 0..1, in the film's own primaries and transfer: matrix and range alone are applied.
    """
    av = import_av()
    # Of 65535, swscale would make a luma of 943 in 10 bits, where white is 940.
    most = WHITE_OF_LIMITED / 65535 if choice.is_deep and not choice.is_rgb else 1
    samples = quantize(image.clamp(0, 1) * most, choice.is_deep)
    source = "rgb48le" if choice.is_deep else "rgb24"
    if shape.alpha:
        opacity = quantize(image.new_ones(1, 1, *image.shape[2:]) if alpha is None else alpha, choice.is_deep)
        samples = np.concatenate([samples, opacity], axis=2)
        source = "rgba64le" if choice.is_deep else "rgba"
    frame = av.VideoFrame.from_ndarray(samples, format=source)
    frame.color_range = FULL_RANGE
    flags = av.video.reformatter.Interpolation
    frame = frame.reformat(
        format=choice.pixels,
        dst_colorspace=_SWSCALE_MATRIX.get(shape.colors.matrix, BT709),
        src_color_range=FULL_RANGE,
        dst_color_range=FULL_RANGE if choice.is_rgb or shape.colors.full_range else LIMITED_RANGE,
        # Without the first two, the result would follow the processor and be a bit off.
        interpolation=flags.BITEXACT | flags.ACCURATE_RND | flags.FULL_CHR_H_INP | flags.FULL_CHR_H_INT | flags.BICUBIC,
        threads=1,
    )
    tag_colors(frame, choice, shape)
    return frame


def tag_colors(target: Any, choice: EncoderChoice, shape: FrameShape) -> None:
    """Say in a frame, or in the context of a codec, how its colors are to be read."""
    colors = shape.colors
    target.color_primaries = colors.primaries
    target.color_trc = colors.transfer
    target.colorspace = RGB_MATRIX if choice.is_rgb else colors.matrix if colors.matrix in _SWSCALE_MATRIX else BT709
    target.color_range = FULL_RANGE if choice.is_rgb or colors.full_range else LIMITED_RANGE


def mux_options(muxer: str, time_base: Fraction) -> dict[str, str]:
    """Return the options of a muxer that keep timestamps exact and leave out dates, versions and random numbers."""
    # Else all timestamps would be moved, where B-frames or the priming of a sound begin before zero.
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    if muxer in ("mp4", "mov"):
        # Edit lists are counted in the movie's time scale, which would be 1/1000 second.
        options |= dict.fromkeys(("movie_timescale", "video_track_timescale"), str(time_base.denominator))
    return options


class SegmentEncoder:
    """Writes frames to a segment: one closed piece of the film, in the codec of the output.

    The file is there, whole, once `close` has returned. As a context manager it closes at the end, and leaves nothing
    behind if the block raises. The bytes depend on the frames, their times, the format and the shape only.

    Raises ImageFileError, of one line, where the disk is full.
    """

    def __init__(self, path: Path, format: FilmFormat, shape: FrameShape) -> None:
        self.path, self.shape = path, shape
        self.choice = format.choose_encoder(shape)
        self._stack = ExitStack()
        self._container: Any = None
        self._first: int | None = None
        self._packets = 0
        with report_disk_errors(path.parent):
            # A fixed name: what a killed process leaves behind is overwritten by the next one.
            draft = self._stack.enter_context(replace_file(path, f".{path.name}.part"))
            self._open(draft)

    def _open(self, draft: Path) -> None:
        av = import_av()
        if self.choice.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors alone: SVT-AV1 has no other way to be silent
        options = mux_options(self.choice.segment, self.shape.time_base)
        self._container = av.open(str(draft), "w", format=self.choice.segment, options=options)
        self._stream = self._container.add_stream(
            self.choice.encoder,
            rate=self.shape.rate.limit_denominator(100_000),
            options=self.choice.options,
            width=self.shape.width,
            height=self.shape.height,
            time_base=self.shape.time_base,
        )
        context = self._stream.codec_context
        context.pix_fmt = self.choice.pixels
        context.thread_count = THREADS
        context.flags |= BITEXACT
        context.sample_aspect_ratio = self.shape.sample_aspect
        tag_colors(context, self.choice, self.shape)

    def write(self, image: Image, alpha: Float[Tensor, "1 1 h w"] | None, pts: int) -> None:
        """Encode an image (1, 3, h, w), 0..1, with its alpha, 0 transparent to 1 opaque.

        `pts` is when it is shown, in units of the shape's time base; it grows from frame to frame.
        """
        frame = build_frame(image, alpha, self.choice, self.shape)
        frame.pts, frame.time_base = pts, self.shape.time_base
        self._first = pts if self._first is None else self._first
        self._encode(frame)

    def _encode(self, frame: Any) -> None:
        with report_disk_errors(self.path.parent):
            for packet in self._stream.encode(frame):
                if self.choice.segment == "nut":
                    # NUT keeps no decoding times, but wants them to grow and to be before the frame's own; x265 leaves
                    # chance numbers in those of a segment of one or two frames.
                    packet.dts = (self._first or 0) - DECODING_LEAD + self._packets
                self._packets += 1
                self._container.mux(packet)

    def close(self) -> None:
        """Write what is left, sync the file to the disk, and give it its name."""
        if self._container is None:
            return
        try:
            self._encode(None)
            with report_disk_errors(self.path.parent):
                container, self._container = self._container, None
                container.close()
                self._stack.close()
        except BaseException as error:
            self.abort(error)
            raise

    def abort(self, error: BaseException) -> None:
        """Delete what was written, because of an error."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except OSError:  # the disk is full: there is nothing to save
            pass
        finally:
            self._stack.__exit__(type(error), error, error.__traceback__)

    def __enter__(self) -> SegmentEncoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abort(error)
