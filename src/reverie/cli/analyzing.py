"""The work behind `reverie analyze`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie.analysis.analyze import AT, TURNS, Plan, analyze, require_matplotlib
from reverie.analysis.climb import Watch
from reverie.analysis.folder import report_folder
from reverie.analysis.report import write_report
from reverie.analysis.variants import load_variants
from reverie.cli.flags import Wish
from reverie.cli.manner import Manner, speak
from reverie.cli.progress import watched
from reverie.cli.targets import free
from reverie.image.reading import read_photo
from reverie.image.resample import image_size
from reverie.models.catalog import RANDOM
from reverie.models.load import load_model
from reverie.objectives.default import default_objective
from reverie.objectives.parser import objective
from reverie.recipe.inputs import EXAMPLE, path_of
from reverie.types import Image


@dataclass(frozen=True)
class Compared:
    """What is asked for beside the wish: the ways to run the network, the steps to show, how long to time."""

    engines: Sequence[str]
    devices: Sequence[str]
    precisions: Sequence[str]
    at: Sequence[int] | None = None
    turns: int | None = None


def analyze_all(photos: Sequence[Path], output: Path | None, wish: Wish, compared: Compared, manner: Manner) -> int:
    """Analyzes the photos with one network, into one report. Returns the exit code."""
    speak(manner)
    logging.getLogger("reverie").setLevel(logging.WARNING if manner.quiet else logging.INFO)
    require_matplotlib()
    words = wish.objective
    if words is None:  # a network of another library: how it is built tells, whatever its weights
        words = default_objective(load_model(wish.model, weights=RANDOM, engine=wish.engine))
    plan = Plan(
        objective(words),
        wish.settings,
        tuple(AT if compared.at is None else compared.at),
        TURNS if compared.turns is None else compared.turns,
    )
    names = names_of(photos)
    target = output or free(Path(), f"{Path(next(iter(names))).stem}-report", "")
    with report_folder(target) as folder:
        images = {name: read_photo(path).image for name, path in names.items()}
        how = {"weights": wish.weights, "seed": wish.settings.seed}
        variants = load_variants(wish.model, compared.engines, compared.devices, compared.precisions, **how)

        def watch(name: str, image: Image) -> Watch:
            return lambda steps: watched(steps, name, image_size(image), wish.settings, manner.quiet)

        write_report(analyze(images, variants, plan, watch), folder)
    if not manner.quiet:
        print(f"{target / 'index.html'}", file=sys.stderr)
    return 0


def names_of(photos: Sequence[Path]) -> dict[str, Path]:
    """The photos by what a page calls them: the file's name, and the whole path where two are called alike."""
    paths = list(dict.fromkeys(photos)) or [path_of(EXAMPLE)]
    short = [path.name for path in paths]
    return {path.name if short.count(path.name) == 1 else str(path): path for path in paths}
