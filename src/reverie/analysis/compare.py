"""From a request to a report on disk: the network is run in every way that is asked for, the first one dreams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie.analysis.analyze import SNAPSHOT_STEPS, TURNS, AnalysisPlan, analyze_runs, require_matplotlib
from reverie.analysis.folder import draft_report_folder
from reverie.analysis.report import write_report
from reverie.analysis.variants import load_variants
from reverie.errors import SettingsError
from reverie.image.reading import read_photo
from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Watch
from reverie.jobs.places import free_path
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.recipe.request import Request, check_words, make_recipe


@dataclass(frozen=True)
class Compared:
    """What is asked for beside the wish: the ways to run the network, the steps to show, how long to time."""

    engines: Sequence[str]
    devices: Sequence[str]
    precisions: Sequence[str]
    at: Sequence[int] | None = None
    turns: int | None = None


def analyze_request(
    request: Request, photos: Sequence[Path], output: Path | None, compared: Compared, watch: Watch = iter
) -> Path:
    """Analyzes the dreams of some photos, or of the bundled one, with one network; returns the folder of the report.

    Raises `ReportError`, `MissingExtra`, and what a dream raises.
    """
    require_matplotlib()
    check_words(request)
    plan = AnalysisPlan(
        tuple(SNAPSHOT_STEPS if compared.at is None else compared.at),
        TURNS if compared.turns is None else compared.turns,
    )
    names = name_photos(photos)
    target = output or free_path(Path(), f"{Path(next(iter(names))).stem}-report", "")
    with draft_report_folder(target) as folder:
        for path in names.values():
            read_photo(path)  # a broken one is told before the network is loaded
        ways = compared.engines, compared.devices, compared.precisions
        spec, seed = request.model, request.settings.seed
        variants = load_variants(spec.name, *ways, weights=spec.weights, seed=seed)
        models = Networks()
        models.keep(spec, variants[0].model, seed)
        runs = {name: prepare_run(request, path, models) for name, path in names.items()}
        write_report(analyze_runs(runs, variants, plan, watch), folder)
    return target


def prepare_run(request: Request, path: Path, models: Networks) -> MemoryRun:
    """The run of a photo, in memory. Raises `SettingsError` for one that does not fit there."""
    model = models.load(request.model, request.settings.seed)
    run = prepare(Job(make_recipe(request, str(path), model), memory=request.memory, allow_code=True), models=models)
    if not isinstance(run, MemoryRun):
        raise SettingsError(f"{path} does not fit into memory, where an analysis looks at it whole: give it a --size")
    return run


def name_photos(photos: Sequence[Path]) -> dict[str, Path]:
    """The photos by what a page calls them: the file's name, and the whole path where two are called alike."""
    paths = list(dict.fromkeys(photos)) or [input_path(EXAMPLE)]
    short = [path.name for path in paths]
    return {path.name if short.count(path.name) == 1 else str(path): path for path in paths}
