"""Writes the report of an analysis: an HTML page, its figures as PNG and PDF, and every number as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.charts import draw_climb_chart, draw_histogram_chart, draw_parameters_chart, draw_timing_chart
from reverie.analysis.figures import RenderedFigure
from reverie.analysis.folder import RESULTS_FILE, write_files
from reverie.analysis.page import render_report
from reverie.analysis.pictures import draw_channels_figure, draw_dream_figure
from reverie.analysis.printed import format_as_printed
from reverie.analysis.results import build_results

PRINTED_FILE = "printed.txt"
"""The numbers as the paper's code prints them."""


def write_report(analysis: Analysis, folder: Path) -> None:
    """Writes index.html, results.json, printed.txt and figures/ (each as PNG and as vector PDF) into an empty folder.

    Within `draft_report_folder` it is written whole or not at all.
    """
    figures: dict[str, RenderedFigure] = {}
    names = [
        draw_photo_figures(photo, stem, analysis, figures)
        for photo, stem in zip(analysis.photos, choose_file_stems(analysis), strict=True)
    ]
    first = analysis.photos[0]
    for figure in (
        draw_parameters_chart(analysis.parameters, analysis.model),
        draw_timing_chart(analysis.timings, first.size, analysis.plan.turns),
    ):
        figures[figure.name] = figure
    files = {"index.html": render_report(analysis, figures, names).encode()}
    files[PRINTED_FILE] = format_as_printed(analysis).encode()
    for figure in figures.values():
        files |= {f"figures/{figure.name}.png": figure.png, f"figures/{figure.name}.pdf": figure.pdf}
    results = build_results(analysis) | {"files": sorted(files)}
    write_files(folder, {**files, RESULTS_FILE: (json.dumps(results, indent=2) + "\n").encode()})


def draw_photo_figures(
    photo: PhotoAnalysis, stem: str, analysis: Analysis, figures: dict[str, RenderedFigure]
) -> Mapping[str, str]:
    """Draws a photo's figures and adds them to `figures`, by name.

    Returns their names by what they show: "climb", "dream", "histogram", and the name of each layer.
    """
    made = {"climb": draw_climb_chart(photo.climb, photo.name, analysis.objective, f"{stem}-climb")}
    if photo.climb.snapshots:
        made["dream"] = draw_dream_figure(photo, f"{stem}-dream")
    if photo.layers:
        made["histogram"] = draw_histogram_chart(photo, f"{stem}-histogram")
    for layer in photo.layers:
        made[layer.layer] = draw_channels_figure(photo, layer, f"{stem}-channels-{make_portable_name(layer.layer)}")
    figures |= {each.name: each for each in made.values()}
    return {part: each.name for part, each in made.items()}


def choose_file_stems(analysis: Analysis) -> list[str]:
    """The prefix of each photo's figures: its file name without suffix, numbered where two are the same."""
    chosen: list[str] = []
    for photo in analysis.photos:
        number, stem = 1, make_portable_name(Path(photo.name).stem)
        while stem in chosen:
            number += 1
            stem = f"{make_portable_name(Path(photo.name).stem)}-{number}"
        chosen.append(stem)
    return chosen


def make_portable_name(name: str) -> str:
    """A name with only the characters that file names have on every system."""
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "photo"
