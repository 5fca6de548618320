"""Files that are missing, broken, hostile or in the way: one line for each, and nothing half written."""

from __future__ import annotations

import io
import logging
import os
import re
import resource
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from reverie.errors import ImageFileError
from reverie.image.arrays import open_image
from reverie.image.embedding import read_recipe_text
from reverie.image.formats import check_output
from reverie.image.reading import read_photo
from reverie.image.writing import save_image

IMAGE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def refusal(path: Path) -> str:
    """What `read_photo` says of a file; one printable line that names it."""
    with pytest.raises(ImageFileError) as caught:
        read_photo(path)
    says = str(caught.value)
    assert says.isprintable()
    assert path.name in says or not path.name.isprintable()
    return says


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


# What cannot be read


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello\n" * 100)
    (tmp_path / "noise.webp").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "table.csv").write_text("1,2\n3,4\n")
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')
    os.mkfifo(tmp_path / "pipe.png")
    assert "is a folder" in refusal(tmp_path / "folder.png")
    assert "is empty" in refusal(tmp_path / "empty.png")
    assert "is not a regular file" in refusal(tmp_path / "pipe.png")
    assert "does not exist" in refusal(tmp_path / "none.png")
    assert "does not exist" in refusal(tmp_path / "no\nsuch\udcff.png")
    assert "cannot be read" in refusal(tmp_path / ("long" * 100))
    assert "cannot be read" in refusal(tmp_path / "zero\0byte")
    for name in ("text.jpg", "noise.webp", "table.csv", "drawing.svg"):
        assert "is not a picture that can be read" in refusal(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(IMAGE, tmp_path / "x.png")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # whoever runs the tests may be allowed everything
    assert "cannot be read: Permission denied" in refusal(tmp_path / "x.png")


def test_a_header_that_claims_too_much_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(100_000, 100_000) + struct.pack(">I", 100) + b"IDAT" + bytes(104))
    assert "100000 x 100000 pixels; at most 400 megapixels" in refusal(tmp_path / "bomb.png")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    PIL.Image.new("1", (30_000, 30_000)).save(tmp_path / "real.png")
    refusal(tmp_path / "real.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 1_500_000  # kB; pixels would be 2.7 GB


def test_half_a_picture_is_an_error(tmp_path: Path) -> None:
    noise = torch.rand(1, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    for ending in (".jpg", ".png", ".tif", ".webp", ".avif"):
        path = tmp_path / f"x{ending}"
        save_image(noise, path)
        data = path.read_bytes()
        for share in (0.3, 0.6, 0.95):
            path.write_bytes(data[: int(len(data) * share)])
            assert re.search("is truncated or damaged|is not a picture", refusal(path))


def test_a_message_that_is_no_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_image(IMAGE, tmp_path / "x.avif")
    path = tmp_path / os.fsdecode(b"\xff\x88.avif")  # libvips quotes the name, whose bytes are no UTF-8
    path.write_bytes((tmp_path / "x.avif").read_bytes()[:300])
    assert "is truncated or damaged" in refusal(path)
    (tmp_path / "y.png").write_text("hello")
    assert "y.png is not a picture" in refusal(tmp_path / "y.png")  # the next message is not the last one again
    assert capfd.readouterr() == ("", "")


def samples_of_every_format() -> list[bytes]:
    """Valid files, small, of many kinds."""
    rng = np.random.default_rng(1)
    rgb = PIL.Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    deep = PIL.Image.fromarray(rng.integers(0, 65536, (20, 24), dtype=np.uint16))
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    kinds: list[tuple[PIL.Image.Image, str, dict[str, Any]]] = [
        (rgb, "JPEG", {"exif": exif, "quality": 90}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "PNG", {"exif": exif}),
        (rgb.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
        (rgb, "TIFF", {}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        (rgb, "WEBP", {"exif": exif}),
        (rgb.convert("RGBA"), "WEBP", {"lossless": True}),
        (rgb.convert("P"), "GIF", {}),
        (rgb, "AVIF", {}),
    ]
    files = []
    for picture, kind, options in kinds:
        with io.BytesIO() as buffer:
            picture.save(buffer, kind, **options)
            files.append(buffer.getvalue())
    return files


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A file cut short, with bytes changed, a stretch zeroed, or a stretch missing."""
    start, size = int(rng.integers(len(data))), int(rng.integers(1, 40))
    kind = rng.integers(4)
    if kind == 0:
        return data[: max(start, 1)]
    if kind == 1:
        places = rng.integers(len(data), size=size)
        values = np.frombuffer(data, np.uint8).copy()
        values[places] = rng.integers(0, 256, size)
        return values.tobytes()
    if kind == 2:
        return data[:start] + bytes(min(size, len(data) - start)) + data[start + size :]
    return data[:start] + data[start + size :] or b"x"


def test_damaged_files_load_or_are_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(2)
    path = tmp_path / "x"
    loaded = refused = 0
    with caplog.at_level(logging.INFO):
        for data in samples_of_every_format():
            path.write_bytes(data)
            assert open_image(path).shape[1] == 3
            for _ in range(30):
                path.write_bytes(damaged(data, rng))
                try:
                    image = read_photo(path).image
                    assert 0 <= image.min() <= image.max() <= 1
                    loaded += 1
                except ImageFileError as error:
                    assert str(error).isprintable()
                    assert str(path) in str(error)
                    refused += 1
    assert min(loaded, refused) > 50
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


# What cannot be written


def test_an_output_is_refused_before_the_work(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    save_image(IMAGE, source)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(source)
    os.mkfifo(tmp_path / "pipe.png")
    cases = {
        tmp_path / "none" / "x.png": "none is no folder",
        tmp_path / "x.bmp": r"ends in \.bmp; expected one of \.png, \.tif, \.tiff, \.jpg, \.jpeg, \.webp, \.avif",
        tmp_path / "x": "has no ending",
        tmp_path / "folder.png": "is a folder",
        tmp_path / "pipe.png": "is not a regular file",
        source: "is the input itself",
        tmp_path / "link.png": "is the input itself",
        tmp_path / "folder.png" / ".." / "in.png": "is the input itself",
        tmp_path / "zero\0.png": "cannot be written",
        tmp_path / ("long" * 100 + ".png"): "cannot be written: File name too long",
    }
    for path, says in cases.items():
        with pytest.raises(ImageFileError, match=says) as caught:
            check_output(path, [tmp_path / "other.png", source])
        assert str(caught.value).isprintable()
    check_output(tmp_path / "new.png", [source])
    check_output(source)  # to replace what is not an input is the user's choice
    assert not (tmp_path / "new.png").exists()


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ImageFileError, match="cannot be written to"):
        check_output(tmp_path / "x.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    save_image(IMAGE, tmp_path / "x.png")

    def full(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImageFileError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        save_image(1 - IMAGE, tmp_path / "x.png")
    assert "No space left" in str(caught.value) or not isinstance(error, OSError)
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert (open_image(tmp_path / "x.png") - IMAGE).abs().max() < 0.6 / 255


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    code = """
import resource, sys, torch
from reverie.errors import ImageFileError
from reverie.image.writing import save_image
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for ending in ("png", "jpg", "tif", "webp", "avif"):
    try:
        save_image(torch.rand(1, 3, 200, 200), f"{sys.argv[1]}/x.{ending}")
    except ImageFileError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("cannot be written: File too large") == 5
    assert not list(tmp_path.iterdir())
    assert done.stderr == ""


def test_files_are_as_open_or_closed_as_any_other(tmp_path: Path) -> None:
    save_image(IMAGE, tmp_path / "x.png")
    (tmp_path / "plain").touch()
    assert (tmp_path / "x.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "x.png").chmod(0o600)
    (tmp_path / "link.png").symlink_to(tmp_path / "x.png")
    save_image(IMAGE, tmp_path / "link.png", recipe="a = 1")
    assert (tmp_path / "link.png").is_symlink()
    assert read_recipe_text(tmp_path / "x.png") == "a = 1"
    assert stat.S_IMODE((tmp_path / "x.png").stat().st_mode) == 0o600
