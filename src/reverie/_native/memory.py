"""Peak memory use, of this process or of a graphics card."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

STATUS_FILE = Path("/proc/self/status")
CLEAR_REFS_FILE = Path("/proc/self/clear_refs")


def peak_memory() -> int | None:
    """Return the peak resident size of this process since it started, in bytes; None where the system has no count."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak that `peak_memory_since_reset` reads: torch's own on CUDA, the process's on Linux.

    Elsewhere nothing happens, and the peak stays that of the whole run.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        CLEAR_REFS_FILE.write_text("5")  # 5 resets VmHWM (proc_pid_clear_refs(5))
    except OSError:  # not Linux, or not allowed
        return


def peak_memory_since_reset(device: torch.device) -> int | None:
    """Return the peak memory since the last `reset_peak_memory`, in bytes; None where the system has no count.

    On CUDA it is what torch allocated on the card, elsewhere the resident size of the whole process.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return read_high_water_mark() or peak_memory()


def read_high_water_mark() -> int | None:
    """Return VmHWM, the peak resident size that Linux counts and can reset, in bytes; None on other systems."""
    try:
        lines = STATUS_FILE.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
