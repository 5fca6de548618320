"""Params made of params: pictures that begin as a photograph, and pictures of a batch that share a part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.maco import MACO
from reverie.ascent.param import FAINTEST, Param
from reverie.types import Canvas, Image

LEAST = 1e-6
"""How far from 0 and 1 a picture's colors are held while their logits are taken."""


@dataclass(frozen=True, eq=False)
class PhotoImage:
    """Pictures that begin as a photograph, and are changed as another param would change gray.

    `photo` (1 or b, 3, h, w), 0..1, of the param's size; `origin` `(1, *canvas_shape)` is the canvas that is the
    photograph itself. The logits of the change are added to those of the photograph: for a linear param such as
    `FourierImage` the same as to climb from the photograph's own canvas.

    After "Feature Accentuation" (Hamblin et al., 2024), whose Fourier spectra begin as those of a photograph.

    >>> import reverie as rv, torch
    >>> param, photo = rv.FourierImage((32, 48)), torch.rand(1, 3, 32, 48)
    >>> origin = param.start(torch.Generator().manual_seed(0))
    >>> (rv.PhotoImage(param, photo, origin)(origin) - photo).abs().max() < 0.01
    tensor(True)
    """

    param: Param
    photo: Float[Tensor, "n 3 h w"]
    origin: Canvas

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        return self.param.canvas_shape

    def start(self, generator: torch.Generator) -> Canvas:
        return self.param.start(generator)  # drawn as the origin was, it is the origin

    def __call__(self, canvas: Canvas) -> Canvas:
        made, gray = self.param(canvas), self.param(self.origin.to(canvas.device))
        change = made[:, :3].clamp(LEAST, 1 - LEAST).logit() - gray[:, :3].clamp(LEAST, 1 - LEAST).logit()
        photo = self.photo.to(canvas.device).clamp(FAINTEST, 1 - FAINTEST)
        return torch.cat([(photo.logit() + change).sigmoid(), made[:, 3:]], 1)


@dataclass(frozen=True)
class SharedImage:
    """Pictures of a batch that have a part of their canvases in common: a `share` of 0 nothing, of 1 everything.

    Each canvas is drawn after it was moved to the mean of the batch by that share. What does not matter to the
    pictures, such as where things lie, comes out alike, so that they can be compared and blended.

    After "Differentiable Image Parameterizations" (Mordvintsev et al., 2018), aligned feature visualization.

    >>> import reverie as rv
    >>> rv.visualize(rv.load_model(), ["fire2:5", "fire2:6"], size=32, steps=2, shared=0.5).shape
    torch.Size([2, 3, 32, 32])
    """

    param: Param
    share: float

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        return self.param.canvas_shape

    def start(self, generator: torch.Generator) -> Canvas:
        return self.param.start(generator)

    def __call__(self, canvas: Canvas) -> Canvas:
        return self.param(torch.lerp(canvas, canvas.mean(0, keepdim=True), self.share))


def begin_from(param: Param, photo: Image, generator: torch.Generator) -> Param:
    """The param whose pictures begin as a photograph (1 or b, 3, h, w) of their size; MACO takes its magnitudes."""
    if isinstance(param, MACO):
        return MACO.of(photo, param.alpha)
    return PhotoImage(param, photo, param.start(torch.Generator().manual_seed(generator.initial_seed())))
