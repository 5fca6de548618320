"""Opening image files with libvips, and turning its errors into one-line `ImageFileError`s."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyvips

from reverie.errors import ImageFileError

# Raster formats only: libvips would also read CSV tables, its own dumps, and vector drawings, which have no pixels.
_LOADERS = ("jpeg", "png", "tiff", "webp", "heif", "gif", "jxl", "jp2k", "ppm", "rad")

DAMAGED_MESSAGE = "is truncated or damaged"
UNKNOWN_FORMAT_MESSAGE = "is not a picture that can be read; try JPEG, PNG, TIFF, WebP or AVIF"


def escape_path(path: Path) -> str:
    """Return a path as text for a one-line message: line breaks, control and undecodable characters are escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(path))


def open_picture(path: Path) -> pyvips.Image:
    """Open an image file and read its header: size, channels and metadata. Pixels are decoded when they are asked for.

    The picture is for one sequential pass from top to bottom. Raises ImageFileError for a file that is missing, empty
    or not a picture.
    """
    _check_regular_file(path)
    silence_libvips()
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        picture = _load_from_source(path, "new_from_source")
        # An Ultra HDR JPEG is an ordinary JPEG followed by a gain map for bright screens; the JPEG is the photograph.
        if picture.get("vips-loader").startswith("uhdr"):
            picture = _load_from_source(path, "jpegload_source")
    if not picture.get("vips-loader").startswith(_LOADERS):
        raise ImageFileError(f"{escape_path(path)} {UNKNOWN_FORMAT_MESSAGE}")
    return picture


def silence_libvips() -> None:
    """Turn off the log messages of libvips below errors: what matters of them is raised as an error."""
    logger = logging.getLogger("pyvips")
    if logger.level != logging.NOTSET:
        return  # done already, or the application wants to see them
    logger.setLevel(logging.ERROR)
    if pyvips.API_mode:
        # pyvips would decode each message as UTF-8, and print a traceback where a broken file has put other bytes in.
        pyvips.ffi.def_extern(name="_log_handler_callback")(lambda *_: None)


@contextmanager
def translate_libvips_errors(path: Path, problem: str) -> Iterator[None]:
    """Raise what libvips raises inside the block as an ImageFileError of one line.

    The line names the file, the `problem` (or a more precise one, where libvips's message tells it), and the first line
    of libvips's message. An OSError is translated, too.
    """
    try:
        yield
    except ImageFileError:
        raise
    except OSError as error:  # the file went away meanwhile
        raise ImageFileError(f"{escape_path(path)} {problem}: {error.strerror}") from None
    except (pyvips.Error, UnicodeDecodeError) as error:
        problem, reason = _explain_error(error, problem)
        raise ImageFileError(f"{escape_path(path)} {problem}" + (f" ({reason})" if reason else "")) from None


def _explain_error(error: pyvips.Error | UnicodeDecodeError, problem: str) -> tuple[str, str]:
    """Return what is wrong with a file, and the first telling line of libvips's message, at most 120 characters."""
    if isinstance(error, UnicodeDecodeError):  # the message quotes bytes that are no UTF-8; pyvips did not clear it
        pyvips.vips_lib.vips_error_clear()
        detail = error.object.decode(errors="replace")
    else:
        detail = error.detail
    lines = [line for line in detail.splitlines() if line.strip() and "bad seek" not in line]
    first = " ".join("".join(char if char.isprintable() else " " for char in lines[0]).split()) if lines else ""
    if any("HEVC" in line for line in lines):
        return "is HEIC, which the libvips here cannot decode; convert it to JPEG or PNG first", ""
    if "not in a known format" in first:
        return UNKNOWN_FORMAT_MESSAGE, ""
    if "not supported" in first or "not configured" in first:
        return "is of a kind that libvips cannot decode", first[:120]
    return problem, first[:120]


def _load_from_source(path: Path, loader: str) -> pyvips.Image:
    """Open a file with a libvips loader that takes a source."""
    # Not by file name: libvips would read "[...]" in a name as options, and answer a name that it has seen before from
    # its cache, though the file may have changed.
    source = pyvips.Source.new_from_file(os.fsencode(path))
    arguments = ("",) if loader == "new_from_source" else ()
    # fail_on: without it the missing half of a truncated file would be gray, and a TIFF with broken data black.
    return getattr(pyvips.Image, loader)(source, *arguments, access="sequential", fail_on="error")


def _check_regular_file(path: Path) -> None:
    """Raise ImageFileError for a path that is no regular file, cannot be read or is empty."""
    name = escape_path(path)
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
