"""Joined segments are the film in one go: the same bytes, exact times, the sound packet by packet."""

from __future__ import annotations

import itertools
import re
import resource
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from filming import (
    BASE,
    END,
    TIMES,
    describe,
    encode,
    fade,
    make_film,
    make_source,
    read_frames,
    read_sounds,
    read_times,
    shape,
)
from reverie.errors import FilmError
from reverie.film.libraries import import_av
from reverie.film.reading.opening import ColorTags, open_film
from reverie.film.writing.formats import check_film_output
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.film.writing.soundtrack import Excerpt
from reverie.settings.film import Encoding

av = import_av()

CONTAINERS = [
    ("a.mp4", {}),
    ("a.mp4", {"codec": "h265"}),
    ("a.mp4", {"codec": "av1"}),
    ("a.mov", {}),
    ("a.mov", {"codec": "h264"}),
    ("a.mkv", {}),
    ("a.mkv", {"lossless": True}),
    ("a.webm", {}),
]


@pytest.mark.parametrize("name, encoding", CONTAINERS)
def test_times_are_exact_and_so_is_the_length(tmp_path: Path, name: str, encoding: dict[str, Any]) -> None:
    target = tmp_path / name
    make_film(target, shape(), Encoding(**encoding), cuts=(1, 5, 9))
    within = 0.0006 if name.endswith(("mkv", "webm")) else 0
    assert [float(time) for time in read_times(target)] == pytest.approx([time / 90000 for time in TIMES], abs=within)
    frames = read_frames(target)
    assert len(frames) == len(TIMES) and [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    with av.open(str(target)) as container:
        assert container.duration / av.time_base == pytest.approx(END / 90000, abs=0.001)
        stream = container.streams.video[0]
        assert stream.duration is None or stream.duration * stream.time_base == END * BASE


@pytest.mark.parametrize("name, encoding", CONTAINERS)
def test_made_in_pieces_it_is_the_same_file(tmp_path: Path, name: str, encoding: dict[str, Any]) -> None:
    """One process or two, the segments begin at the same places: the film is the same bytes."""
    film = make_source(tmp_path / "source.mp4") if not name.endswith("webm") else None
    excerpt = Excerpt(film) if film else None
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        make_film(tmp_path / folder / name, shape(), Encoding(**encoding), excerpt)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_packets_are_those_of_the_segments(tmp_path: Path) -> None:
    """Nothing is encoded again: what is decoded is what the segments decode to."""
    reel = make_film(tmp_path / "a.mp4", shape(), Encoding())
    pieces = [frame.to_ndarray() for path in reel.segments for frame in read_frames(path)]
    joined = [frame.to_ndarray() for frame in read_frames(tmp_path / "a.mp4")]
    assert all((one == other).all() for one, other in zip(pieces, joined, strict=True))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_pixels_aspect_and_colors_are_said(tmp_path: Path, name: str) -> None:
    colors = ColorTags(6, 6, 6, False)
    make_film(tmp_path / name, shape(48, 96, colors=colors, sample_aspect=Fraction(4, 3)), Encoding())
    frame = read_frames(tmp_path / name)[0]
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (6, 6, 6, 1)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.mov"])
def test_alpha_comes_back_from_the_film(tmp_path: Path, name: str) -> None:
    make_film(tmp_path / name, shape(alpha=True), Encoding())
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name == "vp9":  # whose usual decoder leaves the alpha out
            assert stream.metadata["alpha_mode"] == "1"
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
        else:
            frames = list(container.decode(stream))
    assert len(frames) == len(TIMES)
    alpha = frames[5].reformat(format="rgba").to_ndarray()[..., 3]
    assert abs(alpha / 255 - fade()[0, 0].numpy()).max() < 0.03


def test_an_mp4_can_be_played_while_it_arrives(tmp_path: Path) -> None:
    make_film(tmp_path / "a.mp4", shape(), Encoding())
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


SOUNDS = [
    ("s.mp4", "aac", "a.mp4"),
    ("s.mp4", "aac", "a.mov"),
    ("s.mp4", "aac", "a.mkv"),
    ("s.webm", "libopus", "a.webm"),
    ("s.mkv", "libopus", "a.mp4"),
    ("s.mkv", "flac", "a.mkv"),
    ("s.mkv", "pcm_s16le", "a.mov"),
    ("s.mkv", "libmp3lame", "a.mp4"),
]


@pytest.mark.parametrize("source, codec, name", SOUNDS)
def test_sound_is_the_same_packets_at_the_same_times(tmp_path: Path, source: str, codec: str, name: str) -> None:
    film = make_source(tmp_path / source, codec, ("eng", "deu"))
    make_film(tmp_path / name, shape(), Encoding(codec="h264" if name == "a.mov" else "auto"), Excerpt(film))
    want, got = read_sounds(film.path), read_sounds(tmp_path / name)
    assert len(want) == len(got) == 2
    for one, other in zip(want, got, strict=True):
        assert [packet for _, packet in one] == [packet for _, packet in other]
        assert all(abs(before - after) <= Fraction(1, 1000) for (before, _), (after, _) in zip(one, other, strict=True))
    assert [float(time) for time in read_times(tmp_path / name)] == pytest.approx(
        [t / 90000 for t in TIMES], abs=0.0006
    )
    with av.open(str(tmp_path / name)) as container:
        languages = [stream.language for stream in container.streams.audio]
        assert languages == ["eng", "ger" if name == "a.mov" else "deu"]  # QuickTime's own name of German
        assert (container.metadata.get("title") or container.metadata["TITLE"]) == "Katze"


@pytest.mark.parametrize("source, codec", [("s.mp4", "aac"), ("s.avi", "libmp3lame")])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_of_a_part_stays_in_step(tmp_path: Path, source: str, codec: str, name: str) -> None:
    """Also of AVI, whose unit of time is a whole packet of sound."""
    make_source(tmp_path / source, codec)
    film = open_film(tmp_path / source)
    start, end = Fraction(1, 5), Fraction(3, 5)
    make_film(tmp_path / name, shape(), Encoding(), Excerpt(film, start, end))
    ((*want,),), ((*got,),) = read_sounds(film.path), read_sounds(tmp_path / name)
    zero = film.beginning * film.time_base
    inside = [(time - zero - start, packet) for time, packet in want if start <= time - zero < end]
    assert [packet for _, packet in inside] == [packet for _, packet in got]
    assert all(abs(one - other) <= Fraction(1, 1000) for (one, _), (other, _) in zip(inside, got, strict=True))


def test_sound_goes_on_where_timestamps_begin_anew(tmp_path: Path) -> None:
    """As in MPEG-TS files that were strung together."""
    once = make_source(tmp_path / "once.ts", "libmp3lame").path.read_bytes()
    (tmp_path / "twice.ts").write_bytes(once + once)
    film = describe(tmp_path / "twice.ts")
    make_film(tmp_path / "a.mkv", shape(), Encoding(), Excerpt(film))
    (want,), (got,) = read_sounds(tmp_path / "once.ts"), read_sounds(tmp_path / "a.mkv")
    assert [packet for _, packet in got] == 2 * [packet for _, packet in want]
    steps = [float(later - time) for (time, _), (later, _) in itertools.pairwise(got)]
    assert min(steps) > 0.02 and max(steps) < 0.03


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_aac_of_a_broadcast_loses_its_headers_alone(tmp_path: Path, name: str) -> None:
    """In MPEG-TS each packet begins with seven bytes that other containers say once."""
    source = make_source(tmp_path / "s.ts")
    film = describe(source.path)
    encoding = Encoding(codec="h264") if name == "a.mov" else Encoding()
    make_film(tmp_path / name, shape(), encoding, Excerpt(film))
    (want,), (got,) = read_sounds(source.path), read_sounds(tmp_path / name)
    assert [packet for _, packet in got] == [packet[7:] for _, packet in want]
    with av.open(str(tmp_path / name)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > 30000


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_before_the_first_frame_is_kept(tmp_path: Path, name: str) -> None:
    film = make_source(tmp_path / "s.mp4")
    late = describe(film.path, beginning=45000)  # as if its first frames were missing
    make_film(tmp_path / name, shape(), Encoding(), Excerpt(late))
    (want,), (got,) = read_sounds(film.path), read_sounds(tmp_path / name)
    assert [packet for _, packet in got] == [packet for _, packet in want]
    assert all(abs(one - other) <= Fraction(1, 1000) for (one, _), (other, _) in zip(want, got, strict=True))
    times = [float(time) for time in read_times(tmp_path / name)]
    assert times == pytest.approx([0.5 + time / 90000 for time in TIMES], abs=0.0006)


def test_a_film_without_sound_or_without_source_is_fine(tmp_path: Path) -> None:
    make_film(tmp_path / "a.mp4", shape(), Encoding(), Excerpt(make_source(tmp_path / "s.mp4", None)))
    make_film(tmp_path / "b.mp4", shape(), Encoding())
    assert read_times(tmp_path / "a.mp4") == read_times(tmp_path / "b.mp4")


def test_a_sound_that_is_cut_off_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_source(tmp_path / "s.mkv", "flac")
    data = whole.path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 9 // 10])
    make_film(tmp_path / "a.mkv", shape(), Encoding(), Excerpt(describe(tmp_path / "cut.mkv")))
    (want,), (got,) = read_sounds(whole.path), read_sounds(tmp_path / "a.mkv")
    assert 0 < len(got) < len(want) and [packet for _, packet in got] == [packet for _, packet in want][: len(got)]


def test_an_older_film_stays_if_the_new_one_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"older")
    form = check_film_output(target, Encoding(), None, False)
    good = encode(tmp_path, form, shape(), [range(6), range(6, 12)])
    good[1].write_bytes(b"broken")
    with pytest.raises(FilmError, match="cannot be read"):
        join_film(target, Reel(good, form, shape(), END), "")
    assert target.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.segment", "1.segment", "a.mp4"]


def test_segments_of_two_encoders_are_not_joined(tmp_path: Path) -> None:
    target, form = tmp_path / "a.mp4", check_film_output(tmp_path / "a.mp4", Encoding(), None, False)
    other = check_film_output(target, Encoding(codec="h265"), None, False)
    (one,) = encode(tmp_path, form, shape(), [range(6)])
    one = one.rename(tmp_path / "one")
    (two,) = encode(tmp_path, other, shape(), [range(6, 12)])
    with pytest.raises(FilmError, match="begin anew"):
        join_film(target, Reel([one, two], form, shape(), END), "")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webp", "frames"])
def test_a_full_disk_is_one_line_and_the_segments_stay(tmp_path: Path, name: str) -> None:
    """A limit of the process on the size of a file fails as a full disk does."""
    form = check_film_output(tmp_path / name, Encoding(), None, False)
    paths = encode(tmp_path, form, shape(), [range(6), range(6, 12)])
    before, kept = [path.read_bytes() for path in paths], resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(FilmError, match="what is done is kept") as refused:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, kept[1]))
            join_film(tmp_path / name, Reel(paths, form, shape(), END), "")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert "\n" not in str(refused.value) and [path.read_bytes() for path in paths] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.segment", "1.segment"]


def test_a_small_disk_is_said_before_the_film_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(FilmError, match=re.compile("make room; what is done is kept")):
        make_film(tmp_path / "a.mp4", shape(), Encoding())
    assert not (tmp_path / "a.mp4").exists()
