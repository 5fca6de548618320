"""What a user holds in memory, as an image."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reverie.errors import ImageFileError
from reverie.image.reading import read_photo
from reverie.types import Image

_SLACK = 1e-3  # what resampling and half precision may leave beyond 0..1; it is clamped


def open_image(source: Any) -> Image:
    """An image (b, 3, h, w), float32 sRGB, 0..1, from whatever holds a picture.

    `source` is a path; a PIL image (its pixels as they stand: orientation and profile are applied to files only); a
    NumPy array (h, w), (h, w, 3) or (h, w, 4) of uint8, uint16 or floats 0..1; or a tensor (3, h, w) or (b, 3, h, w) of
    uint8 or floats 0..1, which keeps its device. Alpha is dropped. Raises ImageFileError for anything else.
    """
    if isinstance(source, (str, os.PathLike)):
        return read_photo(source).image
    if isinstance(source, Tensor):
        return _from_tensor(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if any(cls.__module__.startswith("PIL.") for cls in type(source).__mro__):
        return _from_pil(source)
    raise ImageFileError(f"a {type(source).__name__} is no picture; expected a path, a PIL image, an array or a tensor")


def _from_tensor(tensor: Tensor) -> Image:
    if tensor.ndim == 3:
        tensor = tensor[None]
    if tensor.ndim != 4 or tensor.shape[1] != 3 or not tensor.numel():
        raise ImageFileError(
            f"a tensor of shape {tuple(tensor.shape)} is no picture; expected (3, h, w) or (b, 3, h, w)"
        )
    if tensor.dtype == torch.uint8:
        return tensor.float() / 255
    if not tensor.is_floating_point():
        raise ImageFileError(f"a tensor of {tensor.dtype} is no picture; expected uint8 or floats 0..1")
    tensor = tensor.detach()
    low, high = tensor.min().item(), tensor.max().item()
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # written so that nan is refused too
        raise ImageFileError(f"values from {low:g} to {high:g} are no picture; expected floats 0..1")
    return tensor.float() if low >= 0 and high <= 1 else tensor.float().clamp(0, 1)


def _from_array(array: np.ndarray) -> Image:
    shape = array.shape
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or not array.size:
        raise ImageFileError(f"an array of shape {shape} is no picture; expected (h, w), (h, w, 3) or (h, w, 4)")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise ImageFileError(f"an array of {array.dtype} is no picture; expected uint8, uint16 or floats 0..1")
    top = 1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    samples = np.divide(array[:, :, :3].transpose(2, 0, 1), np.float32(top), dtype=np.float32, casting="unsafe")
    return _from_tensor(torch.from_numpy(np.ascontiguousarray(samples)))


def _from_pil(picture: Any) -> Image:
    try:
        if picture.mode.startswith("I;16") or picture.mode == "I":  # "I" is how PIL opens some files of 16 bits
            return _from_array(np.asarray(picture).clip(0, 65535).astype(np.uint16))
        if picture.mode == "F":
            return _from_array(np.asarray(picture))
        clear = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
        return _from_array(np.asarray(picture.convert("RGBA" if clear else "RGB")))
    except (OSError, ValueError, SyntaxError) as error:
        if isinstance(error, ImageFileError):
            raise
        raise ImageFileError(f"the PIL image cannot be read: {' '.join(str(error).split())[:120]}") from None
