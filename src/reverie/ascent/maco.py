"""MACO: the strength of every frequency is that of natural pictures and stays so; only the phases are climbed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.ascent.param import (
    count_planes,
    from_lucid_units,
    planes_to_picture,
    rgb_to_decorrelated,
    spatial_frequencies,
    to_lucid_units,
)
from reverie.types import Canvas, Image

RADIANS = 10.0
"""The change of a phase for each unit of a canvas, in radians: a default step turns one by 0.2."""

CONTRAST = 2.0
"""The standard deviation of the planes: about that of photographs in decorrelated colors."""


@dataclass(frozen=True, eq=False)
class MACO:
    """Pictures of `size` (height, width) with a fixed magnitude spectrum, of which only the phases are climbed.

    The magnitudes follow the law of natural pictures, 1 / f**decay in each decorrelated color; a departure: the article
    takes their mean over ImageNet. `MACO.of(photo)` has those of a photograph instead, and begins as that photograph.
    `alpha` as in `FourierImage`. Best climbed under `Crop` and `Noise`, as the article does.

    After "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization" (Fel et al.,
    2023) and its code, serre-lab/Horama.

    >>> import reverie as rv, torch
    >>> param = rv.MACO((32, 48))
    >>> param(param.start(torch.Generator().manual_seed(0))).shape
    torch.Size([1, 3, 32, 48])
    """

    size: tuple[int, int]
    decay: float = 1.0
    alpha: bool = False
    spectrum: Tensor | None = None
    """The spectrum (b, c, h, k), complex, of a photograph to begin from; None: the law's magnitudes, random phases."""

    @classmethod
    def of(cls, photo: Image, alpha: bool = False) -> MACO:
        """The param that begins as a photograph (b, 3, h, w), 0..1, and keeps its magnitudes."""
        planes = rgb_to_decorrelated(photo.cpu())
        if alpha:
            planes = torch.cat([planes, torch.zeros_like(planes[:, :1])], 1)
        return cls((photo.shape[-2], photo.shape[-1]), alpha=alpha, spectrum=torch.fft.rfft2(planes))

    @property
    def canvas_shape(self) -> tuple[int, ...]:
        height, width = self.size
        return count_planes(self.alpha), height, width // 2 + 1

    def start(self, generator: torch.Generator) -> Canvas:
        if self.spectrum is not None:  # its phases are in the spectrum
            return torch.full((1, *self.canvas_shape), 0.5)
        phases = math.tau * (torch.rand(1, *self.canvas_shape, generator=generator) - 0.5)
        return from_lucid_units(phases / RADIANS)

    def magnitude(self) -> Float[Tensor, "h k"]:
        """What natural pictures have of each frequency, scaled so that a plane's standard deviation is `CONTRAST`."""
        magnitude = spatial_frequencies(self.size) ** -self.decay
        magnitude[0, 0] = 0  # the mean is gray
        power = magnitude.square() * self._count_twice()
        scaled: Tensor = magnitude * CONTRAST * math.prod(self.size) / power.sum().sqrt()
        return scaled

    def __call__(self, canvas: Canvas) -> Canvas:
        phase = self._make_hermitian(RADIANS * to_lucid_units(canvas))  # (b, c, h, k)
        own = self.magnitude() if self.spectrum is None else self.spectrum
        spectrum = own.to(canvas.device) * torch.polar(torch.ones_like(phase), phase)
        return planes_to_picture(torch.fft.irfft2(spectrum, s=self.size))

    def _count_twice(self) -> Float[Tensor, " k"]:
        """How often each column of the half spectrum is in the whole one: twice, but for the first and a middle one."""
        width = self.size[1]
        counts = torch.full((width // 2 + 1,), 2.0)
        counts[self._edges()] = 1
        return counts

    def _edges(self) -> list[int]:
        """The columns that are their own mirror images."""
        width = self.size[1]
        return [0] if width % 2 else [0, width // 2]

    def _make_hermitian(self, phase: Float[Tensor, "b c h k"]) -> Float[Tensor, "b c h k"]:
        """The phases as a real picture has them: in the columns that mirror themselves, opposite at opposite rows.

        Otherwise the inverse FFT would drop a part of them there, and with it some of the magnitude.
        """
        mirrored = phase.flip(2).roll(1, 2)  # row -r in the place of row r
        edge = torch.zeros(phase.shape[3], dtype=torch.bool, device=phase.device)
        edge[self._edges()] = True
        return torch.where(edge, (phase - mirrored) / 2, phase)
