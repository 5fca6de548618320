"""Describes the machine, and measures the peak of its arithmetic."""

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
MATMUL_SIDES = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Side of the square matrices multiplied for the peak, by device: so large that time is spent on arithmetic alone."""


def inspect_machine(engines: Collection[str]) -> dict[str, Any]:
    """The machine, and the versions of the software that ran; frameworks of engines that did not run are left out."""
    return {
        "processor": read_processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": [each for each in INSTRUCTIONS if each in read_cpu_flags()],
        "memory_bytes": read_total_memory(),
        "graphics": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": read_versions(engines),
    }


def read_versions(engines: Collection[str]) -> dict[str, str]:
    """Versions of Python and the packages that took part, by name."""
    packages = ["reverie", "torch", "numpy", "matplotlib"]
    packages += ["tensorflow", "keras"] if "tensorflow" in engines else []
    found = {"python": platform.python_version()}
    return found | {package: read_package_version(package) for package in packages}


def read_package_version(package: str) -> str:
    """The version of an installed package, or of the module of that name; "unknown" where neither says it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # e.g. tensorflow, installed as tensorflow-cpu
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def read_processor_name() -> str:
    """The name of the processor's model."""
    for line in read_cpuinfo():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def read_cpu_flags() -> set[str]:
    """The instruction sets that the processor reports (Linux only; elsewhere none)."""
    for line in read_cpuinfo():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def read_cpuinfo() -> list[str]:
    """The lines of /proc/cpuinfo; none on other systems than Linux."""
    try:
        return CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return []


def read_total_memory() -> int | None:
    """Physical memory in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


SMALLEST_MATMUL = 256
"""The side of the matrices that are tried first."""

BLINK = 0.1
"""Seconds after which no larger matrices are tried."""


def measure_matmul_peak(device: torch.device, precision: str, repeats: int = 7, side: int | None = None) -> float:
    """Measures the peak rate of `torch.matmul` on two large square matrices, in operations a second.

    The best of several tries. Measured rather than looked up: what this machine reaches in this precision right now.
    The matrices are as large as one product takes no longer than a blink: a precision that a processor does not have is
    hundreds of times slower.
    """
    largest = side or MATMUL_SIDES.get(device.type, 2048)
    dtype = getattr(torch, precision)
    left, right = (torch.rand(largest, largest, device=device).to(dtype) for _ in range(2))
    side = min(SMALLEST_MATMUL, largest)
    while side < largest and time_matmul(left[:side, :side], right[:side, :side]) < BLINK:
        side = min(2 * side, largest)
    left, right = (each[:side, :side].contiguous() for each in (left, right))
    seconds = min(time_matmul(left, right) for _ in range(repeats + 1))  # the first also warms up
    return 2 * side**3 / seconds


def time_matmul(left: torch.Tensor, right: torch.Tensor) -> float:
    """Seconds of one matrix product."""
    synchronize_device(left.device)
    began = time.perf_counter()
    torch.matmul(left, right)
    synchronize_device(left.device)
    return time.perf_counter() - began


def synchronize_device(device: torch.device) -> None:
    """Waits until a GPU has finished its queue, so that a clock may be read; nothing to do on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
