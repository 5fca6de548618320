"""The work behind `reverie dream` and `reverie run`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reverie._native.memory import peak_memory
from reverie.ascent.octaves import whole
from reverie.cli.flags import Wish
from reverie.cli.large import LargeRun, dream_large, larger_than
from reverie.cli.manner import Manner, speak
from reverie.cli.progress import tell, watched
from reverie.cli.targets import again, jobs_of
from reverie.cli.visualizing import visualize_again
from reverie.errors import ImageFileError, ImageTooSmall, ReverieError, ScoreError, SettingsError
from reverie.gradient.base import layers_of, score_of
from reverie.gradient.compose import Finish, resize_of, seen_size
from reverie.gradient.memory import parse_memory, tile_for
from reverie.image.formats import check_output
from reverie.image.panorama import labeled
from reverie.image.reading import Photo, PhotoFile, read_header, read_photo
from reverie.image.resample import image_size, size_with, sized
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import finish_for, steps_of
from reverie.models.load import load_model
from reverie.objectives.base import Objective
from reverie.objectives.default import default_objective
from reverie.objectives.guides import guided
from reverie.objectives.parser import objective
from reverie.recipe.inputs import header_of, located, model_of, photo_of, wish_of
from reverie.recipe.recipe import Recipe, plain, text_of, visualized
from reverie.types import Image, Model, Step


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
    check_words(wish)
    budget = parse_memory(wish.memory)
    jobs = jobs_of(photos, output, [Path(file) for _, file in wish.guides] + [Path(file) for file, _ in wish.masks])
    model = load_model(wish.model, seed=wish.settings.seed, **how(wish))
    wished = wishes(wish, wish.objective or default_objective(model))
    layers_of(model, whole_wish(wished).resolved(model))  # an unknown layer is refused once, not for each photo
    code = 0
    for job in jobs:
        try:
            header = read_header(job.path)
            recipe = Recipe.of(header, job.name, model, wished, wish.settings)
            recipe = replace(recipe, engine=wish.engine, weights=wish.weights)
            if larger_than(budget, header, recipe, model, whole_wish(wished)):
                code = max(code, dream_large(LargeRun(recipe, header, model, job.target, manner), budget))
                continue
            photo = read_photo(job.path)
            recipe = recipe_for((photo, job.name), model, wished, wish, budget)
            code = max(code, dream_one(Run(recipe, photo, model, job.target, manner)))
        except ReverieError as error:
            if len(jobs) == 1:
                raise
            code = max(code, 2)
            which = "" if job.path.name in str(error) else f"{job.path}: "
            print(f"reverie: {which}{error}", file=sys.stderr)
        if code > 2:  # interrupted: the next photo is not wanted either
            break
    return code


def recipe_for(
    named: tuple[Photo, str], model: Model, wished: Objective | list[tuple[str, Objective]], wish: Wish, budget: int
) -> Recipe:
    """What is about to be dreamed of a photo and its name, in tiles where the budget, in bytes, is too small."""
    recipe = Recipe.of(*named, model, wished, wish.settings)
    size = seen_size(size_with(image_size(named[0].image), wish.settings.size), recipe.settings)
    tile = tile_for(model, whole_wish(wished), budget, size)
    return replace(recipe, engine=wish.engine, weights=wish.weights, tile=tile)


def check_words(wish: Wish) -> None:
    """Reads every objective, before any network is loaded; raises `WordingError`."""
    for words in [wish.objective, *(own or wish.objective for _, own in wish.masks)]:
        if words is not None:
            objective(words)


def wishes(wish: Wish, default: str) -> Objective | list[tuple[str, Objective]]:
    """What to dream of, in the whole picture or by each mask's file: where there are guides, of their features.

    A mask with words of its own says its own guides.
    """
    whole = objective(wish.objective or default)
    if wish.guides and not (wish.masks and all(own for _, own in wish.masks)):
        whole = guided(whole, wish.guides, wish.guide_mean)
    if not wish.masks:
        return whole
    return [(file, objective(own) if own else whole) for file, own in wish.masks]


def whole_wish(wished: Objective | list[tuple[str, Objective]]) -> Objective:
    """All that is wished for anywhere, as one: what the memory must hold."""
    if isinstance(wished, Objective):
        return wished
    return Objective(tuple(term for _, each in wished for term in each.terms))


def how(wish: Wish) -> dict[str, Any]:
    """How the network is loaded."""
    return {"weights": wish.weights, "engine": wish.engine, "device": wish.device, "precision": wish.precision}


def dream_again(picture: Path, output: Path | None, moved: Path | None, manner: Manner) -> int:
    """Makes again what a picture's recipe says. Returns the exit code."""
    speak(manner)
    text = text_of(picture)
    if table := visualized(text):
        if moved is not None:
            raise SettingsError(f"{picture} began as noise, not as a photo: leave out --input")
        return visualize_again(picture, table, output, manner)
    recipe = located(Recipe.from_toml(text), beside=picture)
    recipe = recipe if moved is None else replace(recipe, input=str(moved))
    photo = header_of(recipe, picture) if recipe.block else photo_of(recipe, picture)
    recipe = replace(recipe, input=plain(recipe.input))
    target = output or again(picture)
    check_output(target, [picture, photo.path, *map(Path, recipe.guides), *(Path(each.file) for each in recipe.masks)])
    model = model_of(recipe)
    if isinstance(photo, PhotoFile):
        return dream_large(LargeRun(recipe, photo, model, target, manner))
    return dream_one(Run(recipe, photo, model, target, manner))


def dream_one(run: Run) -> int:
    """Dreams a photo into its target. An interrupted dream is saved as far as it came, as one that failed is."""
    began = time.monotonic()
    image = sized(run.photo.image.to(run.model.device), run.recipe.settings.size, resize_of(run.recipe.settings))
    finish = finish_for(run.recipe)
    steps = steps_of(run.recipe, image, run.model)
    if run.manner.snapshots:
        steps = snapped(steps, run, image, finish)
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
    dreamed = image if last is None else finish(whole(last, image, run.recipe.settings), image)
    if last is not None or failure is None:
        save(run, dreamed, run.target, only_steps=taken if code or failure else run.recipe.only_steps)
        tell(run.manner, report(run, image, dreamed, last, time.monotonic() - began))
    if code and not run.manner.quiet:
        print(f"{run.target}: stopped after {taken} steps, and saved as far as it came", file=sys.stderr)
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


def snapped(steps: Iterator[Step], run: Run, image: Image, finish: Finish) -> Iterator[Step]:
    """The same steps; every so many of the last octave the picture is written into a folder beside the output."""
    folder = snapshots_folder(run.target)
    for taken, step in enumerate(steps, 1):
        if step.octave == step.octaves - 1 and (step.number + 1) % (run.manner.snapshots or 1) == 0:
            path = folder / f"step-{step.number + 1:04d}{run.target.suffix}"
            save(run, finish(whole(step, image, run.recipe.settings), image), path, only_steps=taken)
        yield step


def save(run: Run, image: Image, path: Path, only_steps: int | None) -> None:
    """Writes a picture of the run, with the recipe that makes it."""
    recipe = replace(run.recipe, only_steps=only_steps)
    like = labeled(run.photo, recipe.settings, image_size(image))
    save_image(image.cpu(), path, like=like, recipe=recipe.to_toml())


def report(run: Run, image: Image, dreamed: Image, last: Step | None, seconds: float) -> dict[str, Any]:
    """What was done, in numbers. The scores are those of the photo and of the finished picture, at its size."""
    return {
        "output": str(run.target),
        "model": run.recipe.model,
        "objective": run.recipe.objective or {each.file: each.objective for each in run.recipe.masks},
        "score_start": score(run, image, image),
        "score_end": score(run, dreamed, image),
        "steps": run.recipe.settings.steps,
        "octaves": last.octaves if last else 0,
        "seconds": round(seconds, 3),
        "peak_memory_bytes": peak_memory(),
        "device": str(run.model.device),
        "precision": run.recipe.precision,
        "recipe": run.recipe.to_toml(),
    }


def score(run: Run, image: Image, photo: Image) -> float | None:
    """The score of a picture; None where it has none, such as one that only its larger octaves could be dreamed of."""
    try:
        value = float(score_of(run.model, wish_of(run.recipe).objective, photo)(image).mean())
    except ImageTooSmall:
        return None
    return value if math.isfinite(value) else None
