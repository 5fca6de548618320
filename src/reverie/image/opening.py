"""A file opened as a libvips picture whose header is read and nothing else; what can be wrong with it, in one line."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyvips

from reverie.errors import ImageFileError

# Raster formats only: libvips would also read tables of numbers, its own dumps, and drawings that have no pixels yet.
_LOADERS = ("jpeg", "png", "tiff", "webp", "heif", "gif", "jxl", "jp2k", "ppm", "rad")

DAMAGED = "is truncated or damaged"
UNKNOWN = "is not a picture that can be read; try JPEG, PNG, TIFF, WebP or AVIF"


def printable(path: Path) -> str:
    """The path as it can stand in a one-line message, whatever bytes its name has."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(path))


def opened(path: Path) -> pyvips.Image:
    """The picture in a file, not yet decoded: its size, channels and metadata are known.

    Raises ImageFileError, in one line that names the file.
    """
    _check_regular(path)
    quiet()
    with as_image_error(path, DAMAGED):
        picture = _from_source(path, "new_from_source")
        # An Ultra HDR JPEG is a JPEG with a second, brighter picture behind it; the first is the photograph.
        if picture.get("vips-loader").startswith("uhdr"):
            picture = _from_source(path, "jpegload_source")
    if not picture.get("vips-loader").startswith(_LOADERS):
        raise ImageFileError(f"{printable(path)} {UNKNOWN}")
    return picture


def quiet() -> None:
    """Keep libvips's warnings out of an application's log: what matters of them arrives as an error."""
    logger = logging.getLogger("pyvips")
    if logger.level != logging.NOTSET:
        return  # done already, or the application wants to see them
    logger.setLevel(logging.ERROR)
    if pyvips.API_mode:  # pyvips would decode each, and print a traceback for bytes of a broken file that are no text
        pyvips.ffi.def_extern(name="_log_handler_callback")(lambda *_: None)


@contextmanager
def as_image_error(path: Path, says: str) -> Iterator[None]:
    """Whatever libvips raises inside, as one line: the file, what is wrong with it, and libvips's first line."""
    try:
        yield
    except ImageFileError:
        raise
    except OSError as error:  # the file went away meanwhile
        raise ImageFileError(f"{printable(path)} {says}: {error.strerror}") from None
    except (pyvips.Error, UnicodeDecodeError) as error:
        says, reason = _explained(error, says)
        raise ImageFileError(f"{printable(path)} {says}" + (f" ({reason})" if reason else "")) from None


def _explained(error: pyvips.Error | UnicodeDecodeError, says: str) -> tuple[str, str]:
    """What is wrong with a file, and the line of libvips's message that tells most."""
    if isinstance(error, UnicodeDecodeError):  # bytes of the file or its name; pyvips left the message in its buffer
        pyvips.vips_lib.vips_error_clear()
        detail = error.object.decode(errors="replace")
    else:
        detail = error.detail
    lines = [line for line in detail.splitlines() if line.strip() and "bad seek" not in line]
    first = " ".join("".join(char if char.isprintable() else " " for char in lines[0]).split()) if lines else ""
    if any("HEVC" in line for line in lines):
        return "is HEIC, which the libvips here cannot decode; convert it to JPEG or PNG first", ""
    if "not in a known format" in first:
        return UNKNOWN, ""
    if "not supported" in first or "not configured" in first:
        return "is of a kind that libvips cannot decode", first[:120]
    return says, first[:120]


def _from_source(path: Path, loader: str) -> pyvips.Image:
    # A source, not a file name: in a name libvips would read "[...]" as options, and a name it knows it would answer
    # from its cache, though the file has changed.
    source = pyvips.Source.new_from_file(os.fsencode(path))
    arguments = ("",) if loader == "new_from_source" else ()
    # fail_on: without it the missing half of a truncated file is gray, and a TIFF that cannot be decoded black.
    return getattr(pyvips.Image, loader)(source, *arguments, access="sequential", fail_on="error")


def _check_regular(path: Path) -> None:
    name = printable(path)
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size:
            path.open("rb").close()
    except FileNotFoundError:
        raise ImageFileError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ImageFileError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(status.st_mode):
        raise ImageFileError(f"{name} is a folder; expected a picture")
    if not stat.S_ISREG(status.st_mode):
        raise ImageFileError(f"{name} is not a regular file; expected a picture")
    if not status.st_size:
        raise ImageFileError(f"{name} is empty; expected a picture")
