"""The style of all figures: as wide as a journal's column, readable in print, in gray and by the color-blind.

matplotlib is imported only where a figure is made, and no global state of it is changed: pyplot is not used, and the
settings hold only within `open_figure`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

COLUMN = 3.5
"""Width of a journal's column, in inches (89 mm)."""
PAGE = 7.2
"""Width of both columns, in inches (183 mm)."""
DOTS_PER_INCH = {True: 300, False: 200}
"""Dots an inch of a PNG, by whether it is line art. Journals ask for 300; pictures have no more than 200 to show."""

# Okabe and Ito's colors ("Color universal design", 2008), dark ones first: distinct to the color-blind.
# Lines differ in their dashes as well, marks in their shape, so that a gray print keeps them apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (7, 2)), (0, (2, 2, 4, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLORMAP = "cividis"
"""A perceptually uniform color map, readable with red-green color blindness."""

MATPLOTLIB_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,  # letters stay letters, which journals ask for
}


@dataclass(frozen=True)
class RenderedFigure:
    """A finished figure: its file name without suffix, its caption, and the bytes of its PNG and vector PDF."""

    name: str
    caption: str
    png: bytes
    pdf: bytes
    ink: bool = True
    """Whether it is line art on white, rather than pictures."""


@contextmanager
def open_figure(width: float, height: float, fitted: bool = True) -> Iterator[Any]:
    """Yields a matplotlib figure of a size in inches; our style holds within the block.

    fitted: whether matplotlib lays out the axes (constrained layout), or the caller places them.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = MATPLOTLIB_SETTINGS  # the names are checked by matplotlib, not by us
    with matplotlib.rc_context(settings):
        figure = Figure((width, height), layout="constrained" if fitted else None)
        FigureCanvasAgg(figure)
        yield figure


def encode_figure(figure: Any, form: str, ink: bool) -> bytes:
    """The figure as the bytes of a "png" or "pdf" file.

    Date and software are left out of the metadata, so that the same figure gives the same bytes.
    """
    file = io.BytesIO()
    bare = {"CreationDate": None, "Creator": None, "Producer": None} if form == "pdf" else {"Software": None}
    figure.savefig(file, format=form, dpi=DOTS_PER_INCH[ink], metadata=bare)
    return file.getvalue()


def render_figure(figure: Any, name: str, caption: str, ink: bool = True) -> RenderedFigure:
    """Renders a matplotlib figure as PNG and PDF; must be called within the `open_figure` that made it."""
    return RenderedFigure(name, caption, encode_figure(figure, "png", ink), encode_figure(figure, "pdf", ink), ink)


def format_number(value: float, count: int = 4) -> str:
    """A number to `count` significant digits, thousands separated by commas: 37,170; 0.04213."""
    text = f"{value:#,.{count}g}".rstrip(".")
    return f"{value:,.0f}" if "e+" in text else text


def line_style(number: int) -> dict[str, Any]:
    """Color and dashes of the line with this number: 42 pairs before one repeats."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": DASHES[number % len(DASHES)]}
