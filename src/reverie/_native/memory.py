"""How much memory was held at most."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def peak_memory() -> int | None:
    """The most memory this process ever held, in bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_peak(device: torch.device) -> None:
    """Begins a new peak, where the system can: torch's own on a graphics card, this process's on Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        CLEAR.write_text("5")
    except OSError:  # not Linux, or not allowed: the peak stays that of all that was
        return


def peak_since(device: torch.device) -> int | None:
    """The peak since it was last forgotten, in bytes: what torch held on a graphics card, else the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return high_water() or peak_memory()


def high_water() -> int | None:
    """The highest resident size since Linux was last told to forget it, in bytes."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
