"""Lets a network that takes images of one size only, or multiples of a number, answer for an image of any size.

- Multiples of a number: the image is continued to the next multiple by its mirror image, and the answer is cropped.
- One size: windows of that size are laid over the image, overlapping by at least a quarter (`models.windows`).

The gradient goes to the pixels of the image alone, not through their mirror images.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from reverie.errors import ImageTooSmall, SizeRefused
from reverie.models.receptive_field import find_accepted_sizes
from reverie.models.windows import WindowAxis, WindowGrid, mirror_index, place_stride
from reverie.types import AcceptedSizes, Activations, Image, Model, ResizedImage

SMALLEST_SHARE = 8
"""An image is too small where a side is shorter than the network's own divided by this: it would see mirrors alone."""

WINDOWS_AT_ONCE = 4
"""The windows that are run as one batch. Of more, only one batch is held: it is run again for the backward pass."""


def accept_any_size(model: Model) -> Model:
    """The model itself if it takes images of any size, else a model around it that does.

    Of a network of one size (`accepted_sizes`), the answer is put together from windows of its size, which overlap by a
    quarter or more and are cross-faded; the picture is continued by its mirror image where it is smaller. A layer
    with one place for the whole picture (a class's logit, a pooled vector) becomes a grid with a place for each
    window, so that a mean over places is one over windows. Of a network that takes multiples of a number, the picture
    is continued to the next multiple, and the answer is cropped. What dreams and visualizes does this by itself.

    The model that is returned raises `ImageTooSmall` for an image with a side of less than an eighth of the network's.

    Example:
        >>> import reverie as rv
        >>> model = rv.load_model("squeezenet", weights="random")
        >>> rv.accept_any_size(model) is model
        True
    """
    sizes = find_accepted_sizes(model)
    return model if sizes is None else AnySizeModel(model, sizes)


class AnySizeModel:
    """A `Model` that answers for images of any size by a `model` that takes `sizes` only."""

    accepted_sizes = None

    def __init__(self, model: Model, sizes: AcceptedSizes) -> None:
        self.model, self.sizes = model, sizes
        self.name, self.layers, self.device, self.precision = model.name, model.layers, model.device, model.precision

    @property
    def digest(self) -> str:
        """That of the model."""
        return self.model.digest

    @property
    def parameters(self) -> Mapping[str, tuple[int, int]]:
        """Those of the model."""
        return self.model.parameters

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "model":  # asked for by pickle and copy before there is a model
            raise AttributeError(name)
        return getattr(self.model, name)  # what a model may have beside the protocol: its classes, say

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        """The activations (b, c, h, w) of `layers` for an image of any size. Raises `ImageTooSmall`."""
        height, width = image.shape[-2:]
        if not layers or self.sizes.takes(height, width):
            return self.model(image, layers)
        answer = probe_model(self.model, self.sizes, layers)
        if answer.any_size:
            return self.model(image, layers)
        self.check_size(height, width)
        if self.sizes.in_windows:
            return self.run_windows(image, layers, answer.grids)
        whole = [self.next_multiple(side, least) for side, least in zip((height, width), self.sizes.size, strict=True)]
        found = self.model(continue_image(image, *whole), layers)
        return {name: crop_grid(each, (height, width), (whole[0], whole[1])) for name, each in found.items()}

    def next_multiple(self, side: int, least: int) -> int:
        """The length to which a side is continued."""
        multiple = self.sizes.multiple or 1
        return max(least, math.ceil(side / multiple) * multiple)

    def run_windows(self, image: Image, layers: Collection[str], grids: Mapping[str, tuple[int, int]]) -> Activations:
        """The activations joined from those of windows. `grids`: the (height, width) of each layer's in a window."""
        (height, width), names = image.shape[-2:], tuple(layers)
        (high, wide), batch = self.sizes.size, len(image)
        windows = WindowGrid(
            WindowAxis.lay(height, high, common_step([grids[name][0] for name in names], high)),
            WindowAxis.lay(width, wide, common_step([grids[name][1] for name in names], wide)),
        )
        pieces = windows.cut(continue_image(image, windows.rows.side, windows.columns.side))
        groups = pieces.split(WINDOWS_AT_ONCE * batch)
        again = len(groups) > 1
        answers = [_RunAgain.apply(each, self.model, names) if again else self.run(each, names) for each in groups]
        joined = (windows.join(torch.cat(maps)) for maps in zip(*answers, strict=True))
        return {
            name: crop_grid(maps, (height, width), (windows.rows.side, windows.columns.side), grids[name])
            for name, maps in zip(names, joined, strict=True)
        }

    def run(self, windows: Image, names: tuple[str, ...]) -> tuple[Tensor, ...]:
        """The activations of layers in their order, for windows of the network's own size."""
        found = self.model(windows, names)
        return tuple(found[name] for name in names)

    def check_size(self, height: int, width: int) -> None:
        """Raise `ImageTooSmall` for an image that would be made of mirror images for the most part."""
        least = math.ceil(max(self.sizes.size) / SMALLEST_SHARE)
        if min(height, width) < least:
            raise ImageTooSmall(
                f"a picture of {width} x {height} pixels is too small for {self.name}, which takes {self.sizes}: "
                f"the smallest side that works is {least}; enlarge it (--size)"
            )

    def __repr__(self) -> str:
        return f"<{self.name} for images of any size>"


class _RunAgain(torch.autograd.Function):
    """Runs a model on some windows and keeps nothing but them; the backward pass runs it once more."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, model: Model, names: tuple[str, ...]) -> tuple[Tensor, ...]:
        ctx.windows, ctx.model, ctx.names = windows, model, names
        found = model(windows.detach(), names)
        return tuple(found[name] for name in names)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        windows = ctx.windows.detach().requires_grad_(True)
        with torch.enable_grad():
            found = ctx.model(windows, ctx.names)
        (grad,) = torch.autograd.grad([found[name] for name in ctx.names], windows, grads)
        return grad, None, None


@dataclass(frozen=True)
class ProbeAnswer:
    """What a model says of some layers: whether they take any size (those below what refuses it), and their grids."""

    any_size: bool
    grids: Mapping[str, tuple[int, int]]
    """The (height, width) of each layer's grid in an image of the model's own size."""


_ANSWERS: WeakKeyDictionary[Model, dict[frozenset[str], ProbeAnswer]] = WeakKeyDictionary()
"""The answers of `probe_model`; those of a model go when the model does."""


def probe_model(model: Model, sizes: AcceptedSizes, layers: Collection[str]) -> ProbeAnswer:
    """Ask a model for layers at its own size, and at one that it should refuse."""
    known, key = _ANSWERS.setdefault(model, {}), frozenset(layers)
    if key not in known:
        height, width = sizes.size
        with torch.no_grad():
            found = model(torch.zeros(1, 3, height, width, device=model.device), layers)
        grids = {name: (maps.shape[2], maps.shape[3]) for name, maps in found.items()}
        known[key] = ProbeAnswer(takes_size(model, layers, (height + height // 2 + 1, 2 * width + 3)), grids)
    return known[key]


def sees_windows(model: Model, layers: Collection[str]) -> bool:
    """Whether a model computes these layers for windows of one size: not those below what refuses other sizes."""
    sizes = find_accepted_sizes(model)
    return sizes is not None and sizes.in_windows and not probe_model(model, sizes, layers).any_size


def takes_size(model: Model, layers: Collection[str], size: tuple[int, int]) -> bool:
    """Whether a model answers for an image of that (height, width)."""
    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, *size, device=model.device), layers)
    except (SizeRefused, RuntimeError, ValueError):
        return False
    return True


def common_step(places: Collection[int], window: int) -> int:
    """The pixels at whose multiples windows begin: the strides' least common multiple.

    `places`: of each layer along one axis of a window. A multiple too long to overlap is replaced by the longest stride
    that is not.
    """
    strides = [place_stride(window, each) or 1 for each in places]
    most = max(1, window // 4)
    step = math.lcm(*strides)
    return step if step <= most else max((each for each in strides if each <= most), default=1)


def continue_image(image: Image, height: int, width: int) -> ResizedImage:
    """The image continued to the right and below by its mirror image, (b, 3, height, width)."""
    own_height, own_width = image.shape[-2:]
    if (own_height, own_width) == (height, width):
        return image
    rows, columns = (
        mirror_index(side, length).to(image.device) for side, length in ((own_height, height), (own_width, width))
    )
    # Detached: the gradient is that of the picture's own pixels. With their mirrors', the rim would be moved the more.
    continued = image.detach()[..., rows, :][..., columns]
    continued[..., :own_height, :own_width] = image
    return continued


def crop_grid(
    maps: Tensor, size: tuple[int, int], continued: tuple[int, int], window: tuple[int, int] | None = None
) -> Tensor:
    """The places (b, c, h, w) of the image itself, of `size`, from those of the `continued` one.

    `window`: the (height, width) of the grid in one window, if the maps were joined from some.
    """
    rows, columns = (
        places if (window[axis] if window else places) == 1 else math.ceil(places * size[axis] / continued[axis])
        for axis, places in enumerate(maps.shape[2:])
    )
    return maps[..., :rows, :columns]
