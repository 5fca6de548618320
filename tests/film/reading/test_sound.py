"""What is heard is measured in step with the frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reverie.film.reading.opening import open_film
from reverie.film.reading.sound import HEARD, measure_sound

RATE = 48000
MOMENTS = [number / 10 for number in range(20)]


def make_film(
    path: Path, sound: NDArray[np.float32] | None, codec: str = "pcm_s16le", delay: float = 0, first: int = 0
) -> Path:
    """Two seconds of film, ten frames a second from frame `first` on; its sound begins so many seconds after zero."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height = 64, 48
        track: Any = None if sound is None else container.add_stream(codec, rate=RATE, layout="mono")
        for number in range(first, first + 20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * (number % 20), np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        if sound is not None:
            for start in range(0, len(sound), 1024):
                piece = sound[start : start + 1024]
                samples = av.AudioFrame.from_ndarray((piece * 32767).astype(np.int16)[None], "s16", "mono")
                samples.sample_rate, samples.time_base = RATE, Fraction(1, RATE)
                samples.pts = start + round(delay * RATE)
                container.mux(track.encode(samples))
            container.mux(track.encode(None))
        container.mux(video.encode(None))
    return path


def tone(pitch: float, seconds: float = 2, strength: float = 0.5) -> NDArray[np.float32]:
    return (strength * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float = 2) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def measure(path: Path, start: float = 0) -> dict[str, NDArray[np.float64]]:
    found = measure_sound(open_film(path), MOMENTS, start)
    assert set(found) == set(HEARD)
    assert all(len(values) == 20 and min(values) >= 0 and max(values) <= 1 for values in found.values())
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize(("pitch", "band"), [(100, "low"), (1000, "mid"), (9000, "high")])
@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_a_tone_is_heard_in_its_band(tmp_path: Path, pitch: float, band: str, codec: str) -> None:
    heard = measure(make_film(tmp_path / "tone.mov", tone(pitch), codec))
    inner = {name: values[2:-2] for name, values in heard.items()}
    assert inner[band].min() > 0.9 and inner["level"].min() > 0.9
    assert all(inner[other].max() < 0.3 for other in {"low", "mid", "high"} - {band})
    assert inner["flux"].max() < 0.3, "what goes on does not set in"


def test_silence_is_zero_and_so_is_a_film_without_sound(tmp_path: Path) -> None:
    for path in (make_film(tmp_path / "a.mov", silence()), make_film(tmp_path / "b.mov", None)):
        assert not any(values.any() for values in measure(path).values())


def test_nothing_is_measured_where_there_are_no_frames(tmp_path: Path) -> None:
    film = open_film(make_film(tmp_path / "a.mov", silence()))
    assert measure_sound(film, []) == {name: [] for name in HEARD}


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_a_click_sets_in_at_its_frame(tmp_path: Path, codec: str) -> None:
    sound = silence()
    sound[int(0.7 * RATE) : int(0.7 * RATE) + 100] = 0.9
    heard = measure(make_film(tmp_path / "click.mov", sound, codec))
    assert heard["flux"].argmax() == 7 and heard["level"].argmax() == 7
    assert np.delete(heard["flux"], [6, 7, 8]).max() < 0.05


def test_the_beginning_of_a_film_is_no_beat(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, 2 * RATE).astype(np.float32)
    flux = measure(make_film(tmp_path / "noise.mov", noise))["flux"]
    assert flux[:2].max() <= 1.2 * flux[3:17].max()


def test_a_louder_half_is_louder_at_its_own_frames(tmp_path: Path) -> None:
    sound = np.concatenate([tone(1000, 1, 0.2), tone(1000, 1, 0.8)])
    level = measure(make_film(tmp_path / "a.mov", sound))["level"]
    assert np.allclose(level[1:9], 0.25, atol=0.02) and np.allclose(level[11:19], 1, atol=0.02)


def test_sound_that_begins_later_or_earlier_is_heard_when_it_is_shown(tmp_path: Path) -> None:
    late = measure(make_film(tmp_path / "late.mkv", tone(1000, 1), delay=0.5))["level"]
    assert late[:5].max() < 0.01 < 0.9 < late[6:14].min() and late[16:].max() < 0.01
    early = make_film(tmp_path / "early.mkv", np.concatenate([tone(1000, 1), silence(1)]), first=5)
    assert measure(early)["level"][:5].min() > 0.45 and measure(early)["level"][6:].max() < 0.01


def test_moments_of_an_excerpt_are_counted_from_its_start(tmp_path: Path) -> None:
    sound = np.concatenate([tone(100, 1), tone(9000, 1)])
    path = make_film(tmp_path / "a.mov", sound)
    late = measure(path, start=1.0)
    assert late["high"][1:9].min() > 0.9 and late["low"][1:].max() < 0.05
    assert late["level"][11:].max() < 0.01, "after the end it is silent"


def test_a_quiet_film_reaches_one_as_a_loud_one(tmp_path: Path) -> None:
    sound = tone(100, strength=0.02) + np.concatenate([silence(1), tone(9000, 1, 0.002)])
    heard = measure(make_film(tmp_path / "a.mov", sound))
    assert heard["level"].max() == heard["low"].max() == heard["high"].max() == 1


def test_a_gap_is_silent_and_what_follows_stays_in_step(tmp_path: Path) -> None:
    path = make_film(tmp_path / "whole.mkv", tone(1000), "aac")
    with av.open(str(path)) as source, av.open(str(tmp_path / "holed.mkv"), "w") as target:
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            holed = packet.stream.type == "audio" and 500 < (packet.pts or 0) < 1000  # milliseconds, in Matroska
            if packet.dts is not None and not holed:
                packet.stream = copies[packet.stream_index]
                target.mux(packet)
    level = measure(tmp_path / "holed.mkv")["level"]
    assert level[6:9].max() < 0.05 and level[11:18].min() > 0.9


def test_broken_bytes_cost_no_more_than_themselves(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", tone(1000), "aac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(data)
    level = measure(path)["level"]
    assert level[1:6].min() > 0.9 and level[16:19].min() > 0.9
