"""Pictures for dreams on disk, and what such a dream comes to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips
import torch

from reverie.ascent.ondisk.disk_dream import DiskDream
from reverie.ascent.ondisk.octaves import dream_file
from reverie.objectives.base import layer
from reverie.objectives.penalties import total_variation
from reverie.settings import Settings

HEIGHT, WIDTH = 96, 132
FEW = Settings(octaves=2, steps=3, jitter=4, seed=7)
WISH = layer("d", 2) - 0.01 * total_variation()


def pixels(height: int = HEIGHT, width: int = WIDTH, bands: int = 3, deep: bool = False) -> np.ndarray:
    """A smooth random picture: (height, width, bands)."""
    rough = torch.rand(1, bands, height // 6, width // 6, generator=torch.Generator().manual_seed(3))
    smooth = torch.nn.functional.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    return (smooth.numpy() * (65535 if deep else 255)).astype(np.uint16 if deep else np.uint8)


def write_picture(path: Path, samples: np.ndarray, **options: object) -> Path:
    """Samples (h, w, bands) in a file of as many bits as they have."""
    picture = pyvips.Image.new_from_array(samples)
    deep = samples.dtype == np.uint16
    picture.copy(interpretation="rgb16" if deep else "srgb").write_to_file(str(path), **options)
    return path


def write_mask(path: Path, mask: np.ndarray) -> Path:
    """A mask (h, w) of 0 to 255 in a file: light where the region is."""
    return write_picture(path, np.repeat(mask.astype(np.uint8)[..., None], 3, 2))


def result(job: DiskDream) -> np.ndarray:
    """What the finished file holds."""
    list(dream_file(job))
    return np.asarray(pyvips.Image.new_from_file(str(job.target)).numpy())


def blocks_there(job: DiskDream) -> set[str]:
    """The names of the blocks that a dream has finished so far."""
    return {path.name for path in job.work.folder.glob("*block*.raw")}
