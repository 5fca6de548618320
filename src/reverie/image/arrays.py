"""Conversion of paths, PIL images, NumPy arrays and tensors to the image tensor of this package."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reverie.errors import ImageFileError
from reverie.image.reading import Photo, read_photo
from reverie.types import Image

_TOLERANCE = 1e-3  # how far resampling or half precision may take values out of 0..1; within it they are clamped


def open_image(source: Any) -> Image:
    """Convert a picture in any usual form to an image tensor (b, 3, h, w), float32, sRGB, 0 black to 1 white.

    `source` is one of:

    - a path, read by `read_photo`, with the file's orientation and color profile applied, or a `Photo`;
    - a PIL image, whose pixels are taken as they are (orientation and profile are applied to files only);
    - a NumPy array (h, w), (h, w, 3) or (h, w, 4) of uint8, uint16 or floats 0..1;
    - a tensor (3, h, w) or (b, 3, h, w) of uint8 or floats 0..1, which stays on its device.

    Alpha is dropped. Raises ImageFileError for anything else, and for values outside 0..1 or NaN.

    >>> import numpy as np
    >>> import reverie as rv
    >>> rv.open_image("examples/astronaut.jpg").shape
    torch.Size([1, 3, 96, 96])
    >>> rv.open_image(np.zeros((20, 30, 3), np.uint8)).shape
    torch.Size([1, 3, 20, 30])
    """
    if isinstance(source, (str, os.PathLike)):
        return read_photo(source).image
    if isinstance(source, Photo):
        return source.image
    if isinstance(source, Tensor):
        return _convert_tensor(source)
    if isinstance(source, np.ndarray):
        return _convert_array(source)
    # By the name of the module: PIL need not be installed, and is not imported for anything else.
    if any(cls.__module__.startswith("PIL.") for cls in type(source).__mro__):
        return _convert_pil(source)
    kind = type(source).__name__
    raise ImageFileError(f"the type {kind} is no picture; expected a path, a PIL image, an array or a tensor")


def _convert_tensor(tensor: Tensor) -> Image:
    """Check a tensor (3, h, w) or (b, 3, h, w) and convert it to float32 0..1, without its autograd graph."""
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
    tensor = tensor.detach() if tensor.requires_grad else tensor  # a `Picture` is kept as it is
    low, high = tensor.min().item(), tensor.max().item()
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # in this form NaN is refused too
        raise ImageFileError(f"values from {low:g} to {high:g} are no picture; expected floats 0..1")
    return tensor.float() if low >= 0 and high <= 1 else tensor.float().clamp(0, 1)


def _convert_array(array: np.ndarray) -> Image:
    """Check a NumPy array and convert it to an image; gray becomes RGB, alpha is dropped."""
    shape = array.shape
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)  # (h, w) -> (h, w, 3)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or not array.size:
        raise ImageFileError(f"an array of shape {shape} is no picture; expected (h, w), (h, w, 3) or (h, w, 4)")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise ImageFileError(f"an array of {array.dtype} is no picture; expected uint8, uint16 or floats 0..1")
    top = 1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    # (h, w, 3 or 4) -> (3, h, w), divided in float32: no float64 copy of a large picture
    samples = np.divide(array[:, :, :3].transpose(2, 0, 1), np.float32(top), dtype=np.float32, casting="unsafe")
    return _convert_tensor(torch.from_numpy(np.ascontiguousarray(samples)))


def _convert_pil(picture: Any) -> Image:
    """Convert a PIL image of any mode; raises ImageFileError where PIL cannot decode it."""
    try:
        if picture.mode.startswith("I;16") or picture.mode == "I":  # PIL opens some 16-bit files as "I"
            return _convert_array(np.asarray(picture).clip(0, 65535).astype(np.uint16))
        if picture.mode == "F":
            return _convert_array(np.asarray(picture))
        # Through RGBA where there is transparency: a palette's transparent color would otherwise become opaque pixels.
        transparent = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
        return _convert_array(np.asarray(picture.convert("RGBA" if transparent else "RGB")))
    except (OSError, ValueError, SyntaxError) as error:
        if isinstance(error, ImageFileError):
            raise
        raise ImageFileError(f"the PIL image cannot be read: {' '.join(str(error).split())[:120]}") from None
