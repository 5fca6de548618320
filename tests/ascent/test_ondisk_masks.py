"""A wish for each region of a picture that is dreamed block by block, on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from laws import blocks_are_the_same_whoever_dreams_them
from ondisk import HEIGHT, WIDTH, blocks_there, pixels, result, write_mask, write_picture
from reverie.ascent.ondisk.disk_dream import DiskDream, build_small_objective
from reverie.ascent.ondisk.masks import (
    MAX_BLUR_SIGMA,
    RegionFiles,
    build_soft_mask,
    open_mask_raster,
    read_whole_raster,
)
from reverie.ascent.ondisk.octaves import dream_file, prepare_pass
from reverie.ascent.ondisk.passes import Pass, Stage
from reverie.ascent.ondisk.source import open_photo_raster
from reverie.ascent.ondisk.workspace import Workspace
from reverie.cli import main
from reverie.errors import ImageFileError
from reverie.gradient.compose import dream_gradient
from reverie.gradient.masks import fit_mask
from reverie.gradient.tiling import Window
from reverie.image.reading import read_header, read_photo
from reverie.jobs.shortcuts import dream
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import layer
from reverie.objectives.masks import extract_mask, masked
from reverie.objectives.penalties import keep
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings

ONE, TWO = layer("d", 2), layer("b")
PLAIN = Settings(octaves=1, steps=3, jitter=0, feather=0.02, seed=7)


def box(top: int, left: int, bottom: int, right: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    mask = np.zeros(size)
    mask[top:bottom, left:right] = 255
    return mask


@pytest.fixture
def job(tmp_path: Path, tiny: TorchModel) -> DiskDream:
    """A dream of two regions in blocks of 64 pixels: one to the left, a small one below at the right."""
    photo = read_header(write_picture(tmp_path / "photo.png", pixels(deep=True)))
    one = read_header(write_mask(tmp_path / "one.png", box(0, 0, 96, 50)))
    two = read_header(write_mask(tmp_path / "two.png", box(70, 100, 92, 126)))
    wish = RegionFiles(((ONE + 0.2 * keep(), one), (TWO, two)))
    return DiskDream(photo, tmp_path / "dream.png", tiny, wish, PLAIN, 64)


@pytest.fixture
def one(job: DiskDream) -> Iterator[Pass]:
    """The first pass over the last octave, nothing dreamed before."""
    job.work.open(0)
    yield prepare_pass(job, open_photo_raster(job.photo, job.size, job.work), None, Stage(0))


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    folder = Workspace(tmp_path / "work", "", 64)
    folder.folder.mkdir()
    return folder


def in_memory(job: DiskDream) -> torch.Tensor:
    """The same dream in one piece."""
    assert isinstance(job.objective, RegionFiles)
    regions = [masked(wish, extract_mask(read_photo(mask.path))) for wish, mask in job.objective.regions]
    return dream(read_photo(job.photo.path).image, job.model, regions[0] + regions[1], job.settings)


@pytest.mark.parametrize("octaves", [1, 2])
def test_in_one_block_it_is_the_dream_in_memory(job: DiskDream, octaves: int) -> None:
    whole = replace(job, block=1000, settings=replace(PLAIN, octaves=octaves))
    expected = in_memory(whole)
    assert (expected - read_photo(job.photo.path).image).abs().mean() > 0.003
    assert np.abs(result(whole) / 65535 - expected[0].permute(1, 2, 0).numpy()).max() < 3e-4


def test_a_pass_of_one_block_takes_the_steps_of_one_in_memory(job: DiskDream) -> None:
    """The passes themselves, not the small octaves that are dreamed as any picture."""
    settings = replace(PLAIN, steps=9)
    whole = replace(job, settings=settings, block=1000)
    whole.work.open(0)
    only = prepare_pass(whole, open_photo_raster(job.photo, job.size, whole.work), None, Stage(0))
    wish = replace(whole, settings=replace(settings, steps=3))
    change = in_memory(wish) - read_photo(job.photo.path).image
    assert len(only.windows) == 1 and only.measured_windows == only.windows
    assert torch.allclose(only.dream_window(*only.windows[0]), change, atol=1e-4)


def test_in_many_blocks_it_is_nearly_the_dream_in_memory(job: DiskDream) -> None:
    photo = read_photo(job.photo.path).image
    many, whole = (
        each - photo for each in (torch.from_numpy(result(job) / 65535).permute(2, 0, 1)[None], in_memory(job))
    )
    for rows, columns in [((0, 96), (0, 50)), ((70, 92), (100, 126))]:
        parts = [each[..., slice(*rows), slice(*columns)].float() for each in (many, whole)]
        assert torch.cosine_similarity(parts[0].flatten(), parts[1].flatten(), 0) > 0.7
        assert 0.7 < parts[0].std() / parts[1].std() < 1.4


def test_outside_of_every_mask_nothing_changes(job: DiskDream) -> None:
    dreamed = result(replace(job, settings=replace(PLAIN, feather=0)))
    change = np.abs(dreamed.astype(int) - pixels(deep=True).astype(int)).sum(2)
    assert change[:, 52:98].max() == 0 and change[:68, 52:].max() == 0
    assert change[:, :48].mean() > 300 and change[72:90, 102:124].mean() > 300


def test_a_region_is_measured_where_it_lies_however_small(one: Pass) -> None:
    regions = one.regions
    assert len(one.measured_windows) > len(one.samples)
    for region in regions:
        measured = region.pixels_to_measure(one.measured_windows)
        assert int(measured.sum()) > 50
        assert float(region.weights(one.measured_windows)[:, 0][measured].min()) >= 0.5
    assert all(len(step) % 2 == 0 and min(step) > 0 for step in one.scales)


def test_a_block_is_the_same_whoever_dreams_it_and_when(one: Pass) -> None:
    blocks_are_the_same_whoever_dreams_them(one)


def test_stopped_after_every_few_blocks_it_ends_with_the_same_pixels(job: DiskDream, tmp_path: Path) -> None:
    job = replace(job, settings=replace(PLAIN, octaves=2, jitter=4))
    expected = result(replace(job, target=tmp_path / "whole.png"))
    calls = 0
    while not job.target.exists():
        calls, before = calls + 1, blocks_there(job)
        for progress in dream_file(job):
            if progress.done and len(blocks_there(job) - before) > 5:
                break
    assert calls > 2
    assert (pyvips.Image.new_from_file(str(job.target)).numpy() == expected).all()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("feather", "size"),
    [
        *[(feather, (96, 132)) for feather in (0, 0.01, 0.08, 0.5, 1)],
        *[(feather, (300, 412)) for feather in (0, 0.05, 0.2, 1)],
        (0.05, (1200, 1650)),
    ],
)
def test_a_soft_mask_is_that_of_memory(tmp_path: Path, work: Workspace, feather: float, size: tuple[int, int]) -> None:
    mask = read_header(write_mask(tmp_path / "mask.png", box(20, 30, 60, 90)))
    expected = fit_mask(extract_mask(read_photo(mask.path)), size, feather)
    soft = build_soft_mask(mask, 0, work, (3, size), feather)
    for rows, columns in [((0, 50), (0, 40)), ((20, 96), (33, 132)), ((size[0] - 9, size[0]), (0, size[1]))]:
        found = soft.weights(Window(rows, rows, size[0]), Window(columns, columns, size[1]))
        exact = feather * max(size) <= MAX_BLUR_SIGMA
        assert torch.allclose(found, expected[..., slice(*rows), slice(*columns)], atol=1e-4 if exact else 0.01)


def test_the_places_of_a_region_lie_within_it(tmp_path: Path, work: Workspace) -> None:
    mask = read_header(write_mask(tmp_path / "mask.png", box(3, 590, 9, 600, (900, 1200))))
    places = build_soft_mask(mask, 0, work, (0, (450, 600)), 0.01).places(9)
    assert 1 <= len(places) <= 9
    assert all(0 <= y < 6 and 292 <= x < 302 for y, x in places)


def test_what_is_opaque_is_the_region_or_else_what_is_light(tmp_path: Path, work: Workspace) -> None:
    clear = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    opaque = clear.copy()
    opaque[..., 3] = 255
    for number, samples in enumerate((clear, opaque, clear[..., :3])):
        mask = read_header(write_picture(tmp_path / f"{number}.png", samples))
        raster = open_mask_raster(mask, number, work)
        assert torch.allclose(read_whole_raster(raster), extract_mask(read_photo(mask.path)), atol=1e-4)


def test_a_mask_that_is_black_is_refused_before_the_start(job: DiskDream) -> None:
    assert isinstance(job.objective, RegionFiles)
    black = read_header(write_mask(job.target.with_name("black.png"), box(0, 0, 0, 0)))
    with pytest.raises(ImageFileError, match="black.png: the mask is empty"):
        next(dream_file(replace(job, objective=RegionFiles(((ONE, black),)))))
    assert not job.work.folder.exists()


def test_a_mask_of_another_shape_is_stretched_with_a_word(job: DiskDream, caplog: pytest.LogCaptureFixture) -> None:
    wide = read_header(write_mask(job.target.with_name("wide.png"), box(0, 0, 20, 60, (20, 60))))
    with caplog.at_level(logging.WARNING, "reverie"):
        next(dream_file(replace(job, objective=RegionFiles(((ONE, wide),)))))
    assert "60 x 20 pixels is stretched over a picture of 132 x 96" in caplog.text


def test_the_small_octaves_have_the_same_regions(job: DiskDream) -> None:
    job.work.open(0)
    wish = build_small_objective(job, (48, 66))
    photo = torch.rand(1, 3, 48, 66, generator=torch.Generator().manual_seed(1))
    _, grad = dream_gradient(job.model, wish, replace(PLAIN, feather=0), photo=photo)(photo)
    assert float(grad[..., 27:47].abs().max()) < 1e-6 < float(grad[..., :20].abs().mean())


def test_another_mask_begins_anew(job: DiskDream) -> None:
    assert isinstance(job.objective, RegionFiles)
    (first, mask), (second, _) = job.objective.regions
    assert job.work.digest != replace(job, objective=RegionFiles(((first, mask), (second, mask)))).work.digest


@pytest.mark.bundled
def test_the_command_line_takes_masks_to_the_disk_and_does_it_again(tmp_path: Path) -> None:
    photo = write_picture(tmp_path / "photo.jpg", pixels(1300, 1900))
    mask = write_mask(tmp_path / "mask.png", box(0, 0, 65, 40, (65, 95)))
    words = [str(photo), "-o", str(tmp_path / "dream.tif"), "--memory", "400MB", "--octaves", "1", "--steps", "1"]
    assert main(["dream", *words, "--mask", f"{mask}:fire8^2"]) == 0
    recipe = Recipe.from_file(tmp_path / "dream.tif")
    assert recipe.block and recipe.block < 1300 and recipe.masks[0].objective == "fire8^2"
    assert main(["run", str(tmp_path / "dream.tif"), "-o", str(tmp_path / "again.tif")]) == 0
    first, second = (read_photo(tmp_path / name).image for name in ("dream.tif", "again.tif"))
    change = (first - read_photo(photo).image).abs()
    assert torch.equal(first, second)
    assert float(change[..., 900:].max()) == 0 < float(change[..., :700].mean())
