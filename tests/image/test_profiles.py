"""Colors: what a file means by its numbers is what the image shows, and what is written back means the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import torch

from reverie.image.arrays import open_image
from reverie.image.profiles import is_srgb
from reverie.image.reading import read_photo
from reverie.image.writing import save_image

HEIGHT, WIDTH = 24, 40


def grid(levels: int, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """Noise whose values are exactly those a file of so many levels can hold."""
    values = np.random.default_rng(seed).integers(0, levels, (1, channels, HEIGHT, WIDTH))
    return torch.from_numpy((values / (levels - 1)).astype(np.float32))


def ramp() -> torch.Tensor:
    """Smooth and colorful, so that a lossy format has nothing to lose."""
    y, x = torch.meshgrid(torch.linspace(0.1, 0.9, HEIGHT), torch.linspace(0.2, 0.8, WIDTH), indexing="ij")
    return torch.stack([x, y, 1 - (x + y) / 2])[None]


def vips(samples: np.ndarray, interpretation: str) -> pyvips.Image:
    return pyvips.Image.new_from_array(samples).copy(interpretation=interpretation)


def p3_file(path: Path, samples: np.ndarray) -> Path:
    """Samples that mean Display P3, with the profile that says so."""
    depth = 8 if samples.dtype == np.uint8 else 16
    kind = "srgb" if depth == 8 else "rgb16"
    profile = vips(samples, kind).icc_transform("p3", input_profile="srgb", depth=depth).get("icc-profile-data")
    picture = vips(samples, kind)
    picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    picture.write_to_file(str(path))
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_wide_profile_is_converted_for_the_work_and_back_for_the_file(tmp_path: Path, dtype: Any) -> None:
    top = np.iinfo(dtype).max
    samples = (ramp()[0].permute(1, 2, 0).numpy() * 0.4 * top + 0.3 * top).astype(dtype)  # inside sRGB
    source = read_photo(p3_file(tmp_path / "p3.tif", samples))
    assert (source.image * top - torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1)).abs().max() > top / 50
    assert source.profile is not None
    save_image(source.image, tmp_path / "back.tif", like=source)
    back = pyvips.Image.new_from_file(str(tmp_path / "back.tif"))
    assert np.abs(back.numpy().astype(int) - samples).max() <= top / 255 * 0.6 + 0.5
    assert back.get("icc-profile-data") == source.profile


def test_a_profile_does_not_cost_16_bit_files_their_precision(tmp_path: Path) -> None:
    samples = np.linspace(20000, 40000, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH, 1).repeat(3, axis=2)
    image = read_photo(p3_file(tmp_path / "p3.tif", samples)).image
    assert len(image.unique()) > 0.9 * HEIGHT * WIDTH


def test_red_of_p3_is_redder_than_sRGB_can_be(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    image = read_photo(p3_file(tmp_path / "p3.png", red)).image
    assert image[0, 0].min() > 200 / 255 + 0.02
    assert image[0, 1:].max() < 0.01


def test_an_srgb_profile_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    save_image(grid(256), tmp_path / "plain.png")
    plain = pyvips.Image.new_from_file(str(tmp_path / "plain.png"))
    plain.icc_transform("srgb", input_profile="srgb").write_to_file(str(tmp_path / "srgb.png"))
    source = read_photo(tmp_path / "srgb.png")
    assert source.profile
    assert torch.equal(source.image, grid(256))
    save_image(source.image, tmp_path / "again.png", like=source)
    assert torch.equal(read_photo(tmp_path / "again.png").image, grid(256))
    assert read_photo(tmp_path / "again.png").profile == source.profile


def test_a_broken_profile_is_passed_over(tmp_path: Path) -> None:
    picture = vips((grid(256)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8), "srgb")
    p3 = picture.icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    assert not is_srgb(p3)
    for number, broken in enumerate([b"no profile at all" * 20, p3[:300]]):
        picture = picture.copy()
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", broken)
        picture.write_to_file(str(tmp_path / f"{number}.tif"))
        source = read_photo(tmp_path / f"{number}.tif")
        assert source.profile is None
        assert torch.equal(source.image, grid(256))


@pytest.mark.parametrize("profile", [False, True])
def test_cmyk_becomes_srgb(tmp_path: Path, profile: bool) -> None:
    samples = np.zeros((16, 32, 4), np.uint8)
    samples[:, 16:, 1:3] = 255  # paper, and magenta on yellow: red
    picture = vips(samples, "cmyk")
    if profile:
        white = vips(np.zeros((16, 32, 3), np.uint8), "srgb")
        cmyk = white.icc_transform("cmyk", input_profile="srgb").get("icc-profile-data")
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", cmyk)
    picture.jpegsave(str(tmp_path / "x.jpg"), Q=95)
    source = read_photo(tmp_path / "x.jpg")
    paper, red = source.image[0, :, 8, 4], source.image[0, :, 8, 28]
    assert paper.min() > 0.93
    assert red[0] > 0.7
    assert red[1:].max() < 0.35
    assert source.profile is None


def test_float_and_lab_files_are_converted(tmp_path: Path) -> None:
    light = np.full((8, 8, 3), 0.2140, np.float32)  # linear light of sRGB's 0.5
    light[0, 0], light[0, 1] = [0, 7, -1], np.nan
    vips(light, "scrgb").write_to_file(str(tmp_path / "float.tif"))
    source = read_photo(tmp_path / "float.tif")
    assert source.depth == 16
    assert (source.image[..., 1:, :] - 0.5).abs().max() < 1e-3
    assert source.image[0, :, 0, 0].tolist() == [0, 1, 0]
    assert source.image[0, :, 0, 1].tolist() == [0, 0, 0]
    vips(light[..., :1], "b-w").write_to_file(str(tmp_path / "gray.tif"))
    assert (open_image(tmp_path / "gray.tif")[..., 1:, :] - 0.5).abs().max() < 1e-3
    lab = np.zeros((8, 8, 3), np.float32)
    lab[..., 0] = 53.39  # the lightness of sRGB's 0.5
    vips(lab, "lab").cast("float").copy(interpretation="lab").colourspace("labs").write_to_file(
        str(tmp_path / "lab.tif")
    )
    assert (open_image(tmp_path / "lab.tif") - 0.5).abs().max() < 5e-3
