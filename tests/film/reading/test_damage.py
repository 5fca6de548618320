"""Films that are broken, odd, or none: the length stays where something is left, and one line says what is wrong."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from film.clips import flat, moving, write_clip
from reverie.errors import FilmError
from reverie.film.reading.frames import Frame, read_frames
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.survey import Survey, survey_film


def read(film: FilmFile) -> tuple[Survey, list[Frame]]:
    survey = survey_film(film)
    return survey, list(read_frames(film, survey))


def packets_of(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


def break_packets(path: Path, numbers: list[int]) -> Path:
    """Overwrite packets, by their order in the file, with noise."""
    data = bytearray(path.read_bytes())
    for number in numbers:
        content = bytes(packets_of(path)[number])
        place = data.find(content)
        data[place : place + len(content)] = np.random.default_rng(number).bytes(len(content))
    broken = path.with_name("broken" + path.suffix)
    broken.write_bytes(data)
    return broken


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_broken_frames_are_those_before_again(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_clip(tmp_path / name, moving(24), g=8, bf=0, tune="zerolatency")
    clean, _ = read(open_film(whole))
    film = open_film(break_packets(whole, [5, 6, 14]))
    with caplog.at_level(logging.WARNING, "reverie"):
        survey, frames = read(film)
    assert survey.times == clean.times and survey.end == clean.end and survey.cuts == ()
    assert survey.lost == (5, 6, 14) and [frame.number for frame in frames] == list(range(24))
    assert sum("damaged" in record.getMessage() for record in caplog.records) == 1
    for number in survey.lost:
        assert np.array_equal(frames[number].pixels, frames[number - 1].pixels)
    for first in (3, 5, 6, 9, 14, 15):
        for frame in read_frames(film, survey, first, 3):
            assert np.array_equal(frame.pixels, frames[frame.number].pixels), (first, frame.number)


def test_what_is_broken_at_the_beginning_is_the_first_that_is_not(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", moving(12), codec="mjpeg", layout="yuvj420p")
    clean, original = read(open_film(whole))
    survey, frames = read(open_film(break_packets(whole, [0, 1])))
    assert len(survey.times) == 12 == len(frames)
    assert all(np.array_equal(frame.pixels, original[2].pixels) for frame in frames[:3])
    assert survey.end - survey.times[0] == clean.end - clean.times[0]


def test_a_truncated_film_ends_earlier(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", moving(24), g=4)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 2 // 3])
    survey, frames = read(open_film(whole))
    assert 6 <= len(frames) == len(survey.times) < 24
    short = write_clip(tmp_path / "a.mp4", moving(24), g=4)
    short.write_bytes(short.read_bytes()[:-300])  # its index is at the end
    with pytest.raises(FilmError, match="no film"):
        open_film(short)


def test_a_film_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", moving(3))
    with pytest.raises(FilmError, match="no frame that can be decoded"):
        open_film(break_packets(whole, [0, 1, 2]))


def test_a_film_without_a_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(FilmError, match="no f"):
        open_film(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.m4a", "a.wav"])
def test_sound_alone_is_refused(tmp_path: Path, name: str) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        audio: Any = container.add_stream("pcm_s16le" if name.endswith("wav") else "aac", rate=48000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="mono")
        samples.sample_rate, audio.layout = 48000, "mono"
        container.mux(audio.encode(samples))
        container.mux(audio.encode(None))
    with pytest.raises(FilmError, match="sound only"):
        open_film(tmp_path / name)


def test_a_changing_size_is_refused_with_its_frame(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{size[0]}.ts", moving(4, size), g=1) for size in ((48, 64), (64, 96))]
    joined = tmp_path / "a.h264"
    with joined.open("wb") as file:
        for part in parts:
            for packet in packets_of(part):
                file.write(bytes(packet))
    with pytest.raises(FilmError, match="frame 4"):
        survey_film(open_film(joined))


def test_a_film_without_times_is_counted(tmp_path: Path) -> None:
    film = open_film(write_clip(tmp_path / "a.h264", moving(10), rate=30, form="h264", bf=2))
    survey, frames = read(film)
    assert film.rate == 30 and survey.times == tuple(range(10)) and survey.end == 10
    assert survey.time_base == Fraction(1, 30)
    for frame in read_frames(film, survey, 6, 2):
        assert np.array_equal(frame.pixels, frames[frame.number].pixels)


def test_names_may_be_anything(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "a.mp4", moving(5))
    for name in (b"n\xff\nme.mp4", b"%03d.mp4", b"http:a.mp4", b"-"):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118
        path.write_bytes(film.read_bytes())
        assert len(read(open_film(path))[1]) == 5


def test_a_stream_that_begins_in_the_middle_begins_with_its_keyframe(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.ts", moving(24), g=8, bf=0)
    data = whole.read_bytes()
    first = packets_of(whole)[3].pos
    cut = tmp_path / "b.ts"
    cut.write_bytes(data[: 188 * 3] + data[first // 188 * 188 :])
    survey, frames = read(open_film(cut))
    assert len(survey.times) == len(frames) == 16 and survey.lost == ()
    assert survey.times[0] == 0


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx", "prores_ks", "ffv1"])
def test_what_is_transparent_stays_so(tmp_path: Path, codec: str) -> None:
    picture = np.dstack([flat(120), flat(255)[..., 0]])
    picture[:24, :32, 3] = 0
    layout = {"prores_ks": "yuva444p10le", "ffv1": "bgra"}.get(codec, "yuva420p")
    ending = {"prores_ks": "mov", "ffv1": "mkv"}.get(codec, "webm")
    ways: dict[str, Any] = {"auto-alt-ref": 0} if codec == "libvpx" else {}
    film = open_film(write_clip(tmp_path / f"a.{ending}", [picture] * 3, codec=codec, layout=layout, **ways))
    assert film.alpha
    for frame in read(film)[1]:
        assert frame.alpha is not None and frame.alpha.dtype == frame.pixels.dtype
        top = np.iinfo(frame.alpha.dtype).max
        assert frame.alpha[2:20, 2:28].max() < 0.03 * top and frame.alpha[28:, 36:].min() > 0.97 * top


def tag_hdr(transfer: int) -> Any:
    def tag(stream: Any) -> None:
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9

    return tag


@pytest.mark.parametrize(("transfer", "name", "white"), [(16, "PQ", 0.58), (18, "HLG", 0.75)])
def test_hdr_is_mapped_or_refused(
    tmp_path: Path, transfer: int, name: str, white: float, caplog: pytest.LogCaptureFixture
) -> None:
    levels = [flat(round(255 * share)) for share in (0, white / 2, white, 1)]
    path = write_clip(tmp_path / "a.mkv", levels, codec="ffv1", layout="yuv420p10le", set_up=tag_hdr(transfer))
    film = open_film(path)
    assert film.hdr == name and film.colors.transfer == 1
    assert any(name in record.getMessage() for record in caplog.records)
    black, gray, paper, peak = (frame.pixels.mean() / 65535 for frame in read(film)[1])
    assert black < 0.01 < gray < 0.6 < 0.8 < paper < 0.97 < peak  # paper is bright, and there is room above it
    assert read(film)[1][2].pixels.std() < 300
    with pytest.raises(FilmError, match=name):
        open_film(path, hdr="refuse")
