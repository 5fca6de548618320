"""Frames keep their size, their times and their colors; segments are the same bytes wherever they are made."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from filming import BT709, TIMES, draw, encode, read_frames, read_times, shape
from reverie.errors import ReverieError
from reverie.film.libraries import import_av
from reverie.film.reading.opening import ColorTags
from reverie.film.writing.encoding import SegmentEncoder
from reverie.film.writing.formats import FilmFormat, FrameShape, check_film_output
from reverie.settings.film import Encoding

av = import_av()

BT601, BT2020 = ColorTags(6, 6, 6, False), ColorTags(9, 1, 9, False)


def form_of(folder: Path, name: str, alpha: bool = False, **encoding: Any) -> FilmFormat:
    return check_film_output(folder / name, Encoding(**encoding), None, alpha)


WAYS = [
    ("a.mp4", {}, False),
    ("a.mp4", {"codec": "h265"}, False),
    ("a.mp4", {"codec": "av1"}, False),
    ("a.webm", {}, False),
    ("a.webm", {}, True),
    ("a.mov", {}, True),
    ("a.mkv", {"codec": "ffv1"}, True),
]


@pytest.mark.parametrize("name, encoding, alpha", WAYS)
@pytest.mark.parametrize("size", [(48, 64), (49, 65)])
def test_a_segment_is_the_same_bytes_and_holds_every_frame(
    tmp_path: Path, name: str, encoding: dict[str, Any], alpha: bool, size: tuple[int, int]
) -> None:
    form, frames = form_of(tmp_path, name, alpha, **encoding), shape(*size, alpha=alpha)
    (path,) = encode(tmp_path, form, frames, [range(3, 9)])
    first = path.read_bytes()
    assert encode(tmp_path, form, frames, [range(3, 9)])[0].read_bytes() == first
    assert [(frame.height, frame.width) for frame in read_frames(path)] == [size] * 6
    exact = 0 if form.choose_encoder(frames).segment != "matroska" else 0.0005
    assert [float(time) for time in read_times(path)] == pytest.approx([t / 90000 for t in TIMES[3:9]], abs=exact)


@pytest.mark.parametrize("name, encoding, alpha", WAYS)
def test_a_shot_may_be_one_frame_long(tmp_path: Path, name: str, encoding: dict[str, Any], alpha: bool) -> None:
    """Also in x265, whose decoding times are then what happened to lie in memory."""
    form, frames = form_of(tmp_path, name, alpha, **encoding), shape(alpha=alpha)
    once = {encode(tmp_path, form, frames, [[5]])[0].read_bytes() for _ in range(20)}
    assert len(once) == 1 and len(read_frames(tmp_path / "0.segment")) == 1


def ramp_and_primaries(height: int = 32, width: int = 256) -> Tensor:
    """A gray ramp above the eight corners of the color cube."""
    ramp = torch.linspace(0, 1, width).expand(3, height // 2, width)
    corners = torch.tensor([[(n >> bit) & 1 for n in range(8)] for bit in range(3)]).float()
    bars = corners.repeat_interleave(width // 8, 1)[:, None].expand(3, height // 2, width)
    return torch.cat([ramp, bars], 1)[None]


def encode_still(path: Path, form: FilmFormat, frames: FrameShape, image: Tensor) -> np.ndarray:
    """One image as a segment, decoded again by its tags: (h, w, 3), 0..255."""
    with SegmentEncoder(path, form, frames) as encoder:
        encoder.write(image, None, 0)
    frame = read_frames(path)[0]
    flags = av.video.reformatter.Interpolation
    matrix = {0: "ITU709", 1: "ITU709", 6: "ITU601", 9: "BT2020"}[frames.colors.matrix]
    exact = flags.BITEXACT | flags.ACCURATE_RND | flags.FULL_CHR_H_INT | flags.BICUBIC
    is_rgb = form.choose_encoder(frames).is_rgb
    to = {} if is_rgb else {"src_colorspace": matrix, "src_color_range": 2 if frames.colors.full_range else 1}
    back: np.ndarray = frame.reformat(format="rgb24", dst_color_range=2, interpolation=exact, **to).to_ndarray()
    return back.astype(float)


@pytest.mark.parametrize("colors", [BT709, BT601, ColorTags(1, 1, 1, True)])
@pytest.mark.parametrize(
    "name, encoding, depth, most",
    [
        ("a.mkv", {"codec": "ffv1"}, 8, 0.5),
        ("a.mkv", {"codec": "ffv1"}, 16, 1),
        ("a.mp4", {"lossless": True}, 8, 0.5),
        ("a.mp4", {"codec": "h265", "lossless": True}, 10, 1),
        ("a.webm", {"lossless": True}, 8, 0.5),
        ("a.mov", {}, 8, 2),
    ],
)
def test_grays_and_primaries_come_back(
    tmp_path: Path, name: str, encoding: dict[str, Any], depth: int, most: float, colors: ColorTags
) -> None:
    image = ramp_and_primaries()
    frames = shape(32, 256, colors=colors, depth=depth)
    back = encode_still(tmp_path / "s", form_of(tmp_path, name, **encoding), frames, image)
    assert np.abs(back - 255 * image[0].permute(1, 2, 0).numpy()).max() <= most + 1e-3


@pytest.mark.parametrize("colors", [BT709, BT601, BT2020, ColorTags(1, 1, 1, True)])
def test_primaries_are_those_of_the_matrix_also_where_chroma_is_halved(tmp_path: Path, colors: ColorTags) -> None:
    image, form = ramp_and_primaries(), form_of(tmp_path, "a.mp4", quality=1)
    back = encode_still(tmp_path / "s", form, shape(32, 256, colors=colors), image)
    off = np.abs(back - 255 * image[0].permute(1, 2, 0).numpy())
    assert off[:12].max() < 2.01 and off[20:].reshape(12, 8, 32, 3)[:, :, 8:24].max() < 2.01


def test_a_film_that_is_rgb_is_written_with_a_matrix_that_it_says(tmp_path: Path) -> None:
    image, form = ramp_and_primaries(), form_of(tmp_path, "a.mov")
    back = encode_still(tmp_path / "s", form, shape(32, 256, colors=BT709), image)
    encode_still(tmp_path / "rgb", form, shape(32, 256, colors=ColorTags(1, 13, 0, False)), image)
    frame = read_frames(tmp_path / "rgb")[0]
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (1, 13, 1, 1)
    assert (frame.reformat(format="rgb24").to_ndarray() - back).max() <= 1


@pytest.mark.parametrize("full, white, middle", [(False, 940, 502), (True, 1023, 511.5)])
@pytest.mark.parametrize("name, encoding", [("a.mp4", {"codec": "h265", "quality": 1}), ("a.mov", {})])
def test_white_is_white_also_in_more_than_eight_bits(
    tmp_path: Path, name: str, encoding: dict[str, Any], full: bool, white: float, middle: float
) -> None:
    """And not 943, which swscale makes of it: highlights would be lost, and each film of a film be brighter."""
    frames, form = shape(32, 64, colors=ColorTags(1, 1, 1, full), depth=10), form_of(tmp_path, name, **encoding)
    for value, expected in ((1.0, white), (0.5, middle)):
        with SegmentEncoder(tmp_path / "s", form, frames) as encoder:
            encoder.write(torch.full((1, 3, 32, 64), value), None, 0)
        frame = read_frames(tmp_path / "s")[0]
        luma = np.frombuffer(bytes(frame.planes[0]), np.uint16) / 2 ** (frame.format.components[0].bits - 10)
        assert abs(float(luma.mean()) - expected) < 1


def test_values_are_rounded_to_the_nearest_and_clamped(tmp_path: Path) -> None:
    image = torch.tensor([-1, 0.4 / 255, 0.6 / 255, 2])[None, None, None].expand(1, 3, 16, 4).contiguous()
    back = encode_still(tmp_path / "s", form_of(tmp_path, "a.mkv", codec="ffv1"), shape(16, 4), image)
    assert back[0, :, 0].tolist() == [0, 0, 1, 255]


def test_alpha_comes_back(tmp_path: Path) -> None:
    frames = shape(alpha=True)
    for name, most in (("a.mkv", 0), ("a.mov", 1)):
        codec = "ffv1" if name == "a.mkv" else "auto"
        (path,) = encode(tmp_path, form_of(tmp_path, name, True, codec=codec), frames, [range(3)])
        alpha = read_frames(path)[1].reformat(format="rgba").to_ndarray()[..., 3]
        assert np.abs(alpha[24] - np.linspace(0, 255, 64)).max() <= most + 0.5


def test_what_is_not_closed_is_not_there(tmp_path: Path) -> None:
    form = form_of(tmp_path, "a.mp4")
    with pytest.raises(KeyboardInterrupt), SegmentEncoder(tmp_path / "s", form, shape()) as encoder:
        encoder.write(draw(0), None, 0)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_segment_and_the_next_one_makes_it_whole(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from filming import Encoding, SegmentEncoder, check_film_output, draw, shape
folder = Path({str(tmp_path)!r})
encoder = SegmentEncoder(folder / "0.segment", check_film_output(folder / "a.mp4", Encoding(), None, False), shape())
for number in range(6):
    encoder.write(draw(number), None, number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    places = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": places}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".0.segment.part"]
    (path,) = encode(tmp_path, form_of(tmp_path, "a.mp4"), shape(), [range(6)])
    assert [each.name for each in tmp_path.iterdir()] == ["0.segment"] and len(read_frames(path)) == 6


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit of the process on the size of a file fails as a full disk does."""
    form, kept = form_of(tmp_path, "a.mkv", codec="ffv1"), resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = torch.rand(1, 3, 300, 300)
    with pytest.raises(ReverieError, match="cannot be kept") as refused:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, kept[1]))
            with SegmentEncoder(tmp_path / "s", form, shape(300, 300)) as encoder:
                for number in range(4):
                    encoder.write(noise, None, 3000 * number)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())
