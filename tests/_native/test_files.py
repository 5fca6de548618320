"""What is written is there whole, or what was there before still is, and nothing lies beside it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from reverie._native.files import hash_file, replace_file, replace_folder

FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@pytest.mark.parametrize("draft", [None, "x.part"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("there", [True, False])
def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, draft: str | None, failure: BaseException, there: bool
) -> None:
    target = tmp_path / "x.txt"
    if there:
        target.write_text("old")
    with pytest.raises(type(failure)), replace_file(target, draft) as written:
        written.write_text("half")
        assert there == target.exists() and written.parent == tmp_path
        raise failure
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"x.txt": "old"} if there else {})
    with replace_file(target, draft) as written:
        written.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.txt": "new"}


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_text("left by somebody who was killed")
    with replace_file(tmp_path / "x", "x.part") as draft:
        assert draft.read_bytes() == b""
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_replaced_file_keeps_its_mode_and_a_link_its_place(tmp_path: Path) -> None:
    target, link = tmp_path / "x", tmp_path / "link"
    target.touch()
    target.chmod(0o640)
    link.symlink_to(target)
    with replace_file(link) as draft:
        draft.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "report"
    if there:
        target.mkdir()
        (target / "old").touch()
    for failure in FAILURES:
        with pytest.raises(type(failure)), replace_folder(target) as draft:
            (draft / "new").touch()
            raise failure
        assert [path.name for path in tmp_path.rglob("*")] == (["report", "old"] if there else [])
    with replace_folder(target) as draft:
        (draft / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["report", "new"]


def test_a_folder_that_cannot_be_put_in_its_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report"
    target.mkdir()
    (target / "old").touch()
    rename = Path.rename

    def failing(path: Path, to: Path) -> Path:
        if (path / "new").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="No space"), replace_folder(target) as draft:
        (draft / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["report", "old"]


def test_the_digest_is_of_all_bytes(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 7)
    (tmp_path / "x").write_bytes(data)
    assert hash_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()
    assert hash_file(tmp_path / "x", "md5") == hashlib.md5(data).hexdigest()
