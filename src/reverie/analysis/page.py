"""The report as one page: everything it shows is within it, and nothing is asked of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.cost import cost
from reverie.analysis.html import Html, digits, facts, files, joined, picture, piece, shown, table
from reverie.analysis.layers import LayerStatistics
from reverie.analysis.pictures import jpeg, octave_rows
from reverie.analysis.style import Drawn

Figures = Mapping[str, Drawn]


def page(analysis: Analysis, figures: Figures, names: Sequence[Mapping[str, str]]) -> str:
    """The page. `figures` by name; `names` are, for each photo, what its figures are called."""
    style = resources.files("reverie").joinpath("analysis", "report.css").read_text("utf-8")
    title = f"{analysis.model}: {analysis.plan.wish}"
    head = joined(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            piece("title", title),
            piece("style", Html(style)),
        ]
    )
    photos = [part(photo, figures, own) for photo, own in zip(analysis.photos, names, strict=True)]
    body = joined([opening(analysis), network(analysis, figures), *photos, cost(analysis, figures), making(analysis)])
    return (
        "<!doctype html>\n" + piece("html", piece("head", head), piece("body", piece("main", body)), lang="en") + "\n"
    )


def opening(analysis: Analysis) -> Html:
    """What this is about, and its four first numbers."""
    count = len(analysis.photos)
    what = analysis.photos[0].name if count == 1 else f"{count} photos"
    first, climb = analysis.timings[0], analysis.photos[0].climb
    numbers = [
        ("parameters", f"{analysis.parameters.total:,}", f"{analysis.parameters.trainable:,} trainable"),
        ("score", f"{digits(climb.score_start)} → {digits(climb.score_end)}", taken(analysis.photos[0])),
        ("steps a second", f"{1 / first.seconds.median:.3g}", first.variant),
    ]
    return joined(
        [
            piece("h1", f"What {analysis.model} dreams, and at what cost"),
            piece("p", f"The objective {analysis.plan.wish} on {what}.", class_="lead"),
            piece("p", INTRODUCTION),
            piece("dl", *(number(*each) for each in numbers), class_="numbers"),
        ]
    )


INTRODUCTION = (
    "The dream changes the picture step by step so that the network answers more strongly. How strongly is one number, "
    "the score, the paper's loss: it is climbed, never descended."
)


def number(name: str, value: str, small: str) -> Html:
    return piece("div", piece("dt", name), piece("dd", value, piece("small", small)))


def taken(photo: PhotoAnalysis) -> str:
    """How many steps of how many octaves."""
    octaves = photo.climb.octaves
    return f"{sum(len(octave.scores) for octave in octaves):,} steps, octaves: {len(octaves)}"


def network(analysis: Analysis, figures: Figures) -> Html:
    """The parameters, block by block."""
    own = analysis.parameters
    rows = [
        (name, f"{trainable + fixed:,}", f"{trainable:,}", f"{fixed:,}")
        for name, (trainable, fixed) in own.blocks.items()
    ]
    total = ("all", f"{own.total:,}", f"{own.trainable:,}", f"{own.non_trainable:,}")
    return joined(
        [
            piece("h2", "The network"),
            table(("block", "parameters", "trainable", "non-trainable"), rows, total),
            shown(figures["parameters"]),
        ]
    )


def part(photo: PhotoAnalysis, figures: Figures, names: Mapping[str, str]) -> Html:
    """All about one photo."""
    height, width = photo.size
    pieces = [piece("h2", photo.name), piece("p", f"{width} × {height} pixels."), *answers(photo, figures, names)]
    pieces += [piece("h3", "How the dream climbs"), piece("p", CLIMBING), shown(figures[names["climb"]])]
    if "dream" in names:
        pieces += [strips(photo), dream_files(figures[names["dream"]])]
    return joined(pieces)


CLIMBING = (
    "Scores in the figure are those the ascent saw, each before its step and with the step's random shift. "
    "Scores under the pictures are of the pictures themselves, at their octave's size; "
    "step 0 of the first octave is the photo, step 0 of a later one what the octaves before it left."
)


def answers(photo: PhotoAnalysis, figures: Figures, names: Mapping[str, str]) -> list[Html]:
    """What the layers answer to the photo before it is dreamed."""
    if not photo.layers:
        return [piece("p", "The objective reads no layer.")]
    total = ("sum", "", f"{sum(layer.mean for layer in photo.layers):.7g}", "", "", "")
    head = ("layer", "shape", "mean", "standard deviation", "zeros", "maximum")
    channels = [shown(figures[names[layer.layer]]) for layer in photo.layers]
    return [
        piece("h3", "What the layers answer"),
        piece(
            "p", "Activations for the photo as it is; the mean of a layer is one of the losses that the paper prints."
        ),
        table(head, [answer(layer) for layer in photo.layers], total),
        shown(figures[names["histogram"]]),
        *channels,
    ]


def answer(layer: LayerStatistics) -> tuple[str, ...]:
    channels, height, width = layer.shape
    shape = f"{channels} × {height} × {width}"
    return layer.layer, shape, f"{layer.mean:.7g}", digits(layer.deviation), f"{layer.zeros:.1%}", digits(layer.most)


def strips(photo: PhotoAnalysis) -> Html:
    """The pictures on the way, a strip for each octave."""
    sizes = {octave.number: octave.size for octave in photo.climb.octaves}
    pieces = []
    for row in octave_rows(photo):
        height, width = sizes[row[0].octave]
        pictures = [
            piece(
                "figure",
                picture(jpeg(each.picture), "jpeg", f"the picture after {each.step} steps"),
                piece("figcaption", f"step {each.step}, score {digits(each.score)}"),
            )
            for each in row
        ]
        title = piece("h4", f"Octave {row[0].octave + 1}, {width} × {height} pixels")
        pieces.append(piece("div", title, piece("div", *pictures, class_="strip"), class_="octave"))
    return joined(pieces)


def dream_files(figure: Drawn) -> Html:
    """The same pictures as one figure, to take away: the strips show them already."""
    return piece("p", "The same as one figure: ", files(figure), class_="note")


def making(analysis: Analysis) -> Html:
    """The settings, for whoever wants to do it again."""
    values = [(name.replace("_", " "), f"{value}") for name, value in analysis.plan.settings.as_dict().items()]
    model = [("objective", str(analysis.plan.wish)), ("model", analysis.model), ("weights, SHA-256", analysis.digest)]
    return joined([piece("h2", "Settings"), facts([*model, *values])])
