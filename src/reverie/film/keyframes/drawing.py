"""A picture of keyframes: each curve, the wishes and the masks over the time of a film."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reverie._native.files import write_file
from reverie.analysis.figures import COLORS, PAGE, encode_figure, open_figure
from reverie.errors import ImageFileError, MissingExtra
from reverie.film.keyframes.moments import Schedule
from reverie.film.keyframes.times import Clock

FORMS = {".png": "png", ".pdf": "pdf"}
CURVE_HEIGHT, BAND_HEIGHT, AROUND = 0.95, 0.5, 0.75
"""Of the rows, and of the axes around them, in inches."""
NAMED_SHARE = 0.5
"""What is there for less than this share at its most is not named in its band."""
NEAR_EDGE = 0.08
"""A band whose middle is nearer than this to an edge, as a share of the width, has its words begin or end there."""
BANDS = tuple(color for color in COLORS if color != "#000000")


def check_drawing(target: Path) -> None:
    """Raises `ImageFileError` for a file that no picture of curves can be, `MissingExtra` without matplotlib."""
    if target.suffix.lower() not in FORMS or target.is_dir():
        raise ImageFileError(f"{target} is no picture of curves; expected one of {', '.join(FORMS)}")
    if not target.parent.is_dir():
        raise ImageFileError(f"{target} cannot be written: there is no folder {target.parent}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra("a picture of curves", "analysis")


def draw_schedule(schedule: Schedule, target: Path) -> None:
    """Writes a picture of a schedule: a row for each curve, a band each for wishes and masks, seconds and frames.

    `target`: a .png or .pdf. Raises `ImageFileError`, `MissingExtra`.
    """
    check_drawing(target)
    bands = {name: rows for name, rows in collect_bands(schedule).items() if rows}
    curves = schedule.curves
    heights = [CURVE_HEIGHT] * len(curves) + [
        BAND_HEIGHT * (1 if name == "wish" else len(bands[name])) for name in bands
    ]
    heights = heights or [BAND_HEIGHT]
    with open_figure(PAGE, sum(heights) + AROUND) as figure:
        rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for number, (axes, curve) in enumerate(zip(rows, curves, strict=False)):
            draw_curve(axes, schedule.clock, curve.values, COLORS[number % len(COLORS)])
            axes.set_title(f"weight of {curve.name}" if curve.term else curve.name, loc="left", pad=2)
        for axes, (name, shares) in zip(rows[len(curves) :], bands.items(), strict=False):
            draw_bands(axes, schedule.clock, shares, stacked=name == "wish")
            axes.set_title(name, loc="left", pad=2)
        label_time(rows[0], rows[-1], schedule.clock)
        data = encode_figure(figure, FORMS[target.suffix.lower()], ink=False)
    try:
        write_file(target, data)
    except OSError as error:
        raise ImageFileError(f"{target} cannot be written: {error.strerror or error}") from None


def collect_bands(schedule: Schedule) -> dict[str, list[tuple[str, Sequence[float]]]]:
    """The wishes, each once, and the masks, as words and shares."""
    wishes: list[tuple[str, Sequence[float]]] = [
        (str(each.objective), each.shares) for each in schedule.wishes if not each.beside
    ]
    masks: list[tuple[str, Sequence[float]]] = [
        (f"{Path(each.file).name}: {each.objective}", each.shares) for each in schedule.masks
    ]
    return {"wish": wishes, "masks": masks}


def draw_curve(axes: Any, clock: Clock, values: Sequence[float], color: str) -> None:
    """A line of one value for each frame; whole numbers in steps."""
    whole = all(isinstance(value, int) for value in values)
    style = {"drawstyle": "steps-post"} if whole else {}
    axes.plot(clock.seconds, values, color=color, marker="." if clock.frames == 1 else None, **style)
    axes.margins(x=0, y=0.12)
    if min(values) == max(values):  # or the axis would show rounding errors around it
        axes.set_ylim(values[0] - (abs(values[0]) or 1) / 2, values[0] + (abs(values[0]) or 1) / 2)
    axes.yaxis.get_major_locator().set_params(nbins=3, integer=whole, steps=[1, 2, 5, 10])


def draw_bands(axes: Any, clock: Clock, rows: Sequence[tuple[str, Sequence[float]]], stacked: bool) -> None:
    """Colored bands as high as the share of each thing: on top of each other where they share a whole, or in rows."""
    floor = np.zeros(clock.frames)
    for number, (words, shares) in enumerate(rows):
        heights = np.array(shares)
        bottom = floor if stacked else np.full(clock.frames, len(rows) - 1.0 - number)
        color = BANDS[number % len(BANDS)]
        axes.fill_between(clock.seconds, bottom, bottom + heights, color=color, alpha=0.45, linewidth=0)
        floor = floor + heights
        if heights.max() >= NAMED_SHARE:
            there = np.array(clock.seconds)[heights >= max(NAMED_SHARE, heights.max() - 0.02)]
            center = float(there[0] + there[-1]) / 2
            middle = float(bottom[int(heights.argmax())] + heights.max() / 2)
            share = center / clock.last if clock.last else 0.5
            side = "left" if share < NEAR_EDGE else "right" if share > 1 - NEAR_EDGE else "center"
            place = {"left": 0.0, "right": clock.last, "center": center}[side]
            axes.annotate(words, (place, middle), ha=side, va="center", fontsize=7, clip_on=True)
    axes.set_ylim(0, 1 if stacked else len(rows))
    axes.set_yticks([0, 1] if stacked else [])
    axes.grid(visible=False)  # it would cross the words
    axes.margins(x=0)


def label_time(top: Any, bottom: Any, clock: Clock) -> None:
    """Seconds below, frames above: both are true of a film whose frames are not evenly spaced, too."""
    bottom.set_xlabel("seconds")
    if clock.frames > 1:
        bottom.set_xlim(0, clock.last)
    seconds = [*clock.seconds, clock.find_second(clock.frames)]
    numbers = np.arange(clock.frames + 1.0)
    above = top.secondary_xaxis(
        "top", functions=(lambda x: np.interp(x, seconds, numbers), lambda n: np.interp(n, numbers, seconds))
    )
    above.set_xlabel("frame")
    above.xaxis.get_major_locator().set_params(integer=True)
