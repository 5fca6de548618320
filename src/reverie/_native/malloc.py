"""Whether glibc keeps freed memory for the next step or returns it to the system."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

# Parameters of mallopt, by their names and numbers in glibc's malloc.h.
M_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD: this much free memory at the top of the heap is returned to the system
M_MMAP_THRESHOLD = (
    -3
)  # M_MMAP_THRESHOLD: blocks from this size on are mapped one by one and unmapped when they are freed
MAX_INT = 2**31 - 1  # the largest C int, which is what mallopt takes


def keep_freed_memory() -> None:
    """Make malloc keep freed memory for the next step, in the whole process.

    Each step allocates and frees the same large blocks as the one before. By default glibc maps them anew every time,
    and the system zeroes every page of them: that takes longer than what is computed in them. The environment variable
    REVERIE_MALLOC=0 leaves malloc as it was; so does a C library without mallopt.
    """
    if os.environ.get("REVERIE_MALLOC", "1") != "0":
        with suppress(OSError, AttributeError, TypeError):  # other C libraries have no such call
            library = ctypes.CDLL(None)
            library.mallopt(M_MMAP_THRESHOLD, MAX_INT // 2)
            library.mallopt(M_TRIM_THRESHOLD, MAX_INT)


def release_freed_memory() -> None:
    """Return freed memory to the system now.

    After `keep_freed_memory`, glibc holds on to it in pieces that may be too small for the next, larger blocks. Does
    nothing where the C library has no malloc_trim.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
