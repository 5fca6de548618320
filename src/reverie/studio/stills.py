"""Films as a page shows them: how long they are, whether a picture moves, and single frames of them as JPEGs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pyvips

from reverie.errors import FilmError, ImageFileError, MissingExtra
from reverie.film.libraries import import_av, import_cv2
from reverie.film.reading.coloring import Colorist
from reverie.film.reading.containers import open_source
from reverie.film.reading.decoding import Shown, decode_film, read_length
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.sequences import find_loader, is_still, open_animation, read_delays
from reverie.image.opening import escape_path
from reverie.studio.pictures import ON_PAGE

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv", ".flv", ".ts", ".mts")
"""The endings of films in containers."""

MAY_MOVE = (".gif", ".webp", ".apng", ".png")
"""The endings of pictures that may be animations."""

AT_ONCE = BoundedSemaphore(2)
"""How many frames are looked for at once, so that a dream that runs has room."""


@dataclass(frozen=True)
class Reel:
    """A film, and how long it is in seconds."""

    film: FilmFile
    seconds: float

    @property
    def frames(self) -> int:
        """About how many it has."""
        return max(1, round(self.seconds * self.film.rate))

    def describe(self) -> dict[str, object]:
        """What a page knows of it."""
        film = self.film
        told: dict[str, object] = {"height": film.height, "width": film.width, "seconds": self.seconds}
        told |= {"rate": float(film.rate), "frames": self.frames, "sound": list(film.sounds), "depth": film.depth}
        return told | {"hdr": film.hdr, "spherical": film.spherical, "moves": film.kind}


def is_moving(path: Path) -> bool:
    """Whether a file is a film: by its ending, or an animation by what is in it."""
    if path.suffix.lower() in FILMS:
        return True
    if path.suffix.lower() not in MAY_MOVE:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return is_animation(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=20_000)
def is_animation(path: Path, changed: int, size: int) -> bool:
    """Whether a picture has more than one page; looked at again once its time, or its length, is another."""
    try:
        loader = find_loader(path)
        return not is_still(path, loader) if loader else path.suffix.lower() in (".gif", ".apng")
    except (ImageFileError, OSError):  # damaged: what it is by its name
        return path.suffix.lower() in (".gif", ".apng")


def open_reel(path: Path) -> Reel:
    """Find out what a film is. Raises `FilmError` for what is none, `MissingExtra` without the extra `film`."""
    film = open_film(path)
    return Reel(film, float(measure_length(film)))


def measure_length(film: FilmFile) -> Fraction:
    """How long a film is, in seconds: as its header says it, else as many packets as there are."""
    if film.clock == "list":
        return Fraction(sum(read_delays(open_animation(film.path))), 1000)
    with open_source(film.path) as source:
        said = read_length(source, film) * film.time_base
        if not said and source.container.duration:
            said = Fraction(source.container.duration, import_av().time_base)
        return said or Fraction(sum(1 for _ in source.packets())) / film.rate


def find_shown(film: FilmFile, second: float) -> Shown:
    """The frame that is shown at a time, in seconds; the last one behind the end. Raises `FilmError`."""
    since, found = int(Fraction(second) / film.time_base), None
    for shown in decode_film(film, since):
        if found is not None and shown.time > since:
            break
        found = shown
    if found is None:
        raise FilmError(f"{escape_path(film.path)} has no frame that can be read at {second:.6g} s")
    return found


def make_still(film: FilmFile, second: float, side: int) -> bytes:
    """The frame that is shown at a time as a JPEG, no side longer than so many pixels. Raises `FilmError`."""
    with AT_ONCE:
        pixels, _ = Colorist(film).read_pixels(find_shown(film, second).picture)
    picture: Any = pyvips.Image.new_from_array(pixels if pixels.dtype == "uint8" else (pixels >> 8).astype("uint8"))
    picture = picture.copy(interpretation="srgb")
    data: bytes = picture.thumbnail_image(side, height=side, size="down").write_to_buffer(".jpg", **ON_PAGE)
    return data


def explain_missing() -> str | None:
    """What is not installed that films need, in one line; None where nothing is missing."""
    try:
        import_av(), import_cv2()
    except MissingExtra as error:
        return str(error)
    return None


def make_film_thumbnail(path: Path, side: int) -> bytes:
    """The picture at a third of a film as a JPEG. Raises as `open_reel` does."""
    reel = open_reel(path)
    return make_still(reel.film, reel.seconds / 3, side)
