"""Pictures between files and tensors: what is read is what the file shows, what is written reads back as it was."""

from __future__ import annotations

import hashlib
import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import pyvips
import torch

from reverie.errors import ImageFileError, SettingsError
from reverie.image import ENDINGS, Photo, open_image, read_photo, save_image
from reverie.image.profiles import is_srgb

HEIGHT, WIDTH = 24, 40


def grid(levels: int, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """Noise whose values are exactly those a file of so many levels can hold."""
    values = np.random.default_rng(seed).integers(0, levels, (1, channels, HEIGHT, WIDTH))
    return torch.from_numpy((values / (levels - 1)).astype(np.float32))


def ramp() -> torch.Tensor:
    """Smooth and colorful, so that a lossy format has nothing to lose."""
    y, x = torch.meshgrid(torch.linspace(0.1, 0.9, HEIGHT), torch.linspace(0.2, 0.8, WIDTH), indexing="ij")
    return torch.stack([x, y, 1 - (x + y) / 2])[None]


def photo(image: torch.Tensor, **owed: Any) -> Photo:
    facts: dict[str, Any] = {"alpha": None, "depth": 8, "profile": None, "path": Path("like"), "digest": "0"}
    return Photo(image, **(facts | owed))


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


# What is written reads back as it was


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff"])
def test_lossless_files_hold_the_8_bit_grid_exactly(tmp_path: Path, ending: str) -> None:
    image = grid(256)
    save_image(image, tmp_path / f"x{ending}")
    assert torch.equal(open_image(tmp_path / f"x{ending}"), image)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_16_bits_in_are_16_bits_out(tmp_path: Path, ending: str) -> None:
    image = grid(65536)
    save_image(image, tmp_path / f"x{ending}", like=photo(image, depth=16, alpha=grid(65536, 1, 1)))
    back = read_photo(tmp_path / f"x{ending}")
    assert back.depth == 16
    assert torch.equal(back.image, image)
    assert back.alpha is not None
    assert torch.equal(back.alpha, grid(65536, 1, 1))


def test_values_between_two_steps_go_to_the_nearest(tmp_path: Path) -> None:
    image = torch.full((1, 3, 4, 4), 10.6 / 255)
    image[..., 2:] = 10.4 / 255
    save_image(image, tmp_path / "x.png")
    assert (open_image(tmp_path / "x.png") * 255).round().unique().tolist() == [10, 11]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_keeps_the_picture(tmp_path: Path, ending: str) -> None:
    save_image(ramp(), tmp_path / f"x{ending.upper()}")
    assert (open_image(tmp_path / f"x{ending.upper()}") - ramp()).abs().max() < 8 / 255


def test_avif_keeps_more_than_8_bits(tmp_path: Path) -> None:
    save_image(torch.ones_like(ramp()), tmp_path / "x.avif", like=photo(ramp(), depth=16), quality=100)
    back = read_photo(tmp_path / "x.avif")
    assert back.depth == 16
    assert back.image.min() == 1  # white is white, although 10 bits do not fill 16


def test_quality_is_heard(tmp_path: Path) -> None:
    for quality in (20, 100):
        save_image(grid(256), tmp_path / f"{quality}.jpg", quality=quality)
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "100.jpg").stat().st_size / 2
    with pytest.raises(SettingsError, match="quality is 101"):
        save_image(grid(256), tmp_path / "x.jpg", quality=101)


# Color


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


# Every kind of file


def test_gray_palette_and_one_bit(tmp_path: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    PIL.Image.fromarray(gray).save(tmp_path / "gray.png")
    assert torch.equal(open_image(tmp_path / "gray.png"), open_image(gray))
    PIL.Image.fromarray(np.stack([gray, 255 - gray], -1), "LA").save(tmp_path / "la.png")
    la = read_photo(tmp_path / "la.png")
    assert torch.equal(la.image, open_image(gray))
    assert la.alpha is not None
    assert torch.equal(la.alpha, open_image(255 - gray)[:, :1])
    PIL.Image.fromarray(gray > 127).save(tmp_path / "one.png")
    assert torch.equal(open_image(tmp_path / "one.png"), open_image((gray > 127).astype(np.uint8) * 255))
    deep = gray.astype(np.uint16) * 256 + 7
    PIL.Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_photo(tmp_path / "deep.png").depth == 16
    assert torch.equal(open_image(tmp_path / "deep.png"), open_image(deep))


def test_a_palette_with_a_clear_color(tmp_path: Path) -> None:
    picture = PIL.Image.new("P", (6, 4), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(0, (0, 0, 3, 4))
    picture.save(tmp_path / "x.png", transparency=0)
    source = read_photo(tmp_path / "x.png")
    assert (source.image[0, :, 0, 5] * 255).tolist() == [200, 100, 50]
    assert source.alpha is not None
    assert source.alpha[0, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_stands_upright(tmp_path: Path, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    picture = PIL.Image.fromarray((ramp()[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    picture.save(tmp_path / "x.png", exif=exif)
    with PIL.Image.open(tmp_path / "x.png") as sideways:
        upright = PIL.ImageOps.exif_transpose(sideways)
    source = read_photo(tmp_path / "x.png")
    assert torch.equal(source.image, open_image(upright))
    for ending in (".png", ".jpg", ".webp", ".avif"):
        save_image(source.image, tmp_path / f"y{ending}", like=source)
        with PIL.Image.open(tmp_path / f"y{ending}") as opened:
            saved = opened.getexif()
        assert (saved[0x010F], saved.get(0x0112, 1)) == ("a camera", 1)
        assert read_photo(tmp_path / f"y{ending}").image.shape == source.image.shape


def test_of_many_frames_and_pages_the_first(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (12, 10), color) for color in ("red", "blue")]
    for name in ("x.gif", "x.tif", "x.webp"):
        options = {"lossless": True} if name == "x.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        assert open_image(tmp_path / name)[0, :, 5, 5].tolist() == [1, 0, 0]


def test_the_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    save_image(ramp(), tmp_path / "x.jpg")
    source = read_photo(str(tmp_path / "x.jpg"))
    assert source.digest == hashlib.sha256((tmp_path / "x.jpg").read_bytes()).hexdigest()
    assert source.path == tmp_path / "x.jpg"


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    for image in (torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)):
        save_image(image, tmp_path / "x.png")
        assert torch.equal(open_image(tmp_path / "x.png"), image)


@pytest.mark.parametrize("name", ["a[1].png", "a b[page=2]", "ünï☃.png", "--x.png", "%s%n.png"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    save_image(ramp(), tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(tmp_path / name)
    assert open_image(tmp_path / name).shape == ramp().shape


def test_warnings_of_libvips_stay_out_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        save_image(ramp(), tmp_path / "x.jpg")
        data = (tmp_path / "x.jpg").read_bytes()
        (tmp_path / "y.jpg").write_bytes(data[: len(data) // 2])
        with pytest.raises(ImageFileError, match="truncated"):
            read_photo(tmp_path / "y.jpg")
    assert not caplog.records


# Alpha


def test_alpha_follows_the_size_of_the_dream(tmp_path: Path) -> None:
    alpha = torch.zeros(1, 1, HEIGHT, WIDTH)
    alpha[..., WIDTH // 2 :] = 1
    twice = torch.nn.functional.interpolate(ramp(), scale_factor=2)
    save_image(twice, tmp_path / "x.png", like=photo(ramp(), alpha=alpha))
    back = read_photo(tmp_path / "x.png").alpha
    assert back is not None
    assert back.shape == (1, 1, 2 * HEIGHT, 2 * WIDTH)
    assert back[..., : WIDTH - 2].max() == 0
    assert back[..., WIDTH + 2 :].min() == 1


def test_color_under_clear_alpha_is_kept_and_a_jpeg_is_laid_on_white(tmp_path: Path) -> None:
    source = photo(ramp(), alpha=torch.zeros(1, 1, HEIGHT, WIDTH))
    save_image(ramp(), tmp_path / "x.png", like=source)
    assert (open_image(tmp_path / "x.png") - ramp()).abs().max() < 0.6 / 255
    save_image(ramp(), tmp_path / "x.jpg", like=source)
    assert open_image(tmp_path / "x.jpg").min() == 1
    save_image(ramp(), tmp_path / "y.jpg")
    assert open_image(tmp_path / "y.jpg").min() < 0.3


# What is in memory already


def test_arrays_pil_images_and_tensors_agree() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = open_image(samples)
    alpha = np.concatenate([samples, samples[..., :1]], axis=2)
    tensor = torch.from_numpy(samples).permute(2, 0, 1)
    others = [
        PIL.Image.fromarray(samples),
        PIL.Image.fromarray(alpha),
        alpha,
        samples.astype(np.uint16) * 257,
        samples / 255,
        samples[::-1][::-1],
        tensor,
        tensor / 255,
        (tensor / 255)[None].double(),
    ]
    assert image.dtype == torch.float32
    assert torch.equal(image[0] * 255, tensor.float())
    for other in others:
        opened = open_image(other)
        assert opened.dtype == torch.float32
        assert (opened - image).abs().max() < 1e-6
    assert open_image(image.repeat(4, 1, 1, 1)).shape == (4, 3, 6, 7)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "I;16", "HSV"])
def test_every_mode_of_pil(mode: str) -> None:
    gray = PIL.Image.fromarray(np.full((5, 6), 255, np.uint8))
    picture = PIL.Image.new(mode, (6, 5), 65535) if mode.startswith("I") else gray.convert("RGB").convert(mode)
    assert open_image(picture).shape == (1, 3, 5, 6)
    assert open_image(picture).min() > 0.99


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (5, "a int is no picture"),
        (np.zeros((3, 512, 512), np.uint8), r"shape \(3, 512, 512\)"),
        (np.zeros((0, 5, 3), np.uint8), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.full((5, 5), 255.0), "values from 255 to 255"),
        (np.full((5, 5), np.nan), "values from nan"),
        (torch.zeros(5, 5), r"shape \(5, 5\)"),
        (torch.full((3, 5, 5), -1.0), "values from -1"),
        (torch.zeros(3, 5, 5, dtype=torch.int64), "int64"),
        (PIL.Image.new("F", (4, 4), 9.0), "values from 9"),
    ],
)
def test_what_is_no_picture_is_refused(source: Any, says: str) -> None:
    with pytest.raises(ImageFileError, match=says):
        open_image(source)


def test_a_batch_or_nan_is_not_saved(tmp_path: Path) -> None:
    cases = itertools.product([torch.zeros(2, 3, 4, 4), torch.full((1, 3, 4, 4), torch.nan)], [".png", ".jpg"])
    for image, ending in cases:
        with pytest.raises(ImageFileError, match=r"batch of 2|not numbers"):
            save_image(image, tmp_path / f"x{ending}")
    with pytest.raises(ImageFileError, match=r"at most 16383"):
        save_image(torch.zeros(1, 3, 1, 16384), tmp_path / "x.webp")
    assert not list(tmp_path.iterdir())
