"""What is dropped is looked at, bounded, and gone when it is no use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pyvips

from reverie.studio.refusals import NotThere, UploadRefused
from reverie.studio.uploads import UploadLimits, Uploads, clean_name
from reverie.studio.workshop import Workshop
from visiting import DATA, Visitor


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_no_picture_is_told_and_not_kept(visitor: Visitor, workshop: Workshop, tmp_path: Path) -> None:
    text, cut, bomb = tmp_path / "text.jpg", tmp_path / "cut.jpg", tmp_path / "bomb.png"
    text.write_text("this is no picture")
    cut.write_bytes((DATA / "coffee.jpg").read_bytes()[:20_000])
    pyvips.Image.black(25_000, 20_000).pngsave(str(bomb))
    assert visitor.drop(text, status=422)["error"].startswith("text.jpg is not a picture")
    assert visitor.drop(cut, status=422)["error"].startswith("cut.jpg is truncated")
    assert "500 megapixels" in visitor.drop(bomb, status=413)["error"]
    assert str(workshop.folder) not in visitor.drop(text, status=422)["error"]
    assert not kept(workshop.uploads.folder)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_what_is_too_large_or_comes_in_part_is_refused(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits(picture=10, film=20))
    for words, name, parts, length in (
        ("larger than", "a.png", (b"12345", b"678901"), None),
        ("larger than", "a.png", (), 11),
        ("only 5 of 9 bytes", "a.png", (b"12345",), 9),
        ("larger than", "a.mp4", (b"1" * 21,), None),
    ):
        with pytest.raises(UploadRefused, match=words):
            asyncio.run(uploads.receive(name, chunks(*parts), length))
    assert not kept(uploads.folder)


def test_a_name_is_only_a_name() -> None:
    assert clean_name("../../etc/passwd") == "passwd"
    assert clean_name("..\\..\\windows\\system.ini") == "system.ini"
    assert clean_name("a\0b\nc.png") == "a-x00b-nc.png"
    assert clean_name("…") and clean_name("") == "picture" and not clean_name(".hidden").startswith(".")
    assert len(clean_name("x" * 500 + ".jpeg")) < 100


def test_files_are_swept_once_nobody_used_them(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    path = asyncio.run(uploads.receive("coffee.jpg", chunks((DATA / "coffee.jpg").read_bytes())))
    upload = uploads.keep(path, "coffee.jpg")
    assert uploads.find(upload.key) is upload and uploads.find_digest(upload.digest) is upload
    uploads.sweep(age=1000)
    assert path.is_file()
    uploads.sweep(age=-1)
    with pytest.raises(NotThere):
        uploads.find(upload.key)
    assert not path.exists()


def test_what_was_dreamed_of_is_kept_in_the_gallery_alone(visitor: Visitor, workshop: Workshop) -> None:
    for _ in range(3):
        photo = visitor.drop(DATA / "coffee.jpg")
        for _ in range(2):
            assert visitor.wait(visitor.dream(input=photo["key"]))["state"] == "done"
        assert visitor.get(f"/studio/uploads/{photo['key']}/thumb")
    assert not kept(workshop.uploads.folder) and len(kept(workshop.gallery.folder / "inputs")) == 1


def test_a_thumbnail_is_upright_and_small(visitor: Visitor) -> None:
    photo = visitor.drop(DATA / "coffee.jpg")
    small = pyvips.Image.new_from_buffer(visitor.get(f"/studio/uploads/{photo['key']}/thumb?side=60"), "")
    assert (small.width, small.height) == (60, 40)
    assert "expected 16 to 2048" in visitor.get(f"/studio/uploads/{photo['key']}/thumb?side=9999", 422)["error"]
