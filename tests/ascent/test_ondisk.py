"""What holds of pictures dreamed block by block, on disk."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pyvips
import torch
from hypothesis import given
from hypothesis import strategies as st

from laws import blocks_are_the_same_whoever_dreams_them
from ondisk import FEW, WISH, blocks_there, pixels, result, write_picture
from reverie.ascent.ondisk import workspace as work
from reverie.ascent.ondisk.blocks import Blocks
from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.octaves import dream_file, prepare_pass
from reverie.ascent.ondisk.passes import PASSES_PER_OCTAVE, Pass, Stage
from reverie.ascent.ondisk.raster import Raster, draft_raster
from reverie.ascent.ondisk.resampling import read_resized
from reverie.ascent.ondisk.source import open_photo_raster
from reverie.ascent.ondisk.window_gradient import spread_windows
from reverie.ascent.steps import ascend
from reverie.cli import main
from reverie.errors import ImageFileError, SettingsError
from reverie.gradient.base import make_score_function
from reverie.gradient.compose import dream_gradient
from reverie.image.embedding import read_recipe_text
from reverie.image.reading import read_header, read_photo
from reverie.image.resample import resize
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective, layer, neuron
from reverie.objectives.batch_terms import diversity
from reverie.objectives.guides import guide
from reverie.objectives.parser import objective
from reverie.objectives.penalties import keep, total_variation
from reverie.recipe.recipe import Recipe
from reverie.types import CHANGE_LAYER, IMAGE_LAYER, Image
from seer import seer

LONG = replace(FEW, steps=9)


@pytest.fixture
def job(tmp_path: Path, tiny: TorchModel) -> DiskDream:
    """A dream in blocks of 64 pixels, into a PNG of 16 bits."""
    photo = read_header(write_picture(tmp_path / "photo.png", pixels(deep=True)))
    return DiskDream(photo, tmp_path / "dream.png", tiny, WISH, FEW, 64, 'recipe = "of this"')


@pytest.fixture
def one(job: DiskDream) -> Iterator[Pass]:
    """The first pass over the last octave, nothing dreamed before."""
    job = replace(job, settings=LONG)
    job.work.open(0)
    yield prepare_pass(job, open_photo_raster(job.photo, job.size, job.work), None, Stage(3))


def all_of(raster: Raster) -> Image:
    return raster.read((0, raster.height), (0, raster.width))


# Rasters


@given(st.data())
def test_a_rectangle_is_read_as_it_was_written(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        height, width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
        kind = data.draw(st.sampled_from(["uint8", "uint16", "int16"]))
        raster = Raster(Path(folder) / "r", height, width, data.draw(st.sampled_from([3, 4])), kind)
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        rows = top, data.draw(st.integers(top + 1, height))
        columns = left, data.draw(st.integers(left + 1, width))
        values = torch.rand(1, raster.channels, rows[1] - rows[0], columns[1] - columns[0])
        values = values * 2 - 1 if kind == "int16" else values
        with draft_raster(raster) as draft:
            draft.write(rows, columns, values)
        assert raster.there
        whole = all_of(raster)
        step = {"uint8": 255, "uint16": 65535, "int16": 32767}[kind]
        assert (whole[..., slice(*rows), slice(*columns)] - values).abs().max() <= 0.51 / step
        whole[..., slice(*rows), slice(*columns)] = 0
        assert not whole.any()


def test_a_raster_cut_short_is_told_in_one_line(tmp_path: Path) -> None:
    raster = Raster(tmp_path / "r", 10, 10)
    with draft_raster(raster):
        pass
    os.truncate(raster.path, 100)
    assert not raster.there
    with pytest.raises(ImageFileError, match="cut short"):
        all_of(raster)
    raster.path.unlink()
    with pytest.raises(ImageFileError, match="taken away"):
        all_of(raster)


@pytest.mark.parametrize("size", [(40, 60), (90, 100), (31, 47), (75, 211), (300, 200)])
def test_windows_of_a_resized_raster_are_those_of_resize(tmp_path: Path, size: tuple[int, int]) -> None:
    raster = Raster(tmp_path / "r", 75, 101)
    with draft_raster(raster) as draft:
        draft.write((0, 75), (0, 101), torch.rand(1, 3, 75, 101))
    expected = resize(all_of(raster), size)
    for rows, columns in itertools.product([(0, 9), (size[0] - 13, size[0])], [(5, 17), (size[1] - 20, size[1])]):
        found = read_resized(raster, size, rows, columns)
        assert torch.allclose(found, expected[..., slice(*rows), slice(*columns)], atol=2e-5)


# Blocks


@given(st.integers(1, 3000), st.integers(33, 700), st.sampled_from([1, 4, 8, 16, 32]), st.integers(0, 2))
def test_fades_count_one_together(side: int, block: int, step: int, part: int) -> None:
    blocks = Blocks((side, side), max(block, 8 * step), step, part / PASSES_PER_OCTAVE)
    total = torch.zeros(side)
    for each in blocks.rows:
        total[slice(*each.seen)] += blocks.fade(each)
        assert each.seen[1] - each.seen[0] <= blocks.side
        assert each.seen[0] % step == 0
    assert torch.allclose(total, torch.ones(side), atol=1e-5)
    owned = [pixel for each in blocks.rows for pixel in range(*each.owned)]
    assert owned == list(range(side))


@pytest.mark.parametrize("side", [800, 1200, 1500, 2400])
def test_a_block_costs_at_most_a_quarter_more_than_it_owns(side: int) -> None:
    blocks = Blocks((20_000, 20_000), side, 16)
    seen = sum(each.seen[1] - each.seen[0] for each in blocks.rows)
    assert (seen / 20_000) ** 2 <= 1.25


@given(st.integers(64, 5000), st.integers(16, 64), st.integers(1, 4))
def test_samples_lie_within_the_picture(whole: int, side: int, count: int) -> None:
    windows = spread_windows(whole, side, 8, count)
    assert len(windows) == count and len({each.seen[1] - each.seen[0] for each in windows}) == 1
    assert all(each.seen[0] >= 0 and each.seen[1] <= whole and each.seen[0] % 8 == 0 for each in windows)


# Passs


def test_one_block_is_a_plain_pass(one: Pass, tiny: TorchModel) -> None:
    whole = Pass.of(
        Stage(3),
        (one.base, None),
        replace(one.work, block=1000),
        (tiny, [(WISH, None)]),
        replace(FEW, jitter=0, steps=9),
    )
    assert len(whole.windows) == 1
    base = all_of(one.base)
    *_, last = ascend(base, dream_gradient(tiny, WISH, whole.settings), 3, FEW.step_size)
    assert torch.allclose(whole.dream_window(*whole.windows[0]), last.image - base, atol=1e-5)


def test_blocks_agree_where_both_see_enough(job: DiskDream) -> None:
    """The same scales, grid and chance: where two blocks see all that a neuron sees, they dream the same."""
    wide = replace(job, settings=replace(FEW, laplacian_levels=0, jitter=9), block=1000)
    wide = replace(wide, photo=read_header(write_picture(job.photo.path, pixels(160, 1800, deep=True))))
    wide.work.open(0)
    one = prepare_pass(wide, open_photo_raster(wide.photo, wide.size, wide.work), None, Stage(3))
    row, (left, right) = one.blocks.rows[0], one.blocks.columns
    first, second = one.dream_window(row, left), one.dream_window(row, right)
    shared = range(right.seen[0] + 24, left.seen[1] - 24)
    assert len(shared) >= 40
    here = slice(shared.start - left.seen[0], shared.stop - left.seen[0])
    there = slice(shared.start - right.seen[0], shared.stop - right.seen[0])
    assert first[..., here].abs().mean() > 0.001
    assert torch.allclose(first[..., here], second[..., there], atol=1e-6)


def test_a_block_is_the_same_whoever_dreams_it_and_when(one: Pass) -> None:
    assert len(list(one.places())) >= 10
    blocks_are_the_same_whoever_dreams_them(one)


def test_every_block_is_measured_by_the_same_scales(one: Pass) -> None:
    assert len(one.scales) == 3
    assert len({len(step) for step in one.scales}) == 1 and all(value > 0 for step in one.scales for value in step)


def test_a_score_above_the_highest_ends_every_block(one: Pass) -> None:
    ended = replace(one, settings=replace(LONG, max_score=-1e9))
    assert len(ended.scales) == 1
    assert replace(ended, stage=Stage(4), work=replace(ended.work)).scales == []


# Whole dreams


def test_a_dream_raises_the_score(job: DiskDream, tiny: TorchModel) -> None:
    list(dream_file(job))
    before, after = read_photo(job.photo.path).image, read_photo(job.target).image
    scores = [WISH(dict(tiny(image, ["d"])) | {IMAGE_LAYER: image}) for image in (before, after)]
    assert scores[1] > scores[0] * 1.2
    assert read_recipe_text(job.target) == 'recipe = "of this"'
    assert not list(job.target.parent.glob(".*"))


@pytest.mark.parametrize("wish", [WISH, WISH + 0.2 * keep(), keep(), layer("b") + layer("c"), total_variation()])
def test_the_last_word_is_what_the_photo_and_the_dream_score(job: DiskDream, wish: Objective) -> None:
    *_, last = dream_file(replace(job, objective=wish))
    photo, dreamed = read_photo(job.photo.path).image, read_photo(job.target).image
    expected = [float(make_score_function(job.model, wish, photo)(image)) for image in (photo, dreamed)]
    assert last.share == 1 and last.scores == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_stopped_after_every_block_it_ends_with_the_same_pixels(job: DiskDream, tmp_path: Path) -> None:
    expected = result(replace(job, target=tmp_path / "whole.png"))
    calls = 0
    while not job.target.exists():
        calls += 1
        before = blocks_there(job)
        for progress in dream_file(job):
            if progress.done and len(blocks_there(job) - before) > 3:
                break
    assert calls > 3
    assert (pyvips.Image.new_from_file(str(job.target)).numpy() == expected).all()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
from ondisk import FEW, WISH
from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.octaves import dream_file
from reverie.image.reading import read_header
from reverie.models.torch_model import TorchModel
from tiny import TinyNetwork
torch.set_num_threads(1)
model = TorchModel(TinyNetwork(), "tiny", "0" * 64, device="cpu", precision="float32")
job = DiskDream(read_header({photo!r}), Path({target!r}), model, WISH, FEW, 64, 'recipe = "of this"')
for progress in dream_file(job):
    print(progress, flush=True)
"""


@contextmanager
def started_elsewhere(job: DiskDream) -> Iterator[subprocess.Popen[bytes]]:
    """The job in a process of its own, which has begun; it is killed at the end, whatever became of the test."""
    code = KILLED.format(tests=str(Path(__file__).parent.parent), photo=str(job.photo.path), target=str(job.target))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout and run.stdout.readline()
            yield run
        finally:
            run.kill()


def test_killed_at_any_moment_it_ends_with_the_same_pixels(job: DiskDream, tmp_path: Path) -> None:
    expected = result(replace(job, target=tmp_path / "whole.png"))
    chance = random.Random(4)
    for _ in range(3):
        with started_elsewhere(job):
            time.sleep(chance.random() * 0.2)
        assert not job.target.exists()
    assert (result(job) == expected).all()


def test_a_second_dream_into_the_same_file_is_told_that_one_is_at_work(job: DiskDream) -> None:
    steps = dream_file(job)
    for progress in steps:
        if progress.done == 3:
            break
    there = blocks_there(job)
    for other in (job, replace(job, settings=replace(FEW, seed=8))):
        with pytest.raises(ImageFileError, match="another dream is being made in .*: wait for it") as refusal:
            next(dream_file(other))
        assert "\n" not in str(refusal.value)
    assert there == blocks_there(job)
    list(steps)
    assert job.target.exists() and not job.work.folder.exists()


def test_a_dream_in_another_process_keeps_others_out_until_it_is_killed(job: DiskDream) -> None:
    with started_elsewhere(job) as run:
        run.send_signal(signal.SIGSTOP)
        with pytest.raises(ImageFileError, match="another dream"):
            next(dream_file(job))
    list(dream_file(job))
    assert job.target.exists() and not job.work.folder.exists()


def test_another_dream_into_the_same_file_begins_anew(job: DiskDream) -> None:
    for progress in dream_file(job):
        if progress.done == 3:
            break
    there = blocks_there(job)
    other = replace(job, settings=replace(FEW, seed=8))
    next(dream_file(other))
    assert there and not blocks_there(other)


def test_a_dream_goes_on_with_the_blocks_it_was_begun_with(job: DiskDream) -> None:
    next(dream_file(job))
    assert replace(job, block=500).work.block == 64
    assert replace(job, block=40).work.block == 40  # less memory than it was begun with


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("bands", [3, 4])
def test_every_format_is_written_in_rows(tmp_path: Path, tiny: TorchModel, ending: str, bands: int) -> None:
    source = write_picture(tmp_path / "photo.tif", pixels(bands=bands, deep=True))
    job = DiskDream(
        read_header(source), tmp_path / f"dream{ending}", tiny, WISH, replace(FEW, octaves=1, steps=1), 1000, "a = 1"
    )
    list(dream_file(job))
    photo, dreamed = read_photo(source), read_photo(job.target)
    assert dreamed.depth == (16 if ending in (".png", ".tif") else 8)
    assert read_recipe_text(job.target) == "a = 1"
    if bands == 3:
        assert 0.001 < (photo.image - dreamed.image).abs().mean() < 0.05
    if bands == 4 and ending != ".jpg":
        assert photo.alpha is not None and dreamed.alpha is not None
        assert torch.allclose(photo.alpha, dreamed.alpha, atol=1 / 255)


def test_a_tiff_is_tiled_and_has_its_smaller_sizes_inside(job: DiskDream) -> None:
    photo = read_header(write_picture(job.photo.path, pixels(300, 540)))
    large = replace(job, photo=photo, target=job.target.with_suffix(".tif"), settings=replace(FEW, octaves=1, steps=1))
    list(dream_file(replace(large, block=600)))
    sizes = [pyvips.Image.tiffload(str(large.target), page=page).width for page in (0, 1, 2)]
    assert sizes == [540, 270, 135]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_lies_as_it_is_read_whole(tmp_path: Path, orientation: int) -> None:
    picture = pyvips.Image.new_from_array(pixels(60, 90)).copy(interpretation="srgb")
    picture.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    picture.write_to_file(str(tmp_path / "photo.tif"))
    photo = read_header(tmp_path / "photo.tif")
    folder = work.Workspace(tmp_path / "w", "", 64)
    folder.folder.mkdir()
    raster = open_photo_raster(photo, (photo.height, photo.width), folder)
    assert torch.equal(all_of(raster), read_photo(tmp_path / "photo.tif").image)


@pytest.mark.parametrize("words", ["class:moth", "high^2 + 0.3*keep", "keep", "guide", "guide_mean", "cos(low:3)"])
def test_every_wish_is_dreamed_from_disk_to_disk(job: DiskDream, tmp_path: Path, words: str) -> None:
    write_picture(tmp_path / "guide.png", pixels(48, 60))
    wish = guide(tmp_path / "guide.png", "high", words == "guide_mean") if "guide" in words else objective(words)
    large = replace(job, model=seer(), objective=wish, settings=replace(FEW, octaves=1)).within(10**9)
    result(replace(large, block=64))
    photo, dreamed = read_photo(job.photo.path).image, read_photo(job.target).image
    if words == "keep":
        assert torch.allclose(photo, dreamed, atol=1e-4)
        return
    score = make_score_function(large.model, wish.without(CHANGE_LAYER))
    assert float(score(dreamed)) > float(score(photo)) + 0.005


def test_a_wish_for_the_whole_picture_at_once_is_refused(job: DiskDream) -> None:
    with pytest.raises(SettingsError, match="at once"):
        replace(job, objective=diversity("d")).within(10**9)


def test_a_wished_size_and_larger_octaves(job: DiskDream) -> None:
    sized = replace(job, settings=replace(FEW, size=160, larger_octaves=1))
    assert result(sized).shape == (116, 160, 3)


def test_a_height_and_a_width_distort_the_photo(job: DiskDream) -> None:
    shaped = result(replace(job, settings=replace(FEW, size="70x150", step_size=1e-9)))
    photo = resize(read_photo(job.photo.path).image, (70, 150)).clamp(0, 1)[0].permute(1, 2, 0)
    assert shaped.shape == (70, 150, 3) and abs(shaped / 65535 - photo.numpy()).max() < 2e-5
    assert result(replace(job, settings=replace(FEW, size="70x150"))).shape == (70, 150, 3)


# Refusals


def test_too_little_memory_says_the_least_that_works(job: DiskDream) -> None:
    with pytest.raises(SettingsError, match=r"need at least (\d+) MB") as refusal:
        job.within(1_000_000)
    least = int(str(refusal.value).split()[-2])
    assert job.within(least * 1_000_000).block >= 384
    with pytest.raises(SettingsError):
        job.within((least - 2) * 1_000_000)


def test_a_disk_too_full_is_refused_before_the_start(job: DiskDream, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("reverie.ascent.ondisk.workspace.shutil.disk_usage", lambda path: usage)
    with pytest.raises(ImageFileError, match="make room"):
        next(dream_file(job))
    assert not job.work.folder.exists()


def test_a_format_too_small_is_refused(job: DiskDream) -> None:
    wide = replace(job.photo, width=20_000)
    with pytest.raises(ImageFileError, match="at most 16383"):
        replace(job, photo=wide, target=job.target.with_suffix(".webp")).within(10**9)
    with pytest.raises(ImageFileError, match="in one piece"):
        replace(job, photo=replace(wide, width=16_000, height=9_000), target=job.target.with_suffix(".avif")).within(
            10**9
        )


def test_a_neuron_at_one_place_is_refused(job: DiskDream) -> None:
    with pytest.raises(SettingsError, match="one place"):
        replace(job, objective=neuron("d", 1)).within(10**9)


def test_a_folder_that_is_not_ours_is_left_alone(job: DiskDream) -> None:
    job.work.folder.mkdir()
    (job.work.folder / "letter.txt").write_text("mine")
    with pytest.raises(ImageFileError, match="in the way"):
        next(dream_file(job))
    assert (job.work.folder / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize("change", ["shrinks", "vanishes", "changes"])
def test_a_photo_that_goes_away_is_told_in_one_line(job: DiskDream, change: str) -> None:
    path = job.photo.path
    if change == "shrinks":
        os.truncate(path, path.stat().st_size // 2)
    elif change == "vanishes":
        path.unlink()
    else:
        write_picture(path, pixels())
    with pytest.raises(ImageFileError) as refusal:
        list(dream_file(job))
    assert "\n" not in str(refusal.value) and not job.target.exists()


def test_a_photograph_that_vanishes_from_the_work_folder_is_decoded_again(job: DiskDream) -> None:
    for _ in dream_file(job):
        pass
    undisturbed = job.target.read_bytes()
    job.target.unlink()
    for progress in dream_file(job):
        if progress.octave == 1 and progress.part == 2 and progress.done == progress.blocks > 0:
            job.work.path("source.raw").unlink()
    assert job.target.read_bytes() == undisturbed


def test_nearness_to_the_photograph_is_kept_in_every_block(one: Pass, tiny: TorchModel) -> None:
    near = Pass.of(Stage(3), (one.base, None), one.work, (tiny, [(WISH + 3 * keep(), None)]), LONG)
    window = one.windows[0]
    assert near.regions[0].keep == 3
    assert near.dream_window(*window).abs().mean() < 0.7 * one.dream_window(*window).abs().mean()


@pytest.mark.bundled
def test_the_command_line_goes_over_to_the_disk_and_does_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_picture(tmp_path / "photo.jpg", pixels(1300, 1900))
    words = [str(photo), "-o", str(tmp_path / "dream.tif"), "--memory", "400MB", "--octaves", "1", "--steps", "1"]
    assert main(["dream", *words]) == 0
    recipe = Recipe.from_file(tmp_path / "dream.tif")
    assert recipe.block and recipe.block < 1300 and not (tmp_path / ".dream.tif.reverie").exists()
    assert main(["run", str(tmp_path / "dream.tif"), "-o", str(tmp_path / "again.tif")]) == 0
    first, second = (read_photo(tmp_path / name).image for name in ("dream.tif", "again.tif"))
    assert torch.equal(first, second)
    assert not torch.equal(first, read_photo(photo).image)
    told = re.search(r"dream.tif: score (\S+) -> (\S+), ", capsys.readouterr().err)
    assert told is not None and float(told[2]) > 1.05 * float(told[1])


@pytest.mark.bundled
def test_snapshots_of_a_picture_on_disk_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_picture(tmp_path / "photo.jpg", pixels(1300, 1900))
    words = [str(photo), "-o", str(tmp_path / "dream.tif"), "--memory", "400MB", "--snapshots", "2"]
    assert main(["dream", *words]) == 2
    assert re.fullmatch(r"reverie: snapshots need the whole picture in memory: .*\n", capsys.readouterr().err)
