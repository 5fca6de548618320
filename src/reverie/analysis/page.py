"""The report as one self-contained HTML page: images are embedded, and nothing is loaded from elsewhere.

`templates/report.html.j2` is the page; this module makes the texts, rows and figures that fill it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.cost import describe_cost
from reverie.analysis.figures import RenderedFigure, format_number
from reverie.analysis.layers import LayerStatistics
from reverie.analysis.pictures import encode_jpeg, group_snapshots
from reverie.jobs.pages import render_page

Figures = Mapping[str, RenderedFigure]
TemplateData = dict[str, object]
"""Values of a template, by their names in it."""


def render_report(analysis: Analysis, figures: Figures, names: Sequence[Mapping[str, str]]) -> str:
    """The page as HTML.

    figures: all figures by name.
    names: for each photo, the names of its figures by what they show, as `draw_photo_figures` returns them.
    """
    photos = analysis.photos
    data = {
        "model": analysis.model,
        "objective": analysis.objective,
        "subject": photos[0].name if len(photos) == 1 else f"{len(photos)} photos",
        "numbers": list_headline_numbers(analysis),
        "network": describe_network(analysis, figures),
        "photos": [describe_photo(photo, figures, own) for photo, own in zip(photos, names, strict=True)],
        "cost": describe_cost(analysis) | {"figure": figures["performance"]},
        "settings": describe_settings(analysis),
    }
    return render_page("reverie.analysis", "report.html.j2", data)


def list_headline_numbers(analysis: Analysis) -> list[tuple[str, str, str]]:
    """The three numbers at the top of the page: parameters, score, steps a second; as (name, value, remark)."""
    first, climb = analysis.timings[0], analysis.photos[0].climb
    steps = f"{sum(len(octave.scores) for octave in climb.octaves):,} steps, octaves: {len(climb.octaves)}"
    return [
        ("parameters", f"{analysis.parameters.total:,}", f"{analysis.parameters.trainable:,} trainable"),
        ("score", f"{format_number(climb.score_start)} → {format_number(climb.score_end)}", steps),
        ("steps a second", f"{1 / first.seconds.median:.3g}", first.variant),
    ]


def describe_network(analysis: Analysis, figures: Figures) -> TemplateData:
    """The section on parameters, block by block."""
    own = analysis.parameters
    blocks = [
        (name, f"{trainable + fixed:,}", f"{trainable:,}", f"{fixed:,}")
        for name, (trainable, fixed) in own.blocks.items()
    ]
    total = ("all", f"{own.total:,}", f"{own.trainable:,}", f"{own.non_trainable:,}")
    return {"blocks": blocks, "total": total, "figure": figures["parameters"]}


def describe_photo(photo: PhotoAnalysis, figures: Figures, names: Mapping[str, str]) -> TemplateData:
    """The section on one photo: layers, channels, score and dream."""
    height, width = photo.size
    return {
        "name": photo.name,
        "width": width,
        "height": height,
        "layers": [make_layer_row(layer) for layer in photo.layers],
        "total": ("sum", "", f"{sum(layer.mean for layer in photo.layers):.7g}", "", "", ""),
        "histogram": figures[names["histogram"]] if photo.layers else None,
        "channels": [figures[names[layer.layer]] for layer in photo.layers],
        "climb": figures[names["climb"]],
        "octaves": describe_octaves(photo),
        "dream": figures[names["dream"]] if "dream" in names else None,
    }


def make_layer_row(layer: LayerStatistics) -> tuple[str, ...]:
    """A layer's row in the table: name, shape, mean, standard deviation, share of zeros, maximum."""
    channels, height, width = layer.shape
    shape = f"{channels} × {height} × {width}"
    return (
        layer.layer,
        shape,
        f"{layer.mean:.7g}",
        format_number(layer.deviation),
        f"{layer.zeros:.1%}",
        format_number(layer.most),
    )


def describe_octaves(photo: PhotoAnalysis) -> list[TemplateData]:
    """The snapshots of the dream, a strip for each octave."""
    sizes = {octave.number: octave.size for octave in photo.climb.octaves}
    octaves: list[TemplateData] = []
    for row in group_snapshots(photo):
        height, width = sizes[row[0].octave]
        pictures = [
            {"jpeg": encode_jpeg(each.picture), "step": each.step, "score": format_number(each.score)} for each in row
        ]
        octaves.append({"number": row[0].octave + 1, "width": width, "height": height, "pictures": pictures})
    return octaves


def describe_settings(analysis: Analysis) -> list[tuple[str, str]]:
    """Rows of the table of settings: everything needed to repeat the dream."""
    values = [(name.replace("_", " "), f"{value}") for name, value in analysis.settings.as_dict().items()]
    model = [("objective", analysis.objective), ("model", analysis.model), ("weights, SHA-256", analysis.digest)]
    return [*model, *values]
