"""The hidden work folder beside the film: finished segments survive a kill, and the next call goes on from them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import safetensors.torch
from torch import Tensor

from reverie._native.files import replace_file
from reverie.ascent.ondisk.workspace import Workspace, read_manifest, report_disk_errors
from reverie.film.libraries import import_av
from reverie.image.opening import escape_path

log = logging.getLogger("reverie")

State: TypeAlias = dict[str, Tensor]
"""What the next segment begins from, exactly: tensors by name."""

FORMAT_VERSION = 2
"""Raised whenever segments are made or stored differently: work of another version is not resumed."""


@dataclass(frozen=True)
class SegmentStore:
    """The finished segments of one film, by number, each with the state that the next one begins from."""

    work: Workspace

    @classmethod
    def beside(cls, target: Path, digest: str) -> SegmentStore:
        """Find the work folder of an output. `digest` stands for all that decides the film's pixels and its encoding.

        Segments of another version of the encoders are not taken for one's own: they could not be joined.
        """
        versions = sorted(import_av().library_versions.items())
        whole = hashlib.sha256(repr((digest, FORMAT_VERSION, versions)).encode()).hexdigest()
        return cls(Workspace(target.resolve().with_name(f".{target.name}.reverie"), whole, 0))

    @property
    def folder(self) -> Path:
        """The work folder."""
        return self.work.folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder against other processes; a kill leaves no lock behind.

        Deletes the folder at the end if nothing is in it. Raises ImageFileError where another process holds the lock,
        or where the folder holds somebody's own files.
        """
        with report_disk_errors(self.folder):
            self.work.refuse_foreign()
            self.folder.mkdir(exist_ok=True)
        with self.work.held():
            yield

    def open(self, needed: int) -> bool:
        """Create the folder, or empty it, with a word to the log, if it holds the segments of another film.

        Returns whether there are segments to go on from. Raises ImageFileError where the disk has fewer than `needed`
        bytes free beside what is there.
        """
        found = read_manifest(self.folder)
        if found and found.get("digest") != self.work.digest and self.work.list_files():
            log.warning(f"{escape_path(self.folder)} holds another recipe's film: it is begun anew")
        self.work.open(needed)
        return any(self.folder.glob("[0-9]*.state"))

    def segment_path(self, number: int) -> Path:
        """The path of a segment, whether it is there or not."""
        return self.folder / f"{number:06}.segment"

    def _state_path(self, number: int) -> Path:
        return self.folder / f"{number:06}.state"

    def has(self, number: int) -> bool:
        """Whether a segment is finished: it and its state are there, and both are whole."""
        return self.segment_path(number).exists() and self._state_path(number).exists()

    def keep(self, number: int, state: State | None) -> None:
        """Count a segment, which has been written, as finished, with the state that the next one begins from."""
        with report_disk_errors(self.folder):
            self.segment_path(number).stat()  # raises, if it was not written
            # Copies: two names may be one tensor, which safetensors refuses.
            exact = {name: tensor.detach().cpu().clone() for name, tensor in (state or {}).items()}
            self._write(self._state_path(number), safetensors.torch.save(exact))

    def state(self, number: int) -> State | None:
        """The state kept with a segment; None if there was none."""
        with report_disk_errors(self.folder):
            return safetensors.torch.load(self._state_path(number).read_bytes()) or None

    def note(self, name: str, text: str) -> None:
        """Keep a text under a name, as what was found out about the film before it was begun."""
        with report_disk_errors(self.folder):
            self._write(self.folder / f"{name}.txt", text.encode())

    def _write(self, path: Path, data: bytes) -> None:
        # A fixed temporary name, so that ten killed processes leave one such file behind and not ten.
        with replace_file(path, f".{path.name}.part") as draft:
            draft.write_bytes(data)

    def read_note(self, name: str) -> str | None:
        """The text kept under a name, or None."""
        try:
            return (self.folder / f"{name}.txt").read_text("utf-8")
        except FileNotFoundError:
            return None

    def finish(self, keep: bool) -> None:
        """Delete the segments, once the film is written, unless they are to be kept."""
        if not keep:
            self.work.close()
