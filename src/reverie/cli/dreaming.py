"""The work behind `reverie dream` and `reverie run`."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reverie.cli.flags import Wish
from reverie.cli.progress import watched
from reverie.cli.targets import free, jobs_of
from reverie.dream import image_size, size_with, sized, whole
from reverie.errors import ImageFileError, ImageTooSmall, ReverieError, ScoreError, SettingsError
from reverie.gradient import score_of
from reverie.image import Photo, check_output, read_photo, save_image
from reverie.memory import parse_memory, tile_for
from reverie.models import load_model
from reverie.recipe import Recipe, model_of, photo_of, steps_of
from reverie.types import Image, Model, Step
from reverie.wording import objective


@dataclass(frozen=True)
class Manner:
    """How a run speaks, and what it writes beside its picture."""

    quiet: bool = False
    json: bool = False
    snapshots: int | None = None

    def __post_init__(self) -> None:
        if self.snapshots is not None and self.snapshots < 1:
            raise SettingsError(f"snapshots is {self.snapshots}; expected at least 1")


@dataclass(frozen=True)
class Run:
    """One recipe about to be dreamed: its photo is open, its network loaded, its output's place known to be good."""

    recipe: Recipe
    photo: Photo
    model: Model
    target: Path
    manner: Manner


def dream_all(photos: list[Path], output: Path | None, wish: Wish, manner: Manner) -> int:
    """Dreams every photo with one network; one that fails does not keep the others from it. Returns the exit code."""
    speak(manner)
    wished = objective(wish.objective)
    budget = parse_memory(wish.memory)
    jobs = jobs_of(photos, output)
    model = load_model(wish.model, seed=wish.settings.seed, **how(wish))
    code = 0
    for job in jobs:
        try:
            photo = read_photo(job.path)
            recipe = Recipe.of(photo, job.name, model, wished, wish.settings)
            tile = tile_for(model, wished, budget, size_with(image_size(photo.image), wish.settings.size))
            recipe = replace(recipe, engine=wish.engine, weights=wish.weights, tile=tile)
            code = max(code, dream_one(Run(recipe, photo, model, job.target, manner)))
        except ReverieError as error:
            if len(jobs) == 1:
                raise
            code = max(code, 2)
            print(f"reverie: {job.path}: {error}", file=sys.stderr)
        if code > 2:  # interrupted: the next photo is not wanted either
            break
    return code


def how(wish: Wish) -> dict[str, Any]:
    """How the network is loaded."""
    return {"weights": wish.weights, "engine": wish.engine, "device": wish.device, "precision": wish.precision}


def dream_again(picture: Path, output: Path | None, moved: Path | None, manner: Manner) -> int:
    """Dreams again what made a picture. Returns the exit code."""
    speak(manner)
    recipe = Recipe.from_file(picture)
    photo = photo_of(recipe if moved is None else replace(recipe, input=str(moved)), beside=picture)
    target = output or free(Path(), f"{picture.stem}-again", picture.suffix if picture.suffix != ".toml" else ".png")
    check_output(target, [picture, photo.path])
    return dream_one(Run(recipe, photo, model_of(recipe), target, manner))


def dream_one(run: Run) -> int:
    """Dreams a photo into its target. An interrupted dream is saved as far as it came, as one that failed is."""
    began = time.monotonic()
    image = sized(run.photo.image.to(run.model.device), run.recipe.settings.size)
    steps = steps_of(run.recipe, image, run.model)
    if run.manner.snapshots:
        steps = snapped(steps, run, image, snapshots_folder(run.target))
    steps = watched(steps, run.photo.path.name, image_size(image), run.recipe.settings, run.manner.quiet)
    last: Step | None = None
    taken, failure, code = 0, None, 0
    try:
        for taken, last in enumerate(steps, 1):  # noqa: B007
            pass
    except KeyboardInterrupt:
        code = 130
    except ScoreError as error:
        failure = error
    dreamed = image if last is None else whole(last, image)
    if last is not None or failure is None:
        recipe = run.recipe if not (code or failure) else replace(run.recipe, only_steps=taken)
        save_image(dreamed.cpu(), run.target, like=run.photo, recipe=recipe.to_toml())
        tell(run, report(run, image, dreamed, last, time.monotonic() - began))
    if failure:
        raise failure
    return code


def snapshots_folder(target: Path) -> Path:
    """The folder beside the output, made if it is not there; raises `ImageFileError` where it cannot be."""
    folder = target.with_name(target.stem + "-snapshots")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return folder


def snapped(steps: Iterator[Step], run: Run, image: Image, folder: Path) -> Iterator[Step]:
    """The same steps; every so many of the last octave the picture is written into the folder."""
    for taken, step in enumerate(steps, 1):
        if step.octave == step.octaves - 1 and (step.number + 1) % (run.manner.snapshots or 1) == 0:
            recipe = replace(run.recipe, only_steps=taken)
            path = folder / f"step-{step.number + 1:04d}{run.target.suffix}"
            save_image(whole(step, image).cpu(), path, like=run.photo, recipe=recipe.to_toml())
        yield step


def report(run: Run, image: Image, dreamed: Image, last: Step | None, seconds: float) -> dict[str, Any]:
    """What was done, in numbers. The scores are those of the photo and of the finished picture, at its size."""
    return {
        "output": str(run.target),
        "model": run.recipe.model,
        "objective": run.recipe.objective,
        "score_start": score(run, image),
        "score_end": score(run, dreamed),
        "steps": run.recipe.settings.steps,
        "octaves": last.octaves if last else 0,
        "seconds": round(seconds, 3),
        "peak_memory_bytes": peak_memory(),
        "device": str(run.model.device),
        "precision": run.recipe.precision,
        "recipe": run.recipe.to_toml(),
    }


def score(run: Run, image: Image) -> float | None:
    """The score of a picture; None where it has none, such as one that only its larger octaves could be dreamed of."""
    try:
        value = float(score_of(run.model, objective(run.recipe.objective))(image).mean())
    except ImageTooSmall:
        return None
    return value if math.isfinite(value) else None


def tell(run: Run, report: dict[str, Any]) -> None:
    if run.manner.json:
        print(json.dumps(report), flush=True)
    elif not run.manner.quiet:
        scores = (report["score_start"], report["score_end"])
        start, end = ("none" if each is None else f"{each:.4g}" for each in scores)
        print(f"{report['output']}: score {start} -> {end}, {report['seconds']:.1f} s", file=sys.stderr)


def peak_memory() -> int | None:
    """The most memory this process ever held, in bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def speak(manner: Manner) -> None:
    """The package's words of warning go to the terminal, each on a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("reverie: %(message)s"))
    logging.getLogger("reverie").handlers = [] if manner.quiet else [handler]
    logging.getLogger("reverie").propagate = False
