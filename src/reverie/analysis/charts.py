"""Charts of lines, bars and dots: parameters, activations, scores and times."""

from __future__ import annotations

from collections.abc import Sequence

from reverie.analysis.analyze import PhotoAnalysis
from reverie.analysis.climb import Climb
from reverie.analysis.figures import (
    COLORS,
    COLUMN,
    DASHES,
    MARKERS,
    RenderedFigure,
    line_style,
    open_figure,
    render_figure,
)
from reverie.analysis.layers import LayerStatistics
from reverie.analysis.parameters import Parameters
from reverie.analysis.timing import Timing

FEW_STEPS = 50
"""An octave of fewer steps is drawn with a dot at each."""


def draw_parameters_chart(parameters: Parameters, model: str) -> RenderedFigure:
    """A bar chart of the parameters of each block, in millions, lowest block on top."""
    blocks = {name: kinds for name, kinds in parameters.blocks.items() if sum(kinds)}
    with open_figure(COLUMN, 0.6 + 0.16 * len(blocks)) as figure:
        axes = figure.add_subplot()
        trainable = [kinds[0] / 1e6 for kinds in blocks.values()]
        fixed = [kinds[1] / 1e6 for kinds in blocks.values()]
        axes.barh(list(blocks), trainable, height=0.7, color=COLORS[0], label="trainable")
        if any(fixed):
            axes.barh(list(blocks), fixed, left=trainable, height=0.7, color=COLORS[5], label="non-trainable")
            axes.legend(loc="best")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("parameters (millions)")
        return render_figure(figure, "parameters", f"Parameters of {model} in each block, from the pixels upwards.")


def draw_histogram_chart(photo: PhotoAnalysis, name: str) -> RenderedFigure:
    """A histogram of the activations of each layer: share of neurons in each bin, on a logarithmic scale."""
    with open_figure(COLUMN, 2.4) as figure:
        axes = figure.add_subplot()
        for number, layer in enumerate(photo.layers):
            axes.stairs(
                compute_bin_shares(layer),
                layer.edges,
                label=f"{layer.layer}, {layer.zeros:.0%} zeros",
                **line_style(number),
            )
        axes.set_yscale("log")
        axes.set_xlabel("activation")
        axes.set_ylabel("share of neurons per bin")
        axes.legend()
        return render_figure(
            figure, name, f"Activations of the layers on {photo.name}: how many neurons answer how strongly."
        )


def compute_bin_shares(layer: LayerStatistics) -> list[float]:
    """The share of a layer's neurons in each bin; NaN for an empty bin, which a logarithmic scale cannot show."""
    neurons = sum(layer.counts)
    return [count / neurons if count else float("nan") for count in layer.counts]


def draw_climb_chart(climb: Climb, photo: str, objective: str, name: str) -> RenderedFigure:
    """The score against the step, a line for each octave.

    The lines stand one after another along the axis, so that they do not cross each other.
    """
    with open_figure(COLUMN, 2.6) as figure:
        axes, first = figure.add_subplot(), 0
        for number, octave in enumerate(climb.octaves):
            height, width = octave.size
            steps, first = range(first, first + len(octave.scores)), first + len(octave.scores)
            color = COLORS[number % len(COLORS)]
            dot = "." if len(octave.scores) < FEW_STEPS else ""
            axes.plot(steps, octave.scores, dot + "-", color=color, linewidth=0.9, label=f"{width} × {height} px")
            axes.axvline(first, color="black", linewidth=0.5, linestyle=DASHES[2])
        axes.set_xlabel("step, octaves one after another")
        axes.set_ylabel("score")
        axes.set_xlim(0, first)
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside upper center", ncols=3, handlelength=1.2, columnspacing=1.2)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:,.6g}")
        caption = f"Score of {objective} on {photo} against the step, one line for each octave, smallest first."
        return render_figure(figure, name, caption)


def draw_timing_chart(timings: Sequence[Timing], size: tuple[int, int], turns: int) -> RenderedFigure:
    """The time of a step: a row for each variant, with a dot for each timed step, the median and the quartiles."""
    with open_figure(COLUMN, 0.75 + 0.38 * len(timings)) as figure:
        axes = figure.add_subplot()
        for row, timing in enumerate(timings):
            color, seconds = COLORS[row % len(COLORS)], timing.seconds
            dots = [1000 * each.seconds for each in timing.samples]
            # below each other in the order they were timed
            heights = [row + 0.3 * (place / max(1, len(dots) - 1) - 0.5) for place in range(len(dots))]
            axes.plot(dots, heights, ".", color=color, alpha=0.6, markersize=4, markeredgewidth=0)
            axes.hlines(row, 1000 * seconds.low, 1000 * seconds.high, color="black", linewidth=2)
            mark = MARKERS[row % len(MARKERS)]
            axes.plot(1000 * seconds.median, row, mark, color=color, markeredgecolor="black", markersize=6)
        axes.set_yticks(range(len(timings)), [timing.variant for timing in timings])
        axes.set_ylim(len(timings) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("time per step (ms)")
        how = f"{turns} turns, one after another" if len(timings) > 1 else f"{turns} turns"
        caption = (
            f"Time of a step at {size[1]} × {size[0]} px: {how}; mark: median, bar: middle half, dots: every step."
        )
        return render_figure(figure, "performance", caption)
