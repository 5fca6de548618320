"""What a studio refuses that a command line would not: the mistakes of a page's visitor, each with its HTTP status."""

from __future__ import annotations

import errno

from reverie.errors import QueueFull, ReverieError


class NotThere(ReverieError):
    """A dream, an upload or a picture of the gallery that is not there, or not any more."""


class UploadRefused(ReverieError):
    """A file that came only in part, or is none that can be used."""


class UploadTooLarge(UploadRefused):
    """A file of more bytes, or a picture of more pixels, than are taken."""


class TooMuch(ReverieError):
    """A request that brings more than any of its kind has need of."""


class NotAllowed(ReverieError):
    """What a page may not ask of the machine that it runs on, such as reading a file of its own choice."""


STATUS: dict[type[ReverieError], int] = {
    NotThere: 404,
    UploadTooLarge: 413,
    TooMuch: 413,
    NotAllowed: 403,
    QueueFull: 429,
}
"""The HTTP status of a mistake; 422 for all others."""


def status_of(error: ReverieError) -> int:
    """The HTTP status that tells a mistake."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422)


FULL = "the disk is full: make room, and try again"


def is_full(error: BaseException) -> bool:
    """Whether something could not be written because there is no room for it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
