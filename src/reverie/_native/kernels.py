"""The few loops of a gradient step that torch has no quick way for on a processor, compiled from `kernels.c`.

They are compiled when the package is installed and a C compiler is there; `available()` says whether they are. Whoever
calls them has torch's own way beside it, for everything else: graphics cards, other types, machines without a compiler.
REVERIE_NATIVE=0 in the environment leaves them out.
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

LIBRARY = Path(__file__).with_name("ckernels.so")


@cache
def available() -> bool:
    """Whether there are compiled kernels here."""
    return os.environ.get("REVERIE_NATIVE", "1") != "0" and _library() is not None


def pools(planes: Tensor) -> bool:
    """Whether `max_pool` takes these: on the processor, channels last, two or four bytes a number."""
    fits = planes.dtype == torch.float32 or (planes.dtype == torch.bfloat16 and planes.shape[1] % 2 == 0)
    return fits and planes.device.type == "cpu" and _channels_last(planes) and min(planes.shape[2:]) > 2 and available()


def max_pool(planes: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c i j"], Integer[Tensor, "b c i j"]]:
    """The maximum of 3x3 places at stride 2 of numbers that are never negative, and which of the nine it was.

    `at` counts the nine in reading order, and is 9 where all are 0: nothing goes back from there, as from a ReLU.
    """
    batch, channels, height, width = planes.shape
    shape = batch, channels, (height - 3) // 2 + 1, (width - 3) // 2 + 1
    out = torch.empty(shape, dtype=planes.dtype, memory_format=torch.channels_last)
    same_size = {torch.bfloat16: torch.int16, torch.float32: torch.int32}
    at = torch.empty(shape, dtype=same_size[planes.dtype], memory_format=torch.channels_last)
    _run("max_pool", _Pooling, planes, at, out, batch, height, width, *shape[2:], channels, planes.element_size())
    return out, at


def max_pool_backward(
    grad: Float[Tensor, "b c i j"], at: Integer[Tensor, "b c i j"], size: tuple[int, int]
) -> Float[Tensor, "b c h w"]:
    """The gradient at the places (height, width) that were pooled."""
    grad = grad.contiguous(memory_format=torch.channels_last)
    batch, channels, *pooled = grad.shape
    shape = batch, channels, *size
    out = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last)
    _run("max_pool_backward", _Pooling, grad, at, out, batch, *size, *pooled, channels, grad.element_size())
    return out


def takes_photograph(image: Tensor, dtype: torch.dtype) -> bool:
    """Whether `to_places` takes this picture."""
    kinds = image.dtype == torch.float32 and dtype in (torch.float32, torch.bfloat16)
    return kinds and image.device.type == "cpu" and image.shape[1] == 3 and image.is_contiguous() and available()


def to_places(
    image: Float[Tensor, "b 3 h w"],
    scale: Float[Tensor, "1 3 1 1"],
    shift: Float[Tensor, "1 3 1 1"],
    dtype: torch.dtype,
) -> Float[Tensor, "b 3 h w"]:
    """image * scale + shift, channels last, in another precision."""
    places = torch.empty(image.shape, dtype=dtype, memory_format=torch.channels_last)
    _photograph("to_places", image, places, scale, shift)
    return places


def to_planes(grad: Float[Tensor, "b 3 h w"], scale: Float[Tensor, "1 3 1 1"]) -> Float[Tensor, "b 3 h w"]:
    """grad * scale in float32, plane by plane: the way back of `to_places`."""
    planes = torch.empty(grad.shape, dtype=torch.float32)
    _photograph("to_planes", planes, grad.contiguous(memory_format=torch.channels_last), scale, scale)
    return planes


def takes_planes(*images: Tensor) -> bool:
    """Whether `halve`, `beside` and `moments` take these pictures."""
    return available() and all(
        each.device.type == "cpu" and each.dtype == torch.float32 and each.is_contiguous() for each in images
    )


def halve(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c i j"]:
    """Half the size, rounded up: every second place, smoothed by 1 3 3 1 both ways; edges are repeated."""
    *planes, height, width = image.shape
    out = torch.empty((*planes, (height + 1) // 2, (width + 1) // 2))
    _run("halve", _Pyramid, image, image, image, out, planes[0] * planes[1], height, width)
    return out


def beside(
    fine: Float[Tensor, "b c h w"], coarse: Float[Tensor, "b c i j"], share: Tensor | float, other: float
) -> Float[Tensor, "b c h w"]:
    """share * fine + other * (coarse enlarged twofold, bilinear). `share` is one number, or one (b, 1, 1, 1)."""
    batch, channels, height, width = fine.shape
    shares = torch.empty(batch, channels, 2)
    shares[..., 0] = share.view(-1, 1) if isinstance(share, Tensor) else share
    shares[..., 1] = other
    out = torch.empty(fine.shape)
    _run("beside", _Pyramid, fine, coarse, shares, out, batch * channels, height, width)
    return out


def moments(planes: Float[Tensor, "b c h w"]) -> Float[Tensor, "3 b"]:
    """The mean of the numbers of each image, of their squares and of their absolute values, float64."""
    batch, *lines, width = planes.shape
    sums = torch.empty(batch, math.prod(lines), 3, dtype=torch.float64)
    _run("sums", _Moments, planes, sums, batch * sums.shape[1], width)
    return sums.sum(1).T / (sums.shape[1] * width)


class _Pool(ctypes.Structure):
    _fields_ = (
        ("run", ctypes.c_void_p),
        ("number", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("threads", ctypes.c_int),
    )


def _job(pointers: str, sizes: str) -> Any:
    kinds = [(name, ctypes.c_void_p) for name in pointers.split()]
    numbers = [(name, ctypes.c_ssize_t) for name in sizes.split()]
    return type("Job", (ctypes.Structure,), {"_fields_": [("pool", _Pool), *kinds, *numbers]})


# As the structures of kernels.c, field by field.
_Pooling = _job("input at output", "batch height width rows columns channels bytes")
_Photograph = _job("scale shift planes places", "batch height width bytes")
_Pyramid = _job("fine coarse share output", "planes height width")
_Moments = _job("planes sums", "lines width")


def _run(name: str, job: Any, *fields: Any) -> None:
    given = [each.data_ptr() if isinstance(each, Tensor) else each for each in fields]
    getattr(_library(), name)(ctypes.byref(job(_Pool(*_openmp(), torch.get_num_threads()), *given)))


def _photograph(name: str, planes: Tensor, places: Tensor, scale: Tensor, shift: Tensor) -> None:
    batch, _, height, width = planes.shape
    _run(name, _Photograph, scale, shift, planes, places, batch, height, width, places.element_size())


def _channels_last(planes: Tensor) -> bool:
    return planes.is_contiguous(memory_format=torch.channels_last)


@cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:  # no compiler when it was installed, or compiled for another machine
        return None


@cache
def _openmp() -> tuple[int | None, ...]:
    """Where the process has torch's own threads; none: the kernels run on one."""
    names = "GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"
    try:
        process = ctypes.CDLL(None)
        return tuple(ctypes.cast(getattr(process, name), ctypes.c_void_p).value for name in names)
    except (AttributeError, OSError, TypeError):  # another OpenMP, or a system that cannot look into itself
        return None, None, None
