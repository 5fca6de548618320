"""A raw picture file on disk, of which only rectangles are read into memory.

Read and written by seek and read, not by mmap: mapped pages would count as resident memory, and reading a mapped file
that was truncated kills the process (SIGBUS).
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
from reverie.image.opening import escape_path

Span = tuple[int, int]
"""A range of pixels along one side: the first, and the one after the last."""


@dataclass(frozen=True)
class Raster:
    """A file of raw samples (height, width, channels) of one NumPy dtype, row by row, without a header.

    As floats they are -1..1 for int16 (a detail), 0..1 for uint8 and uint16 (pictures, masks).
    """

    path: Path
    height: int
    width: int
    channels: int = 3
    dtype: str = "uint16"

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def byte_count(self) -> int:
        """The length of the complete file, in bytes."""
        return self.height * self.width * self.bytes_per_pixel

    @property
    def bytes_per_pixel(self) -> int:
        """Bytes of all channels of a pixel."""
        return self.channels * np.dtype(self.dtype).itemsize

    @property
    def there(self) -> bool:
        """Whether the file exists at its full length; until it is complete, it is a draft of another name."""
        return self.path.is_file() and self.path.stat().st_size == self.byte_count

    def read(self, rows: Span, columns: Span) -> Float[Tensor, "1 c h w"]:
        """A rectangle as floats; raises `ImageFileError` where the file was truncated or deleted meanwhile."""
        samples = self.read_samples(rows, columns)
        values = torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1).contiguous()
        return values.div_(np.iinfo(self.dtype).max)[None]

    def read_samples(self, rows: Span, columns: Span) -> np.ndarray:
        """A rectangle as it is stored, (height, width, channels); raises as `read` does."""
        samples = np.empty((rows[1] - rows[0], columns[1] - columns[0], self.channels), self.dtype)
        try:
            with self.path.open("rb", buffering=0) as file:
                for place, line in self._pieces(rows, columns, samples):
                    file.seek(place)
                    if file.readinto(line) != len(line):
                        raise ImageFileError(f"{escape_path(self.path)} was cut short meanwhile: start again")
        except FileNotFoundError:
            raise ImageFileError(f"{escape_path(self.path)} was taken away meanwhile: start again") from None
        return samples

    def write(self, rows: Span, columns: Span, values: Float[Tensor, "1 c h w"]) -> None:
        """Writes a rectangle of floats to its place, rounded to the nearest level and clamped."""
        top = np.iinfo(self.dtype).max
        least = -top if self.dtype == "int16" else 0
        samples = (values[0].float().cpu() * top).round_().clamp_(least, top).permute(1, 2, 0)
        self.write_samples(rows, columns, np.ascontiguousarray(samples.numpy().astype(self.dtype)))

    def write_samples(self, rows: Span, columns: Span, samples: np.ndarray) -> None:
        """Writes a rectangle of stored samples (height, width, channels) to its place."""
        with self.path.open("r+b", buffering=0) as file:
            for place, line in self._pieces(rows, columns, samples):
                file.seek(place)
                while line:  # a nearly full disk may write only a part of it
                    line = line[file.write(line) :]

    def _pieces(self, rows: Span, columns: Span, samples: np.ndarray) -> Iterator[tuple[int, memoryview]]:
        """The contiguous pieces of a rectangle: each one's offset in the file, and its bytes in `samples`.

        A piece is a row, or the whole rectangle where its rows are complete.
        """
        flat = samples.reshape(-1).data.cast("B")
        length = (columns[1] - columns[0]) * self.bytes_per_pixel
        if columns == (0, self.width):
            length *= rows[1] - rows[0]
            rows = (rows[0], rows[0] + 1)
        for number, row in enumerate(range(*rows)):
            yield (row * self.width + columns[0]) * self.bytes_per_pixel, flat[number * length : (number + 1) * length]


@contextmanager
def draft_raster(raster: Raster) -> Iterator[Raster]:
    """Yields a draft to write the raster into; the file is renamed to the raster's path when the block ends well."""
    with replace_file(raster.path, draft=f"{raster.path.name}.part") as draft:
        os.truncate(draft, raster.byte_count)
        yield replace(raster, path=draft)


def split_into_rectangles(size: tuple[int, int], side: int) -> Iterator[tuple[Span, Span]]:
    """Covers a picture of `size` (height, width) by squares of at most `side` pixels: rows and columns of each."""
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            yield (top, min(size[0], top + side)), (left, min(size[1], left + side))
