"""What the machine is, and the most it can do."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Collection
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

INSTRUCTIONS = (
    "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve", "sve2", "bf16", "i8mm",
)  # fmt: skip
CPUINFO = Path("/proc/cpuinfo")
SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Sides of the square matrices that are multiplied for the peak: large enough that nothing but arithmetic counts."""


def machine(engines: Collection[str]) -> dict[str, Any]:
    """The machine and the versions of what ran on it. Frameworks that did not run are not named."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": [each for each in INSTRUCTIONS if each in flags()],
        "memory_bytes": memory_bytes(),
        "graphics": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": versions(engines),
    }


def versions(engines: Collection[str]) -> dict[str, str]:
    packages = ["reverie", "torch", "numpy", "matplotlib"]
    packages += ["tensorflow", "keras"] if "tensorflow" in engines else []
    found = {"python": platform.python_version()}
    return found | {package: version(package) for package in packages}


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # e.g. tensorflow, installed as tensorflow-cpu
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def processor() -> str:
    """The processor's name as it tells it."""
    for line in cpuinfo():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def flags() -> set[str]:
    for line in cpuinfo():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def cpuinfo() -> list[str]:
    try:
        return CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return []


def memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def matmul_peak(device: torch.device, precision: str, repeats: int = 7, side: int | None = None) -> float:
    """The most operations a second that `torch.matmul` of two large square matrices reached, of several tries.

    Measured, not looked up: what this machine does in this precision at this hour.
    """
    side = side or SIDE.get(device.type, 2048)
    dtype = getattr(torch, precision)
    left, right = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    seconds = min(matmul_seconds(left, right) for _ in range(repeats + 1))  # the first also warms up
    return 2 * side**3 / seconds


def matmul_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    synchronize(left.device)
    began = time.perf_counter()
    torch.matmul(left, right)
    synchronize(left.device)
    return time.perf_counter() - began


def synchronize(device: torch.device) -> None:
    """Waits until a graphics card has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
