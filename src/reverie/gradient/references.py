"""The pictures that an objective compares the image with, brought to its size and moved together with it.

A caricature or an inversion compares place by place. Where the image is shifted by jitter, turned or cut into tiles
before the network sees it, its pictures must be as well: they accompany it as further images of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float

from reverie.image.resample import resize
from reverie.objectives.scorer import Reference
from reverie.types import Gradient, Image, ResizedImage, Score


def list_references(found: Mapping[str, tuple[Reference, str]]) -> tuple[Reference, ...]:
    """Each picture of `Scorer.references` once, in order."""
    return tuple(dict.fromkeys(reference for reference, _ in found.values()))


def accompanied(gradient: Gradient, references: Sequence[Reference]) -> Gradient:
    """Appends an objective's pictures to the batch, so that all that `gradient` does to the image is done to them too.

    `gradient` wraps a `gradient_of` with `accompanied`, which reads them off the end of the batch.
    """

    return partial(append_references, gradient, FittedReferences(tuple(references))) if references else gradient


def append_references(gradient: Gradient, fitted: FittedReferences, image: Image) -> tuple[Score, Image]:
    """The score and grad of an image alone, from a gradient of it and the pictures after it."""
    score, grad = gradient(torch.cat([image, fitted(image)]))
    return score[: len(image)], grad[: len(image)]


class FittedReferences:
    """Pictures at the size of the last image that was seen: an octave has many steps of one size."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self.references = references
        self.last: Image | None = None

    def __call__(self, image: Image) -> Float[torch.Tensor, "_n 3 h w"]:
        size = (image.shape[-2], image.shape[-1])
        if self.last is None or self.last.shape[-2:] != size or self.last.device != image.device:
            self.last = fit_references(self.references, size).to(image.device)
        return self.last


def fit_references(references: Sequence[Reference], size: tuple[int, int]) -> Image:
    """The pictures (n, 3, height, width), cropped about their middle to the shape of `size` and resized to it."""
    return torch.cat([resize(crop_to_shape(each.image, size), size).clamp(0, 1) for each in references])


def crop_to_shape(image: Image, size: tuple[int, int]) -> ResizedImage:
    """The largest part (1, 3, _, _) about the image's middle that has the aspect ratio of (height, width)."""
    height, width = image.shape[-2:]
    scale = min(height / size[0], width / size[1])
    own_height, own_width = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    top, left = (height - own_height) // 2, (width - own_width) // 2
    return image[..., top : top + own_height, left : left + own_width]
