"""What glibc does with memory that was freed: kept for the next step, or handed back to the system."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

TRIM, MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
MOST = 2**31 - 1


def keep() -> None:
    """Freed memory is kept for the next step, in this whole process. REVERIE_MALLOC=0 leaves malloc as it was.

    A step makes and frees the same large blocks as the one before. glibc asks the system for each anew, which then
    clears it page by page: that takes longer than what is computed in it.
    """
    if os.environ.get("REVERIE_MALLOC", "1") != "0":
        with suppress(OSError, AttributeError, TypeError):  # other C libraries have no such call
            library = ctypes.CDLL(None)
            library.mallopt(MMAP, MOST // 2)
            library.mallopt(TRIM, MOST)


def give_back() -> None:
    """Hands memory that was freed back to the system. glibc keeps it, in pieces too small for the next block."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
