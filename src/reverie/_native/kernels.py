"""C kernels for the operations of a gradient step that torch computes slowly on a CPU, from `ckernels.c`.

They are compiled when the package is installed on a machine with a C compiler; `is_available` tells whether they were.
Every caller also has an implementation in torch, for all that the kernels do not take (graphics cards, other dtypes,
machines without a compiler), and asks a `supports_...` function first. The environment variable REVERIE_NATIVE=0
disables the kernels.
"""

from __future__ import annotations

import ctypes
import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor

LIBRARY_PATH = Path(__file__).with_name("ckernels.so")


@cache
def is_available() -> bool:
    """Whether compiled kernels can be used: they were built, load on this machine and are not disabled."""
    return os.environ.get("REVERIE_NATIVE", "1") != "0" and _load_library() is not None


def supports_max_pool(planes: Tensor) -> bool:
    """Whether `max_pool` takes these feature maps: float32 or bfloat16 (b, c, h, w) on the CPU, channels last.

    A bfloat16 batch needs an even number of channels, since the backward kernel reads two of them as one word.
    """
    fits = planes.dtype == torch.float32 or (planes.dtype == torch.bfloat16 and planes.shape[1] % 2 == 0)
    return (
        fits
        and planes.device.type == "cpu"
        and _is_channels_last(planes)
        and min(planes.shape[2:]) > 2
        and is_available()
    )


def max_pool(planes: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c i j"], Integer[Tensor, "b c i j"]]:
    """Max pooling 3x3 with stride 2 and no padding, for feature maps after a ReLU (no value is negative).

    Returns the maxima and `at`, the index of each within its window: 0..8 in reading order, the first of equal ones as
    in torch. It is 9 where the whole window is 0: the ReLU below passes no gradient there, so the backward pass skips
    it.
    """
    batch, channels, height, width = planes.shape
    shape = batch, channels, (height - 3) // 2 + 1, (width - 3) // 2 + 1
    out = torch.empty(shape, dtype=planes.dtype, memory_format=torch.channels_last)
    # An integer as wide as the values, so that one vector instruction handles as many of either.
    same_size = {torch.bfloat16: torch.int16, torch.float32: torch.int32}
    at = torch.empty(shape, dtype=same_size[planes.dtype], memory_format=torch.channels_last)
    _call_kernel(
        "max_pool", _PoolingJob, planes, at, out, batch, height, width, *shape[2:], channels, planes.element_size()
    )
    return out, at


def max_pool_backward(
    grad: Float[Tensor, "b c i j"], at: Integer[Tensor, "b c i j"], size: tuple[int, int]
) -> Float[Tensor, "b c h w"]:
    """The backward pass of `max_pool`: the gradient of its input, whose `size` is (height, width)."""
    grad = grad.contiguous(memory_format=torch.channels_last)
    batch, channels, *pooled = grad.shape
    shape = batch, channels, *size
    out = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last)
    _call_kernel("max_pool_backward", _PoolingJob, grad, at, out, batch, *size, *pooled, channels, grad.element_size())
    return out


def supports_preprocessing(image: Tensor, dtype: torch.dtype) -> bool:
    """Whether `preprocess_image` takes this image: contiguous float32 (b, 3, h, w) on the CPU, for that dtype."""
    known_dtypes = image.dtype == torch.float32 and dtype in (torch.float32, torch.bfloat16)
    return (
        known_dtypes and image.device.type == "cpu" and image.shape[1] == 3 and image.is_contiguous() and is_available()
    )


def preprocess_image(
    image: Float[Tensor, "b 3 h w"],
    scale: Float[Tensor, "1 3 1 1"],
    shift: Float[Tensor, "1 3 1 1"],
    dtype: torch.dtype,
) -> Float[Tensor, "b 3 h w"]:
    """Return image * scale + shift as a channels-last tensor of another dtype: a network's input normalization.

    One pass over the memory instead of torch's two (the multiply-add, then the conversion).
    """
    out = torch.empty(image.shape, dtype=dtype, memory_format=torch.channels_last)
    _call_preprocess_kernel("to_places", image, out, scale, shift)
    return out


def preprocess_image_backward(
    grad: Float[Tensor, "b 3 h w"], scale: Float[Tensor, "1 3 1 1"]
) -> Float[Tensor, "b 3 h w"]:
    """The backward pass of `preprocess_image`: grad * scale as a contiguous float32 tensor."""
    out = torch.empty(grad.shape, dtype=torch.float32)
    _call_preprocess_kernel("to_planes", out, grad.contiguous(memory_format=torch.channels_last), scale, scale)
    return out


def supports_planes(*images: Tensor) -> bool:
    """Whether `halve_planes`, `add_enlarged_planes` and `measure_moments` take these images.

    All must be contiguous float32 tensors (b, c, h, w) on the CPU.
    """
    return is_available() and all(
        each.device.type == "cpu" and each.dtype == torch.float32 and each.is_contiguous() for each in images
    )


def halve_planes(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c i j"]:
    """Return the image at half its size, rounded up: a 1 3 3 1 filter both ways with stride 2, edges repeated."""
    *planes, height, width = image.shape
    out = torch.empty((*planes, (height + 1) // 2, (width + 1) // 2))
    # The kernel reads only `fine`; the pointers to `coarse` and `share` are filled with any tensor.
    _call_kernel("halve", _PyramidJob, image, image, image, out, planes[0] * planes[1], height, width)
    return out


def add_enlarged_planes(
    fine: Float[Tensor, "b c h w"], coarse: Float[Tensor, "b c i j"], share: Tensor | float, other: float
) -> Float[Tensor, "b c h w"]:
    """Return share * fine + other * (coarse enlarged twofold, bilinear); `share` is a number or (b, 1, 1, 1)."""
    batch, channels, height, width = fine.shape
    shares = torch.empty(batch, channels, 2)  # the factors of `fine` and of `coarse`, for every plane
    shares[..., 0] = share.view(-1, 1) if isinstance(share, Tensor) else share
    shares[..., 1] = other
    out = torch.empty(fine.shape)
    _call_kernel("beside", _PyramidJob, fine, coarse, shares, out, batch * channels, height, width)
    return out


def measure_moments(planes: Float[Tensor, "b c h w"]) -> Float[Tensor, "3 b"]:
    """Return the means of each image's values, of their squares and of their absolute values, in float64."""
    batch, *lines, width = planes.shape
    # One sum for every line of pixels, added up here: the result does not depend on the number of threads.
    sums = torch.empty(batch, math.prod(lines), 3, dtype=torch.float64)  # (b, c * h, 3)
    _call_kernel("sums", _MomentsJob, planes, sums, batch * sums.shape[1], width)
    return sums.sum(1).T / (sums.shape[1] * width)


class _ThreadPool(ctypes.Structure):
    """The C struct `pool`: OpenMP's entry points as torch's library has them (or NULL), and the number of threads."""

    _fields_ = (
        ("run", ctypes.c_void_p),
        ("number", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("threads", ctypes.c_int),
    )


def _make_job_struct(pointers: str, sizes: str) -> Any:
    """Make the ctypes class of a kernel's argument: the thread pool, then pointers, then sizes (ptrdiff_t)."""
    pointer_fields = [(name, ctypes.c_void_p) for name in pointers.split()]
    size_fields = [(name, ctypes.c_ssize_t) for name in sizes.split()]
    return type("Job", (ctypes.Structure,), {"_fields_": [("pool", _ThreadPool), *pointer_fields, *size_fields]})


# As the structs of ckernels.c, field by field.
_PoolingJob = _make_job_struct("input at output", "batch height width rows columns channels bytes")
_PreprocessJob = _make_job_struct("scale shift planes places", "batch height width bytes")
_PyramidJob = _make_job_struct("fine coarse share output", "planes height width")
_MomentsJob = _make_job_struct("planes sums", "lines width")


def _call_kernel(name: str, job: Any, *fields: Any) -> None:
    """Call the kernel `name` of ckernels.c with a struct `job` of these fields; a tensor is passed by its address."""
    values = [each.data_ptr() if isinstance(each, Tensor) else each for each in fields]
    getattr(_load_library(), name)(ctypes.byref(job(_ThreadPool(*_find_openmp(), torch.get_num_threads()), *values)))


def _call_preprocess_kernel(name: str, planes: Tensor, places: Tensor, scale: Tensor, shift: Tensor) -> None:
    """Call a preprocessing kernel: `planes` is contiguous float32, `places` channels last in the network's dtype."""
    batch, _, height, width = planes.shape
    _call_kernel(name, _PreprocessJob, scale, shift, planes, places, batch, height, width, places.element_size())


def _is_channels_last(planes: Tensor) -> bool:
    return planes.is_contiguous(memory_format=torch.channels_last)


@cache
def _load_library() -> ctypes.CDLL | None:
    """Load the compiled kernels; None where that fails."""
    try:
        return ctypes.CDLL(str(LIBRARY_PATH))
    except OSError:  # no compiler when it was installed, or compiled for another machine
        return None


@cache
def _find_openmp() -> tuple[int | None, ...]:
    """Return the addresses of OpenMP's functions in the library that torch loaded; None each: one thread is used.

    With torch's own pool the threads are awake already; a second pool would compete with it for the same cores.
    """
    names = "GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"
    try:
        process = ctypes.CDLL(None)
        return tuple(ctypes.cast(getattr(process, name), ctypes.c_void_p).value for name in names)
    except (AttributeError, OSError, TypeError):  # another OpenMP, or a system that cannot search its own process
        return None, None, None
