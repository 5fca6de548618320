"""The gallery: everything made in the studio, in a folder that its user can see, with the inputs it was made of."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reverie._native.files import write_file
from reverie.errors import ImageFileError
from reverie.image.formats import WRITABLE_ENDINGS
from reverie.jobs.places import free_path
from reverie.studio.notes import Notes
from reverie.studio.pictures import make_thumbnail
from reverie.studio.refusals import NotThere
from reverie.studio.stills import FILMS, is_moving, make_film_thumbnail
from reverie.studio.trash import Trash
from reverie.studio.uploads import Upload, clean_name

ANIMATIONS = (".gif", ".webp", ".apng")

FOREIGN = (".heic", ".heif", ".jxl")
"""Endings of pictures that others put into the folder; they are shown as far as they can be read."""

ENDINGS = (*WRITABLE_ENDINGS, *FILMS, *ANIMATIONS, *FOREIGN)

THUMBS, INPUTS, TRASH, NOTES = ".thumbs", "inputs", ".trash", ".seconds.json"

WORK = ".reverie"
"""The ending of the hidden folder beside a film that is not finished, `.dream.mp4.reverie`."""


@dataclass(frozen=True)
class Item:
    """A picture, or a film, of the gallery; `made` is when, in seconds since 1970."""

    name: str
    film: bool
    made: float
    bytes: int

    def describe(self) -> dict[str, object]:
        """What a page knows of it."""
        return {"name": self.name, "film": self.film, "made": self.made, "bytes": self.bytes}


DIGITS = 12
"""How much of the digest of an input stands before its name, in hexadecimal digits."""


class Gallery:
    """A folder of pictures and films. Within it `inputs` holds what they were made of, each file once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.trash = Trash(self.folder / TRASH)
        self.notes = Notes(self.folder / NOTES)
        self._reserved: set[Path] = set()
        self._guard = threading.Lock()
        try:
            for each in (self.folder / THUMBS, self.folder / INPUTS):
                each.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageFileError(f"the gallery {folder} cannot be made: {error.strerror}; say --gallery") from None

    def reserve(self, stem: str, ending: str = ".png") -> Path:
        """A free name in the folder, which nobody else is given."""
        with self._guard:
            begun = {self.folder / each.name[1:].removesuffix(WORK) for each in self.folder.glob(f".*{WORK}")}
            path = free_path(self.folder, clean_name(stem)[:80], ending, self._reserved | begun)
            self._reserved.add(path)
            return path

    def keep_input(self, upload: Upload) -> Path:
        """Where an input lies in the gallery: copied there once, however often it is dreamed of."""
        if upload.path.is_relative_to(self.folder / INPUTS):
            return upload.path
        kept = self.folder / INPUTS / f"{upload.digest[:DIGITS]}-{clean_name(upload.name)}"
        if not kept.exists():
            draft = kept.with_name(f".{kept.name}")
            try:
                copy = shutil.copyfile if upload.path.is_relative_to(self.folder) else link_file
                copy(upload.path, draft)
                draft.replace(kept)
            finally:
                draft.unlink(missing_ok=True)
        upload.settle(kept)
        return kept

    def find_input(self, digest: str) -> Path | None:
        """The input with that SHA-256, if it is here."""
        found = (self.folder / INPUTS).glob(f"{digest[:DIGITS]}-*") if digest.isalnum() else []
        return next(iter(found), None)

    def list_items(self, first: int = 0, count: int = 60) -> tuple[list[Item], int]:
        """So many of its items, newest first, and how many there are."""
        items = self.find_items()
        return items[first : first + count], len(items)

    def find_items(self) -> list[Item]:
        """All its items, newest first."""
        found = []
        for path in self.folder.iterdir():
            with suppress(OSError):  # one that goes away meanwhile is none
                if is_item(path):
                    found.append(make_item(path))
        return sorted(found, key=lambda item: (-item.made, item.name))

    def find(self, name: str) -> Path:
        """Where an item is; raises `NotThere` for a name that is none of the folder's own."""
        path = self.folder / name
        with suppress(OSError, ValueError):  # too long a name for any file; a zero byte in it
            if name == path.name and "\\" not in name and is_item(path):
                return path
        raise NotThere(f"{clean_name(name)} is not in the gallery any more")

    def item(self, path: Path) -> Item:
        """An item of the folder."""
        return make_item(path)

    def owns(self, path: Path) -> bool:
        """Whether a file lies within the gallery, links followed."""
        return path.resolve().is_relative_to(self.folder.resolve())

    def thumbnail(self, name: str, side: int = 480) -> bytes:
        """An item as a small JPEG, of a film a third of the way in; it is kept. Raises `NotThere`, `ImageFileError`."""
        path = self.find(name)
        key = f"{path.name} {path.stat().st_mtime_ns} {side}".encode()
        kept = self.folder / THUMBS / f"{hashlib.sha256(key).hexdigest()[:32]}.jpg"
        if not kept.exists():
            make = make_film_thumbnail if is_moving(path) else make_thumbnail
            write_file(kept, make(path, side))
        return kept.read_bytes()

    def remove(self, name: str) -> str:
        """Moves an item to the trash, what it was made of stays; returns the key by which `bring_back` undoes it."""
        return self.trash.put(self.find(name))

    def bring_back(self, key: str) -> Path:
        """Undoes a removal; raises `NotThere`."""
        with self._guard:
            return self.trash.bring_back(key, self.folder)


def is_item(path: Path) -> bool:
    """Whether a file of the folder is shown: a picture or a film that is neither hidden nor a link elsewhere.

    A name that is no text cannot be asked for, and so is none.
    """
    return (
        not path.name.startswith(".")
        and path.suffix.lower() in ENDINGS
        and not any("\ud800" <= letter <= "\udfff" for letter in path.name)
        and path.is_file()
        and not path.is_symlink()
    )


def link_file(source: Path, target: Path) -> None:
    """A copy of a file that does not change any more: one that takes no room, where the disk can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def make_item(path: Path) -> Item:
    """An item of a gallery."""
    status = path.stat()
    return Item(path.name, is_moving(path), status.st_mtime, status.st_size)
