"""Frames are read as they are meant: upright, in full range, exactly once, and the same from wherever one begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from film.clips import flat, moving, write_clip
from reverie.film.reading.frames import Frame, read_frames
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film


def read(path: Path, first: int = 0, count: int | None = None) -> list[Frame]:
    film = open_film(path)
    return list(read_frames(film, survey_film(film), first, count))


def test_frames_are_what_was_written(tmp_path: Path) -> None:
    pictures = moving(6)
    frames = read(write_clip(tmp_path / "a.mkv", pictures, codec="ffv1", layout="bgr0"))
    assert [frame.number for frame in frames] == list(range(6))
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.array_equal(frame.pixels, picture) and frame.alpha is None
        assert frame.image.shape == (1, 3, 48, 64)
        assert np.array_equal((frame.image[0] * 255).round().numpy().transpose(1, 2, 0), picture)
        assert frame.gray.shape == (48, 64) and frame.gray.dtype == np.uint8


GROUPS: dict[str, dict[str, Any]] = {
    "closed.mp4": {"g": 6, "bf": 2},
    "open.mp4": {"g": 6, "bf": 3, "x264-params": "open-gop=1:b-pyramid=normal:keyint=6:min-keyint=6:scenecut=0"},
    "open.mkv": {"g": 6, "bf": 3, "x264-params": "open-gop=1:keyint=6:min-keyint=6:scenecut=0"},
    "open.ts": {"g": 6, "bf": 3, "x264-params": "open-gop=1:keyint=6:min-keyint=6:scenecut=0"},
    "refresh.mp4": {"x264-params": "intra-refresh=1:keyint=8:bframes=0"},
    "single.mp4": {"g": 250},
    "hevc.mp4": {"codec": "libx265", "x265-params": "log-level=none:keyint=6:min-keyint=6:open-gop=1:bframes=3"},
    "nine.webm": {"codec": "libvpx-vp9", "g": 6, "deadline": "realtime"},
    "two.mpg": {"codec": "mpeg2video", "g": 6, "bf": 2},
    "four.avi": {"codec": "mpeg4", "g": 6, "bf": 2},
    "x264.avi": {"g": 6, "bf": 2},
}


@pytest.mark.parametrize("name", GROUPS)
def test_a_frame_is_the_same_from_wherever_one_begins(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (30, 48, 64, 3), dtype=np.uint8)
    pictures = [picture + each for picture, each in zip(moving(30), noise, strict=True)]
    film = open_film(write_clip(tmp_path / name, pictures, **GROUPS[name]))
    survey = survey_film(film)
    whole = list(read_frames(film, survey))
    assert len(whole) == 30 == len(survey.times)
    for first in range(1, 30):
        for frame in read_frames(film, survey, first, 2):
            assert np.array_equal(frame.pixels, whole[frame.number].pixels), (first, frame.number)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_frames_are_upright(tmp_path: Path, turned: int) -> None:
    picture = flat(40)
    picture[:12, :16] = 250  # the corner that is up and left in the file
    path = write_clip(
        tmp_path / "a.mp4", [picture] * 3, set_up=lambda stream: stream.set_display_rotation(-turned), qp=1
    )
    film = open_film(path)
    assert film.rotation == turned
    pixels = read(path)[1].pixels
    assert film.size == pixels.shape[:2] == ((48, 64) if turned == 180 else (64, 48))
    assert np.abs(np.rot90(picture, -turned // 90).astype(int) - pixels).max() < 12


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p10le", "yuv444p", "gbrp10le"])
@pytest.mark.parametrize("height", [48, 720])
def test_black_and_white_are_the_ends(tmp_path: Path, layout: str, height: int) -> None:
    size = (height, 64)
    pictures = [flat(0, size), flat(255, size)] * 2
    frames = read(write_clip(tmp_path / "a.mkv", pictures, codec="ffv1", layout=layout))
    deep = "10" in layout
    top = 65535 if deep else 255
    assert frames[0].pixels.dtype == (np.uint16 if deep else np.uint8)
    assert np.abs(frames[0].pixels.astype(int)).max() <= top / 255
    assert np.abs(frames[1].pixels.astype(int) - top).max() <= top / 255
    assert frames[1].gray.min() >= 254 and frames[0].gray.max() <= 1


def test_colors_are_read_by_the_matrix_that_is_said(tmp_path: Path) -> None:
    def tag(stream: Any) -> None:
        stream.codec_context.colorspace = 1

    picture = flat(30)
    picture[..., 0] = 200
    ways: dict[str, Any] = {"codec": "ffv1", "layout": "yuv444p"}
    plain = open_film(write_clip(tmp_path / "a.mkv", [picture], **ways))
    said = open_film(write_clip(tmp_path / "b.mkv", [picture], **ways, set_up=tag))
    assert (plain.colors.matrix, said.colors.matrix) == (6, 1)
    red, other = (read(film.path)[0].pixels[0, 0].astype(int) for film in (plain, said))
    assert np.abs(red - picture[0, 0]).max() <= 2 < 10 < np.abs(other - red).max()  # the writer's samples are BT.601's


@pytest.mark.parametrize("size", [(47, 63), (17, 33)])
def test_odd_sizes_stay(tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = moving(3, size)
    frames = read(write_clip(tmp_path / "a.mkv", pictures, codec="ffv1", layout="yuv420p"))
    assert all(frame.pixels.shape == (*size, 3) for frame in frames)
