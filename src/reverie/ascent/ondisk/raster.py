"""A picture on disk, of which only rectangles are ever in memory.

Read and written through the file, not through a mapping of it: mapped pages would count as memory, and a mapped file
that is cut short ends the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native.files import replace_file
from reverie.errors import ImageFileError
from reverie.image.opening import printable

Span = tuple[int, int]
"""A range of pixels along one side: the first, and the one behind the last."""


@dataclass(frozen=True)
class Raster:
    """Samples of one kind in rows, the channels of a pixel together, nothing else in the file.

    Values are -1..1 for int16, 0..1 for uint8 and uint16.
    """

    path: Path
    height: int
    width: int
    channels: int = 3
    kind: str = "uint16"

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def stored(self) -> int:
        """Its length in bytes."""
        return self.height * self.width * self.pixel

    @property
    def pixel(self) -> int:
        return self.channels * np.dtype(self.kind).itemsize

    @property
    def there(self) -> bool:
        """Whether it was written to its end."""
        return self.path.is_file() and self.path.stat().st_size == self.stored

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
        """A rectangle; raises `ImageFileError` where the file was cut short or taken away."""
        samples = self.samples(rows, columns)
        values = torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1).contiguous()
        return values.div_(np.iinfo(self.kind).max)[None]

    def samples(self, rows: Span, columns: Span) -> np.ndarray:
        """The same, as it is stored: (height, width, channels)."""
        samples = np.empty((rows[1] - rows[0], columns[1] - columns[0], self.channels), self.kind)
        try:
            with self.path.open("rb", buffering=0) as file:
                for place, line in self.runs(rows, columns, samples):
                    file.seek(place)
                    if file.readinto(line) != len(line):
                        raise ImageFileError(f"{printable(self.path)} was cut short meanwhile: start again")
        except FileNotFoundError:
            raise ImageFileError(f"{printable(self.path)} was taken away meanwhile: start again") from None
        return samples

    def write(self, rows: Span, columns: Span, values: Float[Tensor, "1 c h w"]) -> None:
        """Puts a rectangle into its place, rounded to the nearest step."""
        top = np.iinfo(self.kind).max
        least = -top if self.kind == "int16" else 0
        samples = (values[0].float().cpu() * top).round_().clamp_(least, top).permute(1, 2, 0)
        self.put(rows, columns, np.ascontiguousarray(samples.numpy().astype(self.kind)))

    def put(self, rows: Span, columns: Span, samples: np.ndarray) -> None:
        """The same for samples as they are stored."""
        with self.path.open("r+b", buffering=0) as file:
            for place, line in self.runs(rows, columns, samples):
                file.seek(place)
                while line:  # a nearly full disk takes a part
                    line = line[file.write(line) :]

    def runs(self, rows: Span, columns: Span, samples: np.ndarray) -> Iterator[tuple[int, memoryview]]:
        """Where each piece of a rectangle lies in the file, and in its samples: rows, or all where they are whole."""
        flat = samples.reshape(-1).data.cast("B")
        length = (columns[1] - columns[0]) * self.pixel
        if columns == (0, self.width):
            length *= rows[1] - rows[0]
            rows = (rows[0], rows[0] + 1)
        for number, row in enumerate(range(*rows)):
            yield (row * self.width + columns[0]) * self.pixel, flat[number * length : (number + 1) * length]


@contextmanager
def drafted(raster: Raster) -> Iterator[Raster]:
    """A new raster to write into, which takes its name only when it is complete."""
    with replace_file(raster.path, draft=f"{raster.path.name}.part") as draft:
        os.truncate(draft, raster.stored)
        yield replace(raster, path=draft)


def rectangles(size: tuple[int, int], side: int) -> Iterator[tuple[Span, Span]]:
    """The rows and columns of squares of at most `side` pixels that cover a picture, row by row."""
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            yield (top, min(size[0], top + side)), (left, min(size[1], left + side))
