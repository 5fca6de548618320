"""From the frames of a decoder to pixels: upright RGB, black 0 and white the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.film.libraries import import_av, import_cv2
from reverie.film.reading.headers import has_alpha
from reverie.film.reading.opening import RGB_MATRIX, ColorTags, FilmFile
from reverie.film.reading.sequences import Pixels, Still
from reverie.film.reading.tones import map_tones

SWSCALE_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Of a matrix of ITU-T H.273, the number that swscale has for it; that of BT.601 is its default."""

LIMITED, FULL = 1, 2
"""FFmpeg's numbers of the ranges of samples."""

WHITE_OF_LIMITED = 65283
"""What swscale makes of white in the limited range and more than 8 bits, where 65535 is meant."""

LAYOUTS = {(False, False): "rgb24", (False, True): "rgba", (True, False): "rgb48le", (True, True): "rgba64le"}
"""FFmpeg's names of the pixels that are asked for, by whether they have more than 8 bits, and alpha."""


class Colorist:
    """Turns the decoder's frames of one film into pixels."""

    def __init__(self, film: FilmFile) -> None:
        reformatter = import_av().video.reformatter
        flags = reformatter.Interpolation
        self.film, self._stretch = film, make_stretch(film)
        self._large, self._small = reformatter.VideoReformatter(), reformatter.VideoReformatter()
        # Chroma is interpolated, not repeated; and the same bits come out on every processor.
        self._exact = flags.FULL_CHR_H_INP | flags.FULL_CHR_H_INT | flags.ACCURATE_RND | flags.BITEXACT | flags.BICUBIC
        self._area = flags.AREA | flags.BITEXACT

    def read_pixels(self, frame: Any) -> tuple[Pixels, Pixels | None]:
        """The pixels (h, w, 3) of a frame, and its alpha (h, w) where the film has one."""
        if isinstance(frame, Still):
            return frame.pixels, self._fill(frame.alpha, frame.pixels)
        clear = has_alpha(frame.format)
        layout = LAYOUTS[self.film.depth > 8, clear]
        samples = self._large.reformat(frame, format=layout, interpolation=self._exact, **self._ways()).to_ndarray()
        samples = turn(samples, self.film)
        pixels = np.ascontiguousarray(samples[..., :3])
        if self._stretch is not None:
            pixels = self._stretch[pixels]
        if self.film.hdr:
            pixels = map_tones(deepen(pixels), self.film.hdr, read_samples(self.film).primaries)
            pixels = pixels if self.film.depth > 8 else np.round(pixels / 257).astype(np.uint8)
        return pixels, self._fill(np.ascontiguousarray(samples[..., 3]) if clear else None, pixels)

    def _fill(self, alpha: Pixels | None, pixels: Pixels) -> Pixels | None:
        """The alpha of a frame: opaque where it has none, but the film has; None where the film has none."""
        if not self.film.alpha or alpha is not None:
            return alpha if self.film.alpha else None
        return np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)

    def read_small(self, frame: Any, longest: int) -> NDArray[np.uint8]:
        """The pixels (h, w, 3), 8 bits, of a frame made small: as the file has it, neither turned nor tone-mapped."""
        scale = min(1, longest / max(frame.width, frame.height))
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        pixels: NDArray[np.uint8]
        if isinstance(frame, Still):
            pixels = import_cv2().resize(frame.pixels, (width, height), interpolation=import_cv2().INTER_AREA)
            return pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8)
        ways = {"format": "rgb24", "interpolation": self._area, **self._ways()}
        pixels = self._small.reformat(frame, width=width, height=height, **ways).to_ndarray()
        return pixels

    def _ways(self) -> dict[str, int]:
        """How swscale reads the samples."""
        colors = read_samples(self.film)
        if colors.matrix == RGB_MATRIX:
            return {"threads": 1}
        return {
            "src_colorspace": SWSCALE_MATRICES.get(colors.matrix, 5),
            "src_color_range": FULL if colors.full_range else LIMITED,
            "dst_color_range": FULL,
            "threads": 1,
        }


def make_stretch(film: FilmFile) -> NDArray[np.uint16] | None:
    """For each value of 16 bits that swscale gives, the one that is meant; None where it is that one.

    From more than 8 bits of luma and chroma it comes to 16 by shifting, so that white is not the largest value.
    """
    colors = read_samples(film)
    if film.depth == 8 or colors.matrix == RGB_MATRIX:
        return None
    white = ((1 << film.depth) - 1) << (16 - film.depth) if colors.full_range else WHITE_OF_LIMITED
    return np.minimum(np.round(np.arange(65536) * (65535 / white)), 65535).astype(np.uint16)


def read_samples(film: FilmFile) -> ColorTags:
    """How the samples of the file are to be read."""
    return film.samples or film.colors


def deepen(pixels: Pixels) -> NDArray[np.uint16]:
    """Pixels of 16 bits."""
    return pixels * np.uint16(257) if pixels.dtype == np.uint8 else np.asarray(pixels, np.uint16)


def turn(pixels: Any, film: FilmFile) -> Any:
    """Pixels (h, w, ...) of a file, upright."""
    if film.mirrored:
        pixels = pixels[:, ::-1]
    return np.rot90(pixels, -(film.rotation // 90)) if film.rotation else pixels
