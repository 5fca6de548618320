"""What is heard while each frame of a film is shown: numbers that settings can follow."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reverie.film.libraries import import_av
from reverie.film.reading.containers import Source, open_source
from reverie.film.reading.opening import FilmFile

HEARD = ("level", "low", "mid", "high", "flux")
"""How loud it is: in all, below 250 Hz, up to 4 kHz, and above; and how much sets in at once, as a beat does."""

BANDS = (250, 4000)
"""Where low, mid and high part, in hertz."""

RATE, WINDOW, HOP = 44100, 2048, 512
"""Samples a second; samples whose spectrum is taken at once; from one spectrum to the next."""

FAINT = 0.01
"""A band whose loudest moment is below this share (-40 dB) of the loudest band's is not made as loud as that one."""

STEADY = 0.1
"""What sets in is at least compared with this share of the strongest spectrum: what goes on has no beats."""

JITTER = RATE // 20
"""By how many samples a timestamp may miss where the sound before it ends: more is a gap."""

AT_ONCE = 16 * WINDOW
"""How many samples are waited for before their spectra are taken."""

Samples: TypeAlias = NDArray[np.float32]


def measure_sound(film: FilmFile, seconds: Sequence[float], start: float = 0) -> dict[str, list[float]]:
    """Measure the first sound of a film around each of some moments, which ascend: when each frame is shown.

    `seconds` are counted from `start` seconds after the film's first frame. The values of `HEARD` are 0 in silence, and
    1 where a film is loudest between the first and the last of these moments; all are 0 for a film without sound.
    """
    if not film.sounds or not seconds:
        return {name: [0.0] * len(seconds) for name in HEARD}
    moments = np.asarray(seconds, np.float64) + start
    last = int((moments[-1] + 1) * RATE)
    zero = film.beginning * film.time_base
    with closing(read_samples(film, zero)) as pieces:
        spectra = list(measure_windows(join_samples(pieces, -WINDOW // 2, last)))
    heard = gather(np.concatenate(spectra), moments)
    *loudest, total = heard.max(axis=0)
    floor = [0, *[FAINT * max(loudest[1:4])] * 3, STEADY * total]
    shares = heard[:, :-1] / np.where(total > 0, np.maximum(loudest, floor), 1)
    return {name: shares[:, number].tolist() for number, name in enumerate(HEARD)}


def read_samples(film: FilmFile, zero: Fraction) -> Generator[tuple[int, Samples], None, None]:
    """Yield the sound as one channel, piece by piece: each from which sample on, counted from `zero` seconds.

    What is damaged is left out.
    """
    av = import_av()
    with open_source(film.path) as pictures:
        stream = pictures.container.streams.audio[0]
        resampler: Any = None
        layout, position = None, 0
        for frame in Source(pictures.container, stream, stream.codec_context).frames():
            due = position if frame.pts is None else round((frame.pts * frame.time_base - zero) * RATE)
            if resampler is None or abs(due - position) > JITTER:
                position = due
            if layout != (frame.format.name, frame.layout.name, frame.sample_rate):
                layout = frame.format.name, frame.layout.name, frame.sample_rate
                resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            frame.pts = None  # or the resampler would fill the gaps, too
            for piece in resampler.resample(frame):
                samples = np.nan_to_num(piece.to_ndarray()[0], posinf=0, neginf=0)
                yield position, samples
                position += len(samples)


def join_samples(pieces: Iterable[tuple[int, Samples]], start: int, end: int) -> Iterator[Samples]:
    """Yield all samples from `start` to `end` without a gap: silence where there are none, and nothing twice."""
    at = start
    for position, samples in pieces:
        yield from fill(at, min(position, end))
        at = max(at, min(position, end))
        samples = samples[max(0, at - position) : max(0, end - position)]
        at += len(samples)
        yield samples
        if at >= end:
            return
    yield from fill(at, end)


def fill(start: int, end: int) -> Iterator[Samples]:
    """Yield silence from one sample to another, no more than a second at once."""
    for at in range(start, end, RATE):
        yield np.zeros(min(RATE, end - at), np.float32)


def measure_windows(pieces: Iterable[Samples]) -> Iterator[NDArray[np.float64]]:
    """Yield the values of `HEARD` of the windows around every `HOP`-th sample from zero on, (n, 6).

    They are not yet shares; the last is the strength of the whole spectrum.
    """
    shape = np.hanning(WINDOW)
    pitches = np.fft.rfftfreq(WINDOW, 1 / RATE)
    edges = np.searchsorted(pitches, BANDS)
    waiting, before = np.zeros(0, np.float32), np.zeros((1, len(pitches)))
    partial = WINDOW // HOP  # windows that begin before the film does: that it begins is no beat
    for piece in pieces:
        waiting = np.concatenate([waiting, piece])
        count = (len(waiting) - WINDOW) // HOP + 1
        if len(waiting) < AT_ONCE:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(waiting, WINDOW)[: count * HOP : HOP]
        strengths = np.abs(np.fft.rfft(windows * shape, axis=1))
        risen = np.diff(np.concatenate([before, strengths]), axis=0).clip(0).sum(axis=1)
        risen[:partial] = 0
        partial = 0
        bands = [np.sqrt((band**2).sum(axis=1)) for band in np.split(strengths, edges, axis=1)]
        level = np.sqrt((windows.astype(np.float64) ** 2).mean(axis=1))
        yield np.stack([level, *bands, risen, strengths.sum(axis=1)], axis=1)
        waiting, before = waiting[count * HOP :], strengths[-1:]


def gather(windows: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values (n, 6) at each moment, of windows (m, 6): from half way to the moment before to half way to the next.

    Their mean; of what sets in, and of the strength, the most.
    """
    times = np.arange(len(windows)) * (HOP / RATE)
    between = np.searchsorted(times, (moments[1:] + moments[:-1]) / 2)
    nearest = np.rint(moments * (RATE / HOP)).astype(int).clip(0, len(windows) - 1)
    reach = round(float(np.median(np.diff(moments))) * RATE / HOP / 2) if len(moments) > 1 else 1
    first = np.minimum(np.concatenate([[max(0, nearest[0] - reach)], between]), nearest)
    last = np.maximum(np.concatenate([between, [min(len(windows), nearest[-1] + reach)]]), nearest + 1)
    rows = [windows[begin:end] for begin, end in zip(first, last, strict=True)]
    return np.array([[*row[:, :4].mean(axis=0), *row[:, 4:].max(axis=0)] for row in rows])
