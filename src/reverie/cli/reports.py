"""The command that measures: a report on a network, a dream and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import Dreamed, Several, Switch, Words, collect_said
from reverie.cli.output import Speaking, print_json, print_line, set_manner, watch_with
from reverie.recipe.request import read_request


def analyze_dream(
    *photos: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="the folder to write")] = None,
    model: str | None = None,
    objective: Words = None,
    guide: Several = None,
    mask: Several = None,
    preset: str | None = None,
    config: Path | None = None,
    memory: str | None = None,
    weights: str | None = None,
    engine: Several = None,
    device: Several = None,
    precision: Several = None,
    at: list[int] | None = None,
    turns: int | None = None,
    as_printed: Switch = False,
    manner: Speaking = None,
    settings: Dreamed = None,
) -> int:
    """Analyze a network, a dream and what it costs: a report with figures for a paper.

    Parameters
    ----------
    photos
        Pictures to dream; none: the astronaut that comes with Reverie.
    model
        The network: see `reverie models`.
    objective
        What to dream of, such as "fire8^2 + 0.5*fire5:12 - 0.1*tv": see `reverie layers`.
    guide
        A picture whose features shall be found in the photo, as in `reverie dream`.
    mask
        A region and what to dream of there, as in `reverie dream`.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, a recipe, or a picture that holds one.
    memory
        How much memory the dream may take, such as 2GB; auto: half of what is free.
    weights
        A file of weights (safetensors, Keras's .h5), or random for an untrained network made from the seed.
    engine
        What runs the network: torch or tensorflow. Said twice, they are compared; the first one dreams.
    device
        auto, cpu, cuda or mps; several are compared.
    precision
        auto, float32 or bfloat16; several are compared.
    at
        Show the picture after so many steps of each octave; say it several times. [default: 0 100 200 300]
    turns
        How many turns each variant takes while they are timed. [default: 7]
    as_printed
        Also print the numbers line by line as the paper's code does, in the words of TensorFlow, Keras and NumPy; they
        are in the report's printed.txt, too.
    """
    manner = set_manner(manner)
    words = {"model": model, "objective": objective, "weights": weights, "guide": guide, "mask": mask, "memory": memory}
    request = read_request(words, collect_said(settings), preset, config)
    from reverie.analysis.compare import Compared, analyze_request
    from reverie.analysis.report import PRINTED_FILE

    spec = request.model
    compared = Compared(engine or [spec.engine], device or [spec.device], precision or [spec.precision], at, turns)
    target = analyze_request(request, photos, output, compared, watch_with(manner))
    if manner.json:
        print_json({"output": str(target / "index.html"), "results": str(target / "results.json")})
    else:
        if as_printed:
            print((target / PRINTED_FILE).read_text("utf-8"), end="")
        print_line(manner, f"{target / 'index.html'}")
    return 0
