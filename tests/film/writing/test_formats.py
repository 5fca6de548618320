"""What a film can be written as, and what is refused before any work."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from filming import describe, make_source, shape
from reverie.errors import FilmError, ReverieError, SettingsError
from reverie.film.writing.formats import check_film_output
from reverie.settings.film import Encoding

PLAIN = Encoding()


def codec_of(target: Path, alpha: bool = False, **encoding: Any) -> str:
    return check_film_output(target, Encoding(**encoding), None, alpha).codec.name


def test_the_ending_names_the_codec(tmp_path: Path) -> None:
    suited = {".mp4": "h264", ".m4v": "h264", ".mov": "prores", ".mkv": "h264", ".webm": "vp9"}
    assert {ending: codec_of(tmp_path / f"a{ending}") for ending in suited} == suited
    assert {ending: codec_of(tmp_path / f"a{ending.upper()}") for ending in suited} == suited
    assert {codec_of(tmp_path / name) for name in ("a.gif", "a.webp", "a.apng", "frames")} == {"ffv1"}


def test_what_is_asked_for_decides_where_it_fits(tmp_path: Path) -> None:
    assert codec_of(tmp_path / "a.mov", codec="h264") == "h264"
    assert codec_of(tmp_path / "a.webm", codec="av1") == "av1"
    assert codec_of(tmp_path / "a.mkv", lossless=True) == "ffv1"
    assert codec_of(tmp_path / "a.mp4", lossless=True) == "h264"
    assert [codec_of(tmp_path / f"a{ending}", alpha=True) for ending in (".mov", ".webm", ".mkv")] == [
        *("prores", "vp9", "vp9")
    ]


@pytest.mark.parametrize(
    "name, encoding, alpha, says",
    [
        ("a.avi", PLAIN, False, "expected one of .mp4"),
        ("a.avif", PLAIN, False, "AVIF that moves"),
        ("a.webm", Encoding(codec="h264"), False, "write .mp4, .m4v, .mov or .mkv"),
        ("a.mp4", Encoding(codec="prores"), False, "write .mov or .mkv"),
        ("a.mp4", PLAIN, True, "write .mov, .mkv, .webm"),
        ("a.mov", Encoding(codec="h264"), True, "expected prores"),
        ("a.gif", Encoding(codec="h264"), False, "leave them unset"),
        ("a.gif", Encoding(lossless=True), False, "256 colors"),
        ("a.mov", Encoding(quality=3), False, "no quality to choose"),
        ("a.mp4", Encoding(quality=60), False, "expected 0 to 51"),
        ("a.mp4", Encoding(quality=10, lossless=True), False, "one of the two"),
        ("a.mp4", Encoding(codec="av1", lossless=True), False, "expected one of h264"),
        ("a.webm", Encoding(lossless=True), True, "expected ffv1"),
        ("missing/a.mp4", PLAIN, False, "make it first"),
        ("folder.mp4/", PLAIN, False, "is in the way"),
        ("a\0.mp4", PLAIN, False, "cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, name: str, encoding: Encoding, alpha: bool, says: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "folder.mp4" / "mine.txt").touch()
    with pytest.raises(ReverieError) as refused:
        check_film_output(tmp_path / name, encoding, None, alpha)
    assert says in str(refused.value) and "\n" not in str(refused.value)
    assert isinstance(refused.value, FilmError | SettingsError)


def test_a_sound_that_does_not_fit_is_refused_with_a_container_that_holds_it(tmp_path: Path) -> None:
    tone = make_source(tmp_path / "aac.mp4")
    assert check_film_output(tmp_path / "b.mp4", PLAIN, tone, False).codec.name == "h264"
    with pytest.raises(FilmError, match=r"\.webm cannot hold the film's sound \(aac\) as it is; write .mp4 or .m4v or"):
        check_film_output(tmp_path / "b.webm", PLAIN, tone, False)
    raw = make_source(tmp_path / "raw.mkv", "pcm_f32le")
    with pytest.raises(FilmError, match=r"write .*\.mkv"):
        check_film_output(tmp_path / "b.webm", PLAIN, raw, False)
    check_film_output(tmp_path / "b.gif", PLAIN, tone, False)  # which has no sound at all


def test_an_input_is_never_the_output(tmp_path: Path) -> None:
    film = make_source(tmp_path / "a.mp4", None)
    (tmp_path / "link.mp4").symlink_to(film.path)
    for name in ("a.mp4", "link.mp4"):
        with pytest.raises(FilmError, match="the input itself"):
            check_film_output(tmp_path / name, PLAIN, film, False)


def test_a_folder_of_frames_takes_the_place_of_no_other(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    check_film_output(tmp_path / "frames", PLAIN, None, False)
    for name in ("recipe.toml", "00001.png"):
        (tmp_path / "frames" / name).touch()
    check_film_output(tmp_path / "frames", PLAIN, None, False)
    (tmp_path / "frames" / "holiday.jpg").touch()
    with pytest.raises(FilmError, match="is in the way"):
        check_film_output(tmp_path / "frames", PLAIN, None, False)


def test_a_frame_too_large_is_refused(tmp_path: Path) -> None:
    film = describe(make_source(tmp_path / "a.mp4", None).path, width=20000)
    with pytest.raises(FilmError, match="16383"):
        check_film_output(tmp_path / "b.webp", PLAIN, film, False)


def test_an_odd_size_is_said_where_not_all_players_show_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = describe(make_source(tmp_path / "s.mp4", None).path, width=65)
    with caplog.at_level(logging.INFO):
        check_film_output(tmp_path / "a.webm", PLAIN, film, False)
        assert "odd" not in caplog.text
        check_film_output(tmp_path / "a.mp4", PLAIN, film, False)
    assert "65 x 48 is odd" in caplog.text


def test_chroma_is_halved_only_where_the_sizes_come_back(tmp_path: Path) -> None:
    form = check_film_output(tmp_path / "a.mp4", PLAIN, None, False)
    assert form.choose_encoder(shape(48, 64)).pixels == "yuv420p"
    assert form.choose_encoder(shape(49, 64)).pixels == "yuv444p"
