"""Writes the report of an analysis: an HTML page, its figures as PNG and PDF, and every number as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.charts import climb_chart, histogram_chart, parameters_chart, timing_chart
from reverie.analysis.folder import RESULTS, fill
from reverie.analysis.page import page
from reverie.analysis.pictures import channels_figure, dream_figure
from reverie.analysis.results import results_of
from reverie.analysis.style import Drawn


def write_report(analysis: Analysis, folder: Path) -> None:
    """Writes index.html, results.json and figures/ (every figure as PNG and as vector PDF) into an empty folder.

    Within `draft_report_folder` it is written whole or not at all.
    """
    figures: dict[str, Drawn] = {}
    names = [
        draw_photo(photo, stem, analysis, figures) for photo, stem in zip(analysis.photos, stems(analysis), strict=True)
    ]
    first = analysis.photos[0]
    for figure in (
        parameters_chart(analysis.parameters, analysis.model),
        timing_chart(analysis.timings, first.size, analysis.plan.turns),
    ):
        figures[figure.name] = figure
    files = {"index.html": page(analysis, figures, names).encode()}
    for figure in figures.values():
        files |= {f"figures/{figure.name}.png": figure.png, f"figures/{figure.name}.pdf": figure.pdf}
    results = results_of(analysis) | {"files": sorted(files)}
    fill(folder, {**files, RESULTS: (json.dumps(results, indent=2) + "\n").encode()})


def draw_photo(photo: PhotoAnalysis, stem: str, analysis: Analysis, figures: dict[str, Drawn]) -> Mapping[str, str]:
    """Draws a photo's figures and adds them to `figures`, by name.

    Returns their names by what they show: "climb", "dream", "histogram", and the name of each layer.
    """
    made = {"climb": climb_chart(photo.climb, photo.name, str(analysis.plan.wish), f"{stem}-climb")}
    if photo.climb.snapshots:
        made["dream"] = dream_figure(photo, f"{stem}-dream")
    if photo.layers:
        made["histogram"] = histogram_chart(photo, f"{stem}-histogram")
    for layer in photo.layers:
        made[layer.layer] = channels_figure(photo, layer, f"{stem}-channels-{plain(layer.layer)}")
    figures |= {each.name: each for each in made.values()}
    return {part: each.name for part, each in made.items()}


def stems(analysis: Analysis) -> list[str]:
    """The prefix of each photo's figures: its file name without suffix, numbered where two are the same."""
    chosen: list[str] = []
    for photo in analysis.photos:
        number, stem = 1, plain(Path(photo.name).stem)
        while stem in chosen:
            number += 1
            stem = f"{plain(Path(photo.name).stem)}-{number}"
        chosen.append(stem)
    return chosen


def plain(name: str) -> str:
    """A name with only the characters that file names have on every system."""
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "photo"
