"""A dream leaves no trace but where, and of what, it dreams: to the bit, at every size, in memory and on disk."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ondisk import result, write_mask, write_picture
from reverie.ascent.octaves import dream_steps, finish_dream, render_full_size
from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.masks import RegionFiles
from reverie.cli import main
from reverie.gradient.compose import choose_resize, dream_gradient, keep_hues, make_finish, make_region_weights
from reverie.image.reading import read_header, read_photo
from reverie.image.resample import image_size, resize, resize_longest_side
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream, run
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective, layer
from reverie.objectives.masks import masked
from reverie.objectives.penalties import keep
from reverie.recipe.recipe import Recipe
from reverie.settings import Panorama, Settings
from reverie.types import Image, Score
from seer import seer


def harsh(height: int = 64, width: int = 80) -> Image:
    """A picture of hard edges between black, white, pure colors and noise: a cubic overshoots everywhere."""
    generator = torch.Generator().manual_seed(2)
    fields = torch.randint(0, 2, (1, 3, height // 8, width // 8), generator=generator).float()
    photo = torch.nn.functional.interpolate(fields, (height, width), mode="nearest")
    grain = torch.rand(1, 3, height, width, generator=generator)
    photo[..., height // 3 :, : width // 2] = grain[..., height // 3 :, : width // 2]
    return (photo * 255).round() / 255


PHOTO = harsh()
BOX = 16, 24, 40, 48  # top, left, bottom, right
FEW = Settings(octaves=3, steps=3, jitter=3, laplacian_levels=2, step_size=0.05)
EVERY: dict[str, dict[str, Any]] = {
    "one octave": {"octaves": 1},
    "octaves": {},
    "steep octaves": {"octave_scale": 2.2, "octaves": 2},
    "a larger octave": {"larger_octaves": 1},
    "two larger octaves": {"larger_octaves": 2, "octave_scale": 1.7},
    "enlarged": {"size": 130},
    "reduced": {"size": 57},
    "reduced, a larger octave": {"size": 57, "larger_octaves": 1},
}
every_size = pytest.mark.parametrize("how", EVERY.values(), ids=EVERY)
around = pytest.mark.parametrize("panorama", ["off", "on"])


def photo_for(panorama: Panorama) -> Image:
    return harsh(64, 128) if panorama == "on" else PHOTO


def box_in(photo: Image) -> Tensor:
    """A mask of white in the box, (h, w)."""
    mask = torch.zeros(image_size(photo))
    mask[BOX[0] : BOX[2], BOX[1] : BOX[3]] = 1
    return mask


def far_from_box(own: tuple[int, int], size: tuple[int, int], settings: Settings) -> Tensor:
    """The pixels of a picture that lie beyond the feather: three sigmas from the box, and what a cubic reaches.

    At its own size, with hard edges, these are all that are not in the box.
    """
    reach: float = math.ceil(3 * settings.feather * max(size))
    reach += 0 if size == own else 2 * max(1, size[0] / own[0]) + 1
    if settings.around and settings.feather:  # a row is wider there for a viewer
        reach *= 2.5
    far = torch.ones(size, dtype=torch.bool)
    top, left, bottom, right = (edge * size[0] / own[0] for edge in BOX)
    rows, columns = torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5
    near_rows = (rows > top - reach) & (rows < bottom + reach)
    near_columns = (columns > left - reach) & (columns < right + reach)
    far[near_rows[:, None] & near_columns] = False
    return far


@every_size
@around
@pytest.mark.parametrize("feather", [0, Settings().feather])
def test_beyond_the_feather_of_all_masks_is_the_photo_to_the_bit(
    how: dict[str, Any], panorama: Panorama, feather: float
) -> None:
    keeps_the_photo_beyond_the_feather(replace(FEW, panorama=panorama, feather=feather, **how), None)


@around
def test_in_tiles_it_is_as_well(panorama: Panorama) -> None:
    keeps_the_photo_beyond_the_feather(replace(FEW, panorama=panorama, larger_octaves=1, octaves=2), 48)


def keeps_the_photo_beyond_the_feather(settings: Settings, tile: int | None) -> None:
    panorama = settings.panorama
    photo = photo_for(panorama)
    wish = masked("high^2", box_in(photo))
    image = resize_longest_side(photo, settings.size, choose_resize(settings))
    steps = dream_steps(image, dream_gradient(seer(), wish, settings, tile), settings)
    dreamed = make_finish(make_region_weights(wish, settings), settings)(finish_dream(steps, image, settings), image)
    far = far_from_box(image_size(photo), image_size(image), settings)
    assert float(far.float().mean()) > 0.3
    assert torch.equal(dreamed[..., far], image[..., far])
    assert float((dreamed - image)[..., ~far].abs().mean()) > 0.01
    if tile is None:
        assert torch.equal(dreamed, dream(photo, seer(), wish, settings))


@every_size
@around
def test_keep_alone_leaves_the_photo_as_it_is(how: dict[str, Any], panorama: Panorama) -> None:
    settings = replace(FEW, panorama=panorama, **how)
    image = resize_longest_side(photo_for(panorama), settings.size, choose_resize(settings))
    unchanged(dream(photo_for(panorama), seer(), "keep", settings), image)


@every_size
@around
def test_the_smallest_step_leaves_no_trace(how: dict[str, Any], panorama: Panorama) -> None:
    settings = replace(FEW, panorama=panorama, step_size=1e-9, **how)
    image = resize_longest_side(photo_for(panorama), settings.size, choose_resize(settings))
    dreamed = dream(photo_for(panorama), seer(), "high^2", settings)
    assert float((dreamed - image).abs().max()) < 1e-6
    if settings.size is None:  # else a shade may lie between two that a file has
        unchanged(dreamed, image)


def unchanged(dreamed: Image, image: Image) -> None:
    """The same picture in a file of 8 or 16 bits, and nearly so in memory."""
    assert float((dreamed - image).abs().max()) < 1e-6
    for top in (255, 65535):
        assert torch.equal((dreamed * top).round(), (image * top).round())


@every_size
@around
def test_with_keep_color_the_channels_change_alike(how: dict[str, Any], panorama: Panorama) -> None:
    settings = replace(FEW, panorama=panorama, keep_color=True, step_size=0.1, **how)
    image = resize_longest_side(photo_for(panorama), settings.size, choose_resize(settings))
    dreamed = dream(photo_for(panorama), seer(), "high^2", settings)
    change = (dreamed - image)[..., ((dreamed > 0) & (dreamed < 1)).all(1)[0]]
    assert change.shape[-1] > 200 and float(change.std()) > 0.02
    assert float((change.amax(1) - change.amin(1)).max()) < 1e-6


def test_where_a_channel_is_clipped_the_others_may_change_alone() -> None:
    photo = torch.tensor([0.5, 1.0, 0.2]).view(1, 3, 1, 1)
    brighter = (photo + 0.1).clamp(0, 1)
    assert torch.equal(keep_hues(brighter, photo), brighter)
    once_clipped = brighter - 0.05  # the channel that was white has lost a part of the way up
    assert torch.allclose(keep_hues(once_clipped, photo), (photo + 0.05).clamp(0, 1))


@pytest.mark.parametrize("larger", [0, 1])
def test_the_photo_keeps_its_sharpness_at_octaves_of_every_size(larger: int) -> None:
    def nothing(image: Image) -> tuple[Score, Image]:
        return torch.zeros(len(image)), torch.zeros_like(image)

    settings = replace(FEW, larger_octaves=larger)
    for step in dream_steps(PHOTO, nothing, settings):
        assert torch.equal(render_full_size(step, PHOTO, settings), PHOTO)


@pytest.mark.parametrize("size", [(1, 1), (20, 30), (64, 80), (99, 70)])
def test_a_detail_of_nothing_is_none(size: tuple[int, int]) -> None:
    gradient = dream_gradient(seer(), "high^2", replace(FEW, jitter=0))
    expected = list(dream_steps(PHOTO, gradient, FEW))
    steps = list(dream_steps(PHOTO, gradient, FEW, torch.zeros(1, 3, *size)))
    assert len(steps) == len(expected) == 9
    assert all(torch.equal(one.image, other.image) for one, other in zip(steps, expected, strict=True))


def test_a_dream_goes_on_from_a_detail_of_another_size() -> None:
    detail = 0.2 * torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(1)) - 0.1
    seen: list[Image] = []

    def look(image: Image) -> tuple[Score, Image]:
        seen.append(image)
        return torch.zeros(len(image)), torch.zeros_like(image)

    photo = 0.3 + 0.4 * PHOTO
    list(dream_steps(photo, look, FEW, detail))
    size = image_size(seen[0])
    assert torch.allclose(seen[0], resize(photo, size) + resize(detail, size), atol=1e-6)
    assert float((seen[-1] - photo).abs().mean()) > 0.01


# On disk


def job_of(folder: Path, tiny: TorchModel, wish: Objective | RegionFiles, **how: Any) -> DiskDream:
    """A dream of a picture of 96 x 128 pixels, 16 bits deep, in blocks of 96."""
    settings = Settings.of({"octaves": 2, "steps": 3, "jitter": 4, "step_size": 0.05, **how})
    samples = (harsh(96, 128)[0].permute(1, 2, 0).numpy() * 65535).round().astype(np.uint16)
    photo = read_header(write_picture(folder / "photo.png", samples))
    return DiskDream(photo, folder / "dream.png", tiny, wish, settings, 96)


def photo_of(job: DiskDream) -> np.ndarray:
    """The job's photograph, at its size."""
    photo = read_photo(job.photo.path).image
    image = resize_longest_side(photo, job.settings.size)
    return (image * 65535).round()[0].permute(1, 2, 0).numpy().astype(int)


ON_DISK: dict[str, dict[str, Any]] = {
    "one octave": {"octaves": 1},
    "octaves": {"octaves": 3},
    "a larger octave": {"larger_octaves": 1},
    "enlarged": {"size": 150},
    "reduced": {"size": 101, "larger_octaves": 1},
}
on_disk = pytest.mark.parametrize("how", ON_DISK.values(), ids=ON_DISK)


@on_disk
@pytest.mark.parametrize("feather", [0, 0.01])
def test_on_disk_beyond_the_feather_is_the_photo_to_the_bit(
    how: dict[str, Any], feather: float, tmp_path: Path, tiny: TorchModel
) -> None:
    mask = np.zeros((96, 128))
    mask[BOX[0] : BOX[2], BOX[1] : BOX[3]] = 255
    wish = RegionFiles(((layer("d", 2), read_header(write_mask(tmp_path / "mask.png", mask))),))
    job = job_of(tmp_path, tiny, wish, feather=feather, **how)
    dreamed, photo = result(job).astype(int), photo_of(job)
    far = far_from_box((96, 128), job.size, job.settings).numpy()
    assert far.mean() > 0.5
    # The photo at another size is made in rectangles there, which may round to the other of two shades.
    assert np.abs(dreamed - photo)[far].max() <= (0 if job.settings.size is None else 1)
    assert np.abs(dreamed - photo)[~far].mean() > 300


@on_disk
def test_on_disk_keep_alone_and_the_smallest_step_leave_no_trace(
    how: dict[str, Any], tmp_path: Path, tiny: TorchModel
) -> None:
    for wish, step_size in [(keep(), 0.05), (layer("b"), 1e-9)]:
        job = job_of(tmp_path, tiny, wish, step_size=step_size, **how)
        assert np.abs(result(job).astype(int) - photo_of(job)).max() <= (0 if job.settings.size is None else 1)
        job.target.unlink()


@on_disk
def test_on_disk_with_keep_color_the_channels_change_alike(
    how: dict[str, Any], tmp_path: Path, tiny: TorchModel
) -> None:
    job = job_of(tmp_path, tiny, layer("d", 2), keep_color=True, **how)
    dreamed, photo = result(job).astype(int), photo_of(job)
    change = (dreamed - photo)[((dreamed > 0) & (dreamed < 65535)).all(2)]
    assert len(change) > 500 and change.std() > 1000
    assert (change.max(1) - change.min(1)).max() <= (1 if job.settings.size is None else 2)  # the details are rounded


# In files


@pytest.mark.bundled
@pytest.mark.parametrize("more", [[], ["--larger-octaves", "1"], ["--feather", "0"]], ids=str)
def test_files_of_a_dream_and_its_snapshots_hold_the_photo_beyond_the_feather(more: list[str], tmp_path: Path) -> None:
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    save_image(harsh(96, 128), photo)
    save_image(box_in(torch.zeros(1, 3, 96, 128)).expand(1, 3, -1, -1), mask)
    words = ["--octaves", "2", "--steps", "2", "--snapshots", "1", "--precision", "float32", *more]
    out = tmp_path / "dream.png"
    assert main(["dream", str(photo), "-o", str(out), "--mask", f"{mask}:fire5^2", *words]) == 0
    settings = Recipe.from_file(out).settings
    far = far_from_box((96, 128), (96, 128), settings)
    snapshots = sorted((tmp_path / "dream-snapshots").iterdir())
    assert len(snapshots) == 2
    for path in [out, *snapshots]:
        change = read_photo(path).image - read_photo(photo).image
        assert not change[..., far].any() and float(change[..., ~far].abs().mean()) > 0.005
    again = run(Recipe.from_file(out))
    assert torch.equal((again * 255).round(), (read_photo(out).image * 255).round())
    assert main(["run", str(out), "-o", str(tmp_path / "again.png")]) == 0
    assert (tmp_path / "again.png").read_bytes() == out.read_bytes()
