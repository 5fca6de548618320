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
import torch

from reverie.errors import ImageFileError, SettingsError
from reverie.image.arrays import open_image
from reverie.image.formats import WRITABLE_ENDINGS
from reverie.image.reading import Photo, read_photo
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


def photo(image: torch.Tensor, **owed: Any) -> Photo:
    facts: dict[str, Any] = {"alpha": None, "depth": 8, "profile": None, "path": Path("like"), "digest": "0"}
    return Photo(image, **(facts | owed))


# What is written reads back as it was


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff"])
def test_lossless_files_hold_the_8_bit_grid_exactly(tmp_path: Path, ending: str) -> None:
    image = grid(256)
    save_image(image, tmp_path / f"x{ending}")
    assert torch.equal(open_image(tmp_path / f"x{ending}"), image)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_fourth_channel_is_the_alpha_of_the_file(tmp_path: Path, ending: str) -> None:
    image = grid(256, channels=4)
    save_image(image, tmp_path / f"x{ending}")
    back = read_photo(tmp_path / f"x{ending}")
    assert back.alpha is not None
    assert torch.equal(torch.cat([back.image, back.alpha], 1), image)
    save_image(image, tmp_path / "x.jpg")
    white = image[:, :3] * image[:, 3:] + 1 - image[:, 3:]
    assert float((open_image(tmp_path / "x.jpg") - white).abs().mean()) < 0.1
    with pytest.raises(ImageFileError, match="an image of 2 channels; expected 3, or 4"):
        save_image(image[:, :2], tmp_path / "y.png")


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


@pytest.mark.parametrize("ending", WRITABLE_ENDINGS)
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
        options: dict[str, Any] = {"lossless": True} if name == "x.webp" else {}
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


def test_a_batch_or_nan_is_not_saved(tmp_path: Path) -> None:
    cases = itertools.product([torch.zeros(2, 3, 4, 4), torch.full((1, 3, 4, 4), torch.nan)], [".png", ".jpg"])
    for image, ending in cases:
        with pytest.raises(ImageFileError, match=r"batch of 2|not numbers"):
            save_image(image, tmp_path / f"x{ending}")
    with pytest.raises(ImageFileError, match=r"at most 16383"):
        save_image(torch.zeros(1, 3, 1, 16384), tmp_path / "x.webp")
    assert not list(tmp_path.iterdir())
