"""Folders of pictures and animations are films too."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import pyvips

from film.clips import Picture, flat, moving, write_clip
from reverie.errors import FilmError
from reverie.film.reading import sequences
from reverie.film.reading.frames import Frame, read_frames
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.survey import Survey, survey_film
from reverie.image.reading import Photo, read_photo


def write_picture(path: Path, pixels: Picture) -> Path:
    pyvips.Image.new_from_array(pixels).write_to_file(str(path))
    return path


def write_folder(folder: Path, pictures: Sequence[Picture], name: str = "{}.png") -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        write_picture(folder / name.format(number), picture)
    return folder


def write_animation(path: Path, pictures: Sequence[Picture], delays: list[int]) -> Path:
    tall = pyvips.Image.new_from_array(np.concatenate(pictures)).copy(interpretation="srgb")
    tall.set_type(pyvips.GValue.gint_type, "page-height", pictures[0].shape[0])
    tall.set_type(pyvips.GValue.array_int_type, "delay", delays)
    tall.write_to_file(str(path), **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


def read(film: FilmFile) -> tuple[Survey, list[Frame]]:
    survey = survey_film(film)
    return survey, list(read_frames(film, survey))


def test_a_folder_is_read_as_people_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = moving(12)
    folder = write_folder(tmp_path / "frames", pictures, "cat {}.png")
    (folder / "notes.txt").write_text("no picture")
    film = open_film(folder)
    assert film.rate == 25 and (film.kind, film.size, film.depth, film.alpha) == ("frames", (48, 64), 8, False)
    assert any("1 of 13" in record.getMessage() for record in caplog.records)
    survey, frames = read(film)
    assert survey.times == tuple(range(12)) and survey.end == 12 and survey.time_base == Fraction(1, 25)
    assert all(np.array_equal(frame.pixels, picture) for frame, picture in zip(frames, pictures, strict=True))
    assert open_film(folder, Fraction(30000, 1001)).time_base == Fraction(1001, 30000)
    part = read_frames(film, survey, 7, 2)
    assert all(np.array_equal(frame.pixels, pictures[frame.number]) for frame in part)


def test_a_folder_is_read_from_where_one_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = open_film(write_folder(tmp_path / "frames", moving(12)))
    survey = survey_film(film)
    opened: list[str] = []

    def read_and_note(path: Path) -> Photo:
        opened.append(path.name)
        return read_photo(path)

    monkeypatch.setattr(sequences, "read_photo", read_and_note)
    assert [frame.number for frame in read_frames(film, survey, 7, 2)] == [7, 8]
    assert opened[0] == "7.png"


def test_a_folder_is_another_when_a_frame_is(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", moving(3))
    before = open_film(folder).digest
    assert open_film(folder).digest == before
    write_picture(folder / "1.png", flat(3))
    assert open_film(folder).digest != before


def test_deep_and_transparent_pictures_stay_so(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (48, 64, 4)).astype(np.uint16)
    folder = tmp_path / "frames"
    folder.mkdir()
    image = pyvips.Image.new_from_array(deep).copy(interpretation="rgb16")
    image.write_to_file(str(folder / "1.png"))
    write_picture(folder / "2.png", flat(255))
    film = open_film(folder)
    assert (film.depth, film.alpha) == (16, True)
    _, (first, second) = read(film)
    assert np.array_equal(first.pixels, deep[..., :3]) and first.alpha is not None
    assert np.array_equal(first.alpha, deep[..., 3])
    assert second.pixels.min() == 65535 and second.alpha is not None and second.alpha.min() == 65535


def test_a_broken_picture_is_the_one_before_again(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", moving(6))
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:80])
    survey, frames = read(open_film(folder))
    assert survey.lost == (3,) and len(frames) == 6
    assert np.array_equal(frames[3].pixels, frames[2].pixels)
    assert not np.array_equal(frames[4].pixels, frames[2].pixels)


def test_a_folder_of_two_sizes_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", [*moving(2), flat(3, (40, 40))])
    with pytest.raises(FilmError, match=r"frame 2 .*2.png.* 40 x 40"):
        open_film(folder)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(FilmError, match="no picture"):
        open_film(tmp_path)


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations_keep_their_delays(tmp_path: Path, ending: str) -> None:
    pictures = [flat(value) for value in (0, 80, 160, 255)]
    film = open_film(write_animation(tmp_path / f"a.{ending}", pictures, [40, 100, 70, 0]))
    assert (film.kind, film.alpha, film.size) == ("animation", False, (48, 64))
    survey, frames = read(film)
    assert [time * survey.time_base * 1000 for time in survey.times] == [0, 40, 140, 210]
    assert survey.end * survey.time_base * 1000 == 310  # what is shown for no time is shown for 100 ms
    assert film.rate == Fraction(4000, 310)
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.pixels.astype(int) - picture).max() <= 4


@pytest.mark.parametrize("ending", ["gif", "webp", "apng", "png"])
def test_what_is_transparent_stays_so(tmp_path: Path, ending: str) -> None:
    pictures = [np.dstack([picture, flat(255)[..., 0]]) for picture in moving(3)]
    for picture in pictures:
        picture[:20, :30, 3] = 0
    path = tmp_path / f"a.{ending}"
    if ending.endswith("png"):
        write_clip(path, pictures, codec="apng", layout="rgba", form="apng")
    else:
        write_animation(path, pictures, [40, 40, 40])
    film = open_film(path)
    assert film.alpha and film.kind == "animation"
    survey, frames = read(film)
    assert survey.seconds == pytest.approx((0, 0.04, 0.08))
    for frame in frames:
        assert frame.alpha is not None
        assert frame.alpha[:20, :30].max() == 0 and frame.alpha[20:, 30:].min() == 255


def test_a_broken_animation_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 48, 64, 3), dtype=np.uint8)
    path = write_animation(tmp_path / "a.gif", list(noise), [40] * 12)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60] = b"\xff" * 60
    path.write_bytes(data)
    survey, frames = read(open_film(path))
    assert 5 <= len(frames) < 12 and survey.end == 40 * len(frames) and survey.lost
    assert all(np.array_equal(frames[n].pixels, frames[n - 1].pixels) for n in survey.lost)


def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    for path in (
        write_picture(tmp_path / "a.png", flat(3)),
        write_picture(tmp_path / "a.jpg", flat(3)),
        write_animation(tmp_path / "a.gif", [flat(3)], [40]),
        write_animation(tmp_path / "a.webp", [flat(3)], [40]),
    ):
        with pytest.raises(FilmError, match="reverie dream"):
            open_film(path)
