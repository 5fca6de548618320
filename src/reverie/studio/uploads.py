"""What visitors drop on the page: kept in a folder of its own, by a key that nobody can guess, until it is old."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reverie._native.files import hash_file
from reverie.errors import ReverieError
from reverie.image.opening import escape_path
from reverie.image.reading import read_header
from reverie.studio.pictures import make_thumbnail
from reverie.studio.refusals import NotThere, UploadRefused, UploadTooLarge
from reverie.studio.stills import FILMS, Reel, is_moving, open_reel

Kind = Literal["picture", "film", "weights"]

WEIGHTS = (".safetensors", ".h5", ".keras", ".pt", ".pth")

THUMB_SIDE = 640

KEPT_SECONDS = 24 * 3600.0
"""How long a file is kept that nothing was made of; what was dreamed of is in the gallery, too."""


@dataclass(eq=False)
class Upload:
    """A file that was dropped. `size` is (height, width) in pixels; `digest` the SHA-256 of its bytes."""

    key: str
    name: str
    path: Path
    kind: Kind
    digest: str
    size: tuple[int, int] | None = None
    reel: Reel | None = None
    """What a film is."""
    used: float = field(default_factory=time.monotonic)
    temporary: bool = False
    """Whether the file is nobody else's, in a folder of its own."""

    def settle(self, kept: Path) -> None:
        """The same bytes are kept elsewhere from now on: those that are here are not needed any more."""
        if self.temporary and self.kind == "picture":  # a film is open by its path
            dropped, self.path, self.temporary = self.path, kept, False
            shutil.rmtree(dropped.parent, ignore_errors=True)

    def describe(self) -> dict[str, object]:
        """What a page knows of it."""
        told = {"key": self.key, "name": self.name, "kind": self.kind, "bytes": self.path.stat().st_size}
        if self.size is not None:
            told |= {"height": self.size[0], "width": self.size[1]}
        return told if self.reel is None else told | self.reel.describe()


@dataclass(frozen=True)
class UploadLimits:
    """How large a file may be: a picture, and a film or weights, in bytes; a picture in pixels."""

    picture: int = 200_000_000
    film: int = 4_000_000_000
    pixels: int = 120_000_000


class Uploads:
    """The files that were dropped, in a folder that is emptied at the beginning and at the end."""

    def __init__(self, folder: Path, limits: UploadLimits | None = None) -> None:
        self.folder, self.limits = folder, limits or UploadLimits()
        self._kept: dict[str, Upload] = {}
        self.clear()
        folder.mkdir(parents=True)

    async def receive(self, name: str, chunks: AsyncIterator[bytes], length: int | None = None) -> Path:
        """Writes what comes in to a new file and returns where it is; `length` is how much is to come, if known.

        Raises `UploadRefused` for too much, or for less than was said; nothing stays then.
        """
        most = self.limit_of(name)
        if length is not None and length > most:
            raise too_large(name, most)
        path = self.folder / secrets.token_hex(16) / clean_name(name)
        path.parent.mkdir()
        try:
            got = 0
            with path.open("wb") as file:
                async for chunk in chunks:
                    got += len(chunk)
                    if got > most:
                        raise too_large(name, most)
                    file.write(chunk)
            if not got or (length is not None and got < length):
                raise UploadRefused(f"only {got} of {length} bytes of {name} arrived: drop it again")
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        return path

    def write(self, name: str, data: bytes) -> Path:
        """Writes bytes that are here already to a new file, and returns where it is."""
        path = self.folder / secrets.token_hex(16) / clean_name(name)
        path.parent.mkdir()
        path.write_bytes(data)
        return path

    def limit_of(self, name: str) -> int:
        """How many bytes a file of that name may have."""
        large = Path(name).suffix.lower() in (*FILMS, *WEIGHTS, ".gif", ".apng")
        return self.limits.film if large else self.limits.picture

    def keep(self, path: Path, name: str) -> Upload:
        """Looks at a file that arrived and keeps it; raises `UploadRefused`, and deletes it, where it is no use."""
        try:
            upload = self.adopt(path, name)
            upload.temporary = True
            return upload
        except BaseException as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            if isinstance(error, ReverieError) and not isinstance(error, UploadTooLarge):
                raise UploadRefused(str(error).replace(str(path), name)) from None
            raise

    def adopt(self, path: Path, name: str) -> Upload:
        """A key for a file that lies elsewhere, as within the gallery. Raises `ReverieError` for one that is no use."""
        kind, size, reel = kind_of(path), None, None
        if kind == "picture":
            header = read_header(path)
            size, digest = header.size, header.digest
            if size[0] * size[1] > self.limits.pixels:
                raise UploadTooLarge(
                    f"{name} has {size[0] * size[1] / 1e6:.0f} megapixels; expected at most "
                    f"{self.limits.pixels / 1e6:.0f}: make it smaller, or dream it with `reverie dream`, from disk"
                )
            make_thumbnail(path, 64, whole=True)
        elif kind == "film":
            reel = open_reel(path)
            size, digest = reel.film.size, reel.film.digest
        else:
            digest = hash_file(path)
        upload = Upload(secrets.token_urlsafe(16), name, path, kind, digest, size, reel)
        self._kept[upload.key] = upload
        return upload

    def find(self, key: str) -> Upload:
        """The file of a key; raises `NotThere`."""
        upload = self._kept.get(key)
        if upload is None or not upload.path.is_file():
            raise NotThere("this file is not here any more: drop it again")
        upload.used = time.monotonic()
        return upload

    def find_digest(self, digest: str) -> Upload | None:
        """The file with that SHA-256, if one was dropped."""
        return next((each for each in self._kept.values() if each.digest == digest and each.path.is_file()), None)

    def sweep(self, age: float = KEPT_SECONDS) -> None:
        """Deletes what nobody used for so many seconds."""
        for upload in [each for each in self._kept.values() if time.monotonic() - each.used > age]:
            del self._kept[upload.key]
            if upload.path.is_relative_to(self.folder):
                shutil.rmtree(upload.path.parent, ignore_errors=True)

    def clear(self) -> None:
        """Deletes everything."""
        self._kept.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def kind_of(path: Path) -> Kind:
    """What a file is, by its ending, and whether it moves; what is unknown is tried as a picture."""
    if path.suffix.lower() in WEIGHTS:
        return "weights"
    return "film" if is_moving(path) else "picture"


def too_large(name: str, most: int) -> UploadTooLarge:
    """The refusal of a file of more bytes than are taken."""
    return UploadTooLarge(f"{name} is larger than {most / 1e6:.0f} MB, the most that is taken here: make it smaller")


def clean_name(name: str) -> str:
    """A file's name without folders, and with nothing but letters, digits, spaces and ._- in it."""
    last = escape_path(Path(name.replace("\\", "/").rpartition("/")[2]))
    letters = "".join(each if each.isalnum() or each in "._- " else "-" for each in last).strip(" .")
    stem, dot, ending = letters.rpartition(".")
    return f"{stem[:80]}.{ending[:12]}" if dot and stem else letters[:80] or "picture"
