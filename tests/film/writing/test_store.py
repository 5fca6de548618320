"""A killed process leaves nothing half that counts, and the next one goes on from what is whole."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reverie.errors import ImageFileError
from reverie.film.writing.store import SegmentStore


def store_of(folder: Path, digest: str = "one") -> SegmentStore:
    return SegmentStore.beside(folder / "a.mp4", digest)


def test_a_segment_counts_once_it_is_kept_and_its_state_comes_back_exactly(tmp_path: Path) -> None:
    store, state = store_of(tmp_path), {"detail": torch.rand(1, 3, 7, 5) / 3, "mean": torch.tensor(1 / 3)}
    with store.held():
        assert not store.open(0)
        store.segment_path(0).write_bytes(b"film")
        assert not store.has(0)
        store.keep(0, state)
        store.segment_path(1).write_bytes(b"film")
        store.keep(1, None)
        assert [store.has(number) for number in range(3)] == [True, True, False]
    again = store_of(tmp_path)
    with again.held():
        assert again.open(0)
        back = again.state(0)
        assert back is not None and back.keys() == state.keys() and again.state(1) is None
        assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


def test_what_was_not_written_is_not_kept(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    with store.held():
        store.open(0)
        with pytest.raises(ImageFileError, match="000004"):
            store.keep(4, None)
        assert not store.has(4)


def test_another_recipe_begins_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = store_of(tmp_path)
    with store.held():
        store.open(0)
        store.segment_path(0).write_bytes(b"film")
        store.keep(0, None)
        store.note("survey", "ümläut")
        assert store.read_note("survey") == "ümläut" and store.read_note("other") is None
    with caplog.at_level(logging.WARNING):
        other = store_of(tmp_path, "two")
        with other.held():
            assert not other.open(0) and not other.has(0) and other.read_note("survey") is None
    assert "begun anew" in caplog.text


def test_the_end_removes_the_folder_or_keeps_it(tmp_path: Path) -> None:
    for keep in (True, False):
        store = store_of(tmp_path)
        with store.held():
            store.open(0)
            store.segment_path(0).write_bytes(b"film")
            store.keep(0, None)
            store.finish(keep)
        assert store.folder.exists() == keep


def test_somebodys_own_folder_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    store.folder.mkdir()
    (store.folder / "mine.txt").write_text("mine")
    with pytest.raises(ImageFileError, match="is in the way"), store.held():
        pass
    assert (store.folder / "mine.txt").read_text() == "mine"


def test_two_processes_do_not_write_one_film(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from reverie.film.writing.store import SegmentStore
with SegmentStore.beside(Path({str(tmp_path / "a.mp4")!r}), "one").held():
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(ImageFileError, match="another dream"), store_of(tmp_path).held():
            pass
        other.kill()
    with store_of(tmp_path).held():  # a killed process holds no lock
        pass


def test_too_small_a_disk_is_said_before_the_work(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    with store.held(), pytest.raises(ImageFileError, match="make room"):
        store.open(10**18)
    assert not store.folder.exists()
