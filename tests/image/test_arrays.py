"""What is in memory already: every way to hold a picture is the same image."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from reverie.errors import ImageFileError
from reverie.image.arrays import open_image


def test_arrays_pil_images_and_tensors_agree() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = open_image(samples)
    alpha = np.concatenate([samples, samples[..., :1]], axis=2)
    tensor = torch.from_numpy(samples).permute(2, 0, 1)
    others = [
        PIL.Image.fromarray(samples),
        PIL.Image.fromarray(alpha),
        alpha,
        samples.astype(np.uint16) * 257,
        samples / 255,
        samples[::-1][::-1],
        tensor,
        tensor / 255,
        (tensor / 255)[None].double(),
    ]
    assert image.dtype == torch.float32
    assert torch.equal(image[0] * 255, tensor.float())
    for other in others:
        opened = open_image(other)
        assert opened.dtype == torch.float32
        assert (opened - image).abs().max() < 1e-6
    assert open_image(image.repeat(4, 1, 1, 1)).shape == (4, 3, 6, 7)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "I;16", "HSV"])
def test_every_mode_of_pil(mode: str) -> None:
    gray = PIL.Image.fromarray(np.full((5, 6), 255, np.uint8))
    picture = PIL.Image.new(mode, (6, 5), 65535) if mode.startswith("I") else gray.convert("RGB").convert(mode)
    assert open_image(picture).shape == (1, 3, 5, 6)
    assert open_image(picture).min() > 0.99


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (5, "the type int is no picture"),
        (np.zeros((3, 512, 512), np.uint8), r"shape \(3, 512, 512\)"),
        (np.zeros((0, 5, 3), np.uint8), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.full((5, 5), 255.0), "values from 255 to 255"),
        (np.full((5, 5), np.nan), "values from nan"),
        (torch.zeros(5, 5), r"shape \(5, 5\)"),
        (torch.full((3, 5, 5), -1.0), "values from -1"),
        (torch.zeros(3, 5, 5, dtype=torch.int64), "int64"),
        (PIL.Image.new("F", (4, 4), 9.0), "values from 9"),
    ],
)
def test_what_is_no_picture_is_refused(source: Any, says: str) -> None:
    with pytest.raises(ImageFileError, match=says):
        open_image(source)
