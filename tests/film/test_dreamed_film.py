"""A dreamed film: the same to the byte however it is made, quiet in time, itself where nothing is dreamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

import reverie as rv
from film.clips import SIZE, moving, write_clip
from reverie.errors import FilmError, RecipeError, SettingsError
from reverie.film import shots
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.flow import FlowFinder, move_image
from reverie.film.planning import prepare_film
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film
from reverie.film.single import save_frame
from reverie.recipe.film import FilmRecipe
from reverie.recipe.recipe import RegionWish
from reverie.settings.film import Encoding, FilmSettings
from reverie.types import Image

pytestmark = pytest.mark.bundled

NETWORKS = rv.Networks()
STYLE = rv.Settings(octaves=2, steps=3, jitter=2)
EXACT = Encoding(lossless=True)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of a dozen frames have many segments."""
    monkeypatch.setattr(shots, "SEGMENT", 4)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two shots of six and five frames, in which everything moves."""
    return write_clip(tmp_path / "cat.mp4", [*moving(6), *[255 - each for each in moving(5, seed=9)]], crf=10)


def make_job(clip: Path, target: Path, own: FilmSettings | None = None, keyframes: str = "", **dream: Any) -> FilmJob:
    recipe = rv.Recipe(str(clip), objective="fire2^2", settings=STYLE)
    return FilmJob(FilmRecipe(replace(recipe, **dream), own or FilmSettings(), EXACT, keyframes), target)


def finish(job: FilmJob) -> bytes:
    run = prepare_film(job, models=NETWORKS)
    for _ in run:
        pass
    return run.save().read_bytes()


def read(path: Path) -> list[Image]:
    film = open_film(path)
    return [frame.image for frame in read_frames(film, survey_film(film))]


def test_every_frame_comes_once_at_its_own_time(clip: Path, tmp_path: Path) -> None:
    run = prepare_film(make_job(clip, tmp_path / "dream.mkv"), models=NETWORKS)
    places = [progress.place for progress in run]
    assert places == [f"frame {n}/11, shot {1 + (n > 6)}/2" for n in range(1, 12)]
    run.save()
    frames = read(tmp_path / "dream.mkv")
    assert len(frames) == 11 and frames[0].shape[2:] == SIZE
    assert not (tmp_path / ".dream.mkv.reverie").exists()
    with av.open(str(clip)) as before, av.open(str(tmp_path / "dream.mkv")) as after:
        times = [[each.time for each in film.decode(video=0)] for film in (before, after)]
    assert times[0] == pytest.approx(times[1], abs=1e-3)


def test_stopped_at_any_frame_and_called_again_is_never_stopped(clip: Path, tmp_path: Path) -> None:
    whole = finish(make_job(clip, tmp_path / "whole.mp4"))
    job, made = make_job(clip, tmp_path / "parts.mp4"), 0
    for stop in (2, 5, 3, 4):
        taken = len(list(islice(prepare_film(job, models=NETWORKS), stop)))
        made += taken
        assert not job.target.exists()
    assert finish(job) == whole and made > 11


def test_shots_need_nothing_of_each_other(clip: Path, tmp_path: Path) -> None:
    run = prepare_film(make_job(clip, tmp_path / "dream.mp4"), models=NETWORKS)
    alone = prepare_film(make_job(clip, tmp_path / "dream.mp4"), models=NETWORKS)
    pictures = make_shots(run, range(2))
    assert all(map(torch.equal, pictures[6:], make_shots(alone, [1])))


def make_shots(run: FilmRun, numbers: Sequence[int]) -> list[Image]:
    pictures = []
    for number in numbers:
        state = None
        for segment in run.units()[number]:
            for made in run.maker.make(segment, state):
                pictures.append(made.image)
                state = made.state
    return pictures


def test_another_recipe_begins_anew_and_a_finished_one_is_made_again(clip: Path, tmp_path: Path) -> None:
    job = make_job(clip, tmp_path / "dream.mp4")
    list(islice(prepare_film(job, models=NETWORKS), 5))
    other = make_job(clip, tmp_path / "dream.mp4", objective="fire3^2")
    assert finish(other) == finish(make_job(clip, tmp_path / "other.mp4", objective="fire3^2"))


def test_what_a_film_holds_makes_it_again(clip: Path, tmp_path: Path) -> None:
    run = prepare_film(make_job(clip, tmp_path / "dream.mp4", FilmSettings(carry=0.8, frame_steps=1)), models=NETWORKS)
    list(run)
    run.save()
    recipe = rv.read_film_recipe(tmp_path / "dream.mp4")
    assert recipe == run.recipe
    assert finish(FilmJob(recipe, tmp_path / "again.mp4", memory=None)) == (tmp_path / "dream.mp4").read_bytes()


def test_a_finished_film_is_not_made_again_unless_that_is_said(clip: Path, tmp_path: Path) -> None:
    job = make_job(clip, tmp_path / "dream.mp4")
    made = finish(job)
    again = prepare_film(job, models=NETWORKS)
    assert list(again) == [] and again.save().read_bytes() == made
    anew = prepare_film(replace(job, clean=True), models=NETWORKS)
    assert len(list(anew)) == 11 and anew.save().read_bytes() == made


def test_what_is_said_of_every_frame_is_said_once(clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rv.save_image(torch.ones(1, 3, 40, 40), tmp_path / "mask.png")
    wish = (RegionWish(str(tmp_path / "mask.png"), "", "fire2^2"),)
    with caplog.at_level("WARNING", logger="reverie"):
        finish(make_job(clip, tmp_path / "dream.mkv", objective="", masks=wish))
    assert 1 <= caplog.text.count("is stretched") <= 2


def test_a_film_of_no_strength_is_the_film(clip: Path, tmp_path: Path) -> None:
    finish(make_job(clip, tmp_path / "dream.mkv", FilmSettings(strength=0)))
    for before, after in zip(read(clip), read(tmp_path / "dream.mkv"), strict=True):
        assert (before - after).abs().max() <= 3 / 255


def test_the_first_frame_is_a_pictures_dream(clip: Path, tmp_path: Path) -> None:
    finish(make_job(clip, tmp_path / "dream.mkv", FilmSettings(carry=0)))
    first = read(clip)[0]
    still = rv.dream(first, NETWORKS.load(rv.ModelSpec("squeezenet")), "fire2^2", STYLE)
    dreamed = read(tmp_path / "dream.mkv")[0]
    assert (still.mean((2, 3), keepdim=True) - first.mean((2, 3), keepdim=True)).abs().max() > 1e-4
    assert (dreamed - still).abs().mean() < 0.2 * (dreamed - first).abs().mean()


def test_a_carried_dream_flickers_less_than_one_frame_by_frame(clip: Path, tmp_path: Path) -> None:
    def flicker(own: FilmSettings) -> float:
        finish(make_job(clip, tmp_path / "dream.mkv", own))
        frames, dreams = read(clip)[:6], read(tmp_path / "dream.mkv")[:6]
        return float(np.mean([jump(*each) for each in zip(frames, frames[1:], dreams, dreams[1:], strict=False)]))

    def jump(before: Image, after: Image, dreamed: Image, following: Image) -> float:
        grays = [(each.mean(1)[0] * 255).byte().numpy() for each in (before, after)]
        motion = FlowFinder("fine").find_motion(*grays)
        moved = move_image(dreamed, motion)
        return float(((following - moved).abs().mean(1)[0] * torch.from_numpy(motion.trust)).mean())

    carried, single = flicker(FilmSettings(frame_steps=1)), flicker(FilmSettings(carry=0))
    assert carried < 0.8 * single


def test_outside_of_masks_the_film_stays(clip: Path, tmp_path: Path) -> None:
    mask = torch.zeros(1, 3, *SIZE)
    mask[..., :32] = 1
    rv.save_image(mask, tmp_path / "mask.png")
    wish = (RegionWish(str(tmp_path / "mask.png"), "", "fire2^2"),)
    finish(make_job(clip, tmp_path / "dream.mkv", objective="", masks=wish, settings=replace(STYLE, feather=0.0)))
    for before, after in zip(read(clip), read(tmp_path / "dream.mkv"), strict=True):
        assert (before - after)[..., 32:].abs().max() <= 3 / 255
        assert (before - after)[..., :32].abs().mean() > 0.01


def test_a_single_frame_is_that_of_the_film(clip: Path, tmp_path: Path) -> None:
    finish(make_job(clip, tmp_path / "dream.mkv"))
    for number in (3, 5, 8):
        save_frame(make_job(clip, tmp_path / "try.mkv"), tmp_path / "try.png", number, alone=False)
        near = rv.read_photo(tmp_path / "try.png").image - read(tmp_path / "dream.mkv")[number]
        assert near.abs().max() <= 3 / 255
    with pytest.raises(SettingsError, match="no frame 11; expected 0 to 10"):
        save_frame(make_job(clip, tmp_path / "try.mkv"), tmp_path / "try.png", 11, alone=True)


def test_a_single_frame_keeps_its_alpha(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    alpha = torch.linspace(0, 1, SIZE[1]).expand(1, 1, *SIZE).contiguous()
    for number, each in enumerate(moving(2)):
        image = torch.from_numpy(each).permute(2, 0, 1)[None].float() / 255
        rv.save_image(image, folder / f"{number}.png", like=rv.Photo(image, alpha, 8, None, folder, ""))
    save_frame(make_job(folder, tmp_path / "try.mkv"), tmp_path / "try.png", 1, alone=False)
    found = rv.read_photo(tmp_path / "try.png").alpha
    assert found is not None and (found - alpha).abs().max() < 2 / 255
    run = prepare_film(make_job(folder, tmp_path / "dreams"), models=NETWORKS)
    list(run)
    run.save()
    written = rv.read_photo(next(iter(sorted((tmp_path / "dreams").glob("*.png"))))).alpha
    assert written is not None and (written - alpha).abs().max() < 2 / 255


def test_keyframes_change_settings_and_wishes(clip: Path, tmp_path: Path) -> None:
    text = '[curves]\nstrength = "0:(0), 5:(0), 6:(1)"\n[[wish]]\nat = "0s"\nobjective = "fire2^2"\n'
    text += '[[wish]]\nat = "100%"\nobjective = "fire3^2"\n'
    finish(make_job(clip, tmp_path / "dream.mkv", keyframes=text))
    changes = [
        float((before - after).abs().mean())
        for before, after in zip(read(clip), read(tmp_path / "dream.mkv"), strict=True)
    ]
    assert max(changes[:6]) < 3 / 255 < 0.02 < min(changes[6:])


def test_a_part_of_a_film_is_dreamed(clip: Path, tmp_path: Path) -> None:
    finish(make_job(clip, tmp_path / "dream.mkv", FilmSettings(start="0.08s", end="0.2s")))
    assert len(read(tmp_path / "dream.mkv")) == 3
    with pytest.raises(SettingsError, match="expected a later end"):
        prepare_film(make_job(clip, tmp_path / "dream.mkv", FilmSettings(start="2s", end="1s")))


def test_the_size_may_be_another(clip: Path, tmp_path: Path) -> None:
    finish(make_job(clip, tmp_path / "dream.mkv", settings=replace(STYLE, size=40)))
    assert read(tmp_path / "dream.mkv")[0].shape[2:] == (30, 40)


@pytest.mark.parametrize("own", [FilmSettings(calm=True), FilmSettings(flow="none"), FilmSettings(stereo="top-bottom")])
def test_every_way_is_the_same_in_parts(own: FilmSettings, clip: Path, tmp_path: Path) -> None:
    whole = finish(make_job(clip, tmp_path / "whole.mp4", own))
    list(islice(prepare_film(make_job(clip, tmp_path / "parts.mp4", own), models=NETWORKS), 5))
    assert finish(make_job(clip, tmp_path / "parts.mp4", own)) == whole


def test_both_eyes_see_the_same_dream(tmp_path: Path) -> None:
    left = moving(3, (48, 96))
    pairs = [np.concatenate([each, np.roll(each, 3, axis=1)]) for each in left]  # three pixels apart
    clip = write_clip(tmp_path / "eyes.mp4", pairs, crf=10)
    own = FilmSettings(stereo="top-bottom", frame_steps=1)
    run = prepare_film(make_job(clip, tmp_path / "dream.mkv", own), models=NETWORKS)
    pictures, photos = make_shots(run, [0]), read(clip)
    for picture, photo in zip(pictures, photos, strict=True):
        seen, other = ((picture - photo).chunk(2, dim=2)[eye][..., 12:-12] for eye in (0, 1))
        beside = (picture - photo).chunk(2, dim=2)[1][..., 15:-9]
        assert (seen - beside).abs().mean() < 0.6 * (seen - other).abs().mean()


def test_each_eye_of_a_tall_film_is_dreamed_at_its_own_size(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "tall.mp4", moving(2, (96, 64)))
    job = make_job(clip, tmp_path / "dream.mkv", FilmSettings(stereo="top-bottom"), settings=replace(STYLE, size=72))
    finish(job)
    assert read(tmp_path / "dream.mkv")[0].shape[2:] == (72, 48)


def test_a_changed_film_and_a_place_for_none_are_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="changed since"):
        prepare_film(make_job(clip, tmp_path / "dream.mp4", input_sha256="0" * 64))
    with pytest.raises(FilmError, match="dream.txt"):
        prepare_film(make_job(clip, tmp_path / "dream.txt"))
