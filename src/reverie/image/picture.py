"""An image tensor that knows where it came from and how it was made, and shows itself in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import pyvips
import torch
from jaxtyping import Float
from torch import Tensor

SHOWN_SIDE = 1600
"""The longest side in pixels that a picture is shown with in a notebook; larger ones are shrunk for it."""

GAP = 8
"""The white space in pixels between the pictures of a batch that are shown side by side."""


@dataclass(frozen=True)
class Origin:
    """The file that a picture was read from: its name as it was given, and the SHA-256 of its bytes, in hexadecimal."""

    name: str
    digest: str


class Picture(Tensor):
    """An image (b, 3, h, w), sRGB, 0..1, with the file it was read from and the recipe it was made by.

    It is a tensor like any other: what is computed from it is a plain tensor, which claims no origin and no recipe. In
    a notebook it shows itself. `open_image`, `read_photo`, `dream`, `run` and `visualize` return one.

    >>> import torch
    >>> import reverie as rv
    >>> dreamed = rv.dream(rv.open_image(torch.rand(3, 48, 48)), rv.load_model(), "fire2^2", rv.Settings(steps=1))
    >>> dreamed.recipe is not None, (dreamed * 2).__class__.__name__
    (True, 'Tensor')
    """

    # As of parameters: the results of operations are plain tensors.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    _origin: Origin | None = None
    _recipe: str | None = None
    _made_at: int = 0

    @classmethod
    def of(cls, image: Tensor, origin: Origin | None = None, recipe: str | None = None) -> Picture:
        """The same pixels, without a copy, as a picture of that origin, or made by that recipe (TOML text)."""
        made = image.detach().as_subclass(cls)
        made._origin, made._recipe, made._made_at = origin, recipe, count_changes(made)
        return made

    @property
    def origin(self) -> Origin | None:
        """The file that it was read from; None: it was made, or was changed in place since."""
        return self._origin if self._made_at == count_changes(self) else None

    @property
    def recipe(self) -> str | None:
        """The recipe that makes it again, as TOML text; None: it has none, or was changed in place since."""
        return self._recipe if self._made_at == count_changes(self) else None

    def __deepcopy__(self, known: dict[int, Any]) -> Picture:
        return Picture.of(self.clone(), self.origin, self.recipe)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return Picture.of, (self.as_subclass(Tensor), self.origin, self.recipe)

    def _repr_png_(self) -> bytes:
        return encode_png(self)


def count_changes(tensor: Tensor) -> int:
    """How often a tensor was changed in place, as torch counts; 0 for an inference tensor, which it does not count."""
    return 0 if tensor.is_inference() else int(tensor._version)


def encode_png(image: Float[Tensor, "b 3 h w"]) -> bytes:
    """The pictures of a batch side by side as the bytes of a PNG, for the screen: at most 1600 pixels a side."""
    gap = image.new_ones(1, 3, image.shape[2], GAP)
    row = torch.cat([part for each in image.detach() for part in (each[None], gap)][:-1], dim=3)
    picture = quantize_samples(row, 8)
    if max(row.shape[2:]) > SHOWN_SIDE:
        picture = picture.thumbnail_image(SHOWN_SIDE, height=SHOWN_SIDE)
    data: bytes = picture.write_to_buffer(".png")
    return data


def quantize_samples(tensor: Float[Tensor, "1 c h w"], depth: int) -> pyvips.Image:
    """Convert a tensor 0..1 to a libvips picture of 8 or 16 bits, clamped and rounded to the nearest value.

    So an image that was read from a file of that depth is written as it was.
    """
    top, kind = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    values = tensor.detach()[0].float().cpu()
    samples = np.empty((*values.shape[1:], len(values)), kind)  # (h, w, c)
    for number, channel in enumerate(values):  # one at a time: temporary copies of the whole could be gigabytes
        samples[:, :, number] = (channel.clamp(0, 1) * top).round_().numpy()
    picture = pyvips.Image.new_from_array(samples)
    gray, rgb = ("b-w", "srgb") if depth == 8 else ("grey16", "rgb16")
    return picture.copy(interpretation=rgb if picture.bands == 3 else gray)
