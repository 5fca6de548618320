"""Small films for tests, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SIZE = (48, 64)
"""Height and width of most of them, in pixels."""


def moving(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> list[Picture]:
    """Frames in each of which all is somewhere else: what stands on a coarse ground moves by two pixels."""
    height, width = size
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 220, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    ground = coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return [np.roll(ground, 2 * number, axis=1) for number in range(count)]


def flat(value: int, size: tuple[int, int] = SIZE) -> Picture:
    """A frame of one gray."""
    return np.full((*size, 3), value, np.uint8)


def write_clip(
    path: Path, pictures: Iterable[Picture], times: Sequence[int] | None = None, rate: int = 25, **ways: Any
) -> Path:
    """Write a film of frames (h, w, 3 or 4), shown at times in milliseconds, or so many a second.

    `ways`: `codec`, `layout` (of the pixels), `form` (of the container), `threads`, `set_up` (called with the stream),
    and the options of the encoder.
    """
    codec, layout, form = (ways.pop(name, usual) for name, usual in WAYS.items())
    set_up = ways.pop("set_up", None)
    with av.open(str(path), "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={key: str(value) for key, value in ways.items()})
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], layout
                stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
                if set_up:
                    set_up(stream)
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
            frame = frame.reformat(format=layout)
            frame.pts, frame.time_base = (times[number] if times else number), stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


WAYS = {"codec": "libx264", "layout": "yuv420p", "form": None}
