"""Many dreams of one photograph, their wishes and settings drawn by chance, and a sheet of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reverie.errors import ReverieError, SettingsError
from reverie.image.contact_sheet import SheetLayout, save_sheet
from reverie.image.formats import check_output
from reverie.image.reading import read_header
from reverie.jobs.door import complete_recipe
from reverie.jobs.job import Job
from reverie.jobs.networks import Networks
from reverie.jobs.places import make_folder
from reverie.models.layer_names import list_main_layers
from reverie.models.receptive_field import measure_geometry
from reverie.recipe.config import PICTURE
from reverie.recipe.inputs import input_path
from reverie.recipe.recipe import Recipe
from reverie.recipe.request import Request, make_recipe
from reverie.recipe.surprise import Surprise, draw_surprises
from reverie.settings import Settings

SIDE = 512
"""The longest side of a try unless told, in pixels; no photo is enlarged."""

ON_SHEET = SheetLayout(longest=320, lines=2)
"""How the tries lie on their sheet."""


def draw_jobs(request: Request, name: str, folder: Path, count: int, models: Networks) -> list[Job]:
    """A job for each of so many tries with the photograph of that name, into the folder: 01.png, 02.png, and so on.

    What the user chose stays as it is. Raises `SettingsError` for what goes not together with chance, and where a
    picture that is no such try would be written over.
    """
    if request.guides or request.masks:
        raise SettingsError("--surprise makes its own wishes: leave out --guide, --mask and --snapshots")
    path = input_path(name)
    header = read_header(path)
    size = request.settings.size or min(SIDE, max(header.size))
    request = replace(request, settings=replace(request.settings, size=size))
    model = models.load(request.model, request.settings.seed)
    drawn = draw_surprises(measure_geometry(model, list_main_layers(model)), request.settings.seed, count)
    if PICTURE.fullmatch(folder.suffix) and not folder.exists():
        raise SettingsError(f"{folder} is a picture's name; --surprise writes many: name a folder with -o")
    make_folder(folder)
    jobs = []
    for number, each in enumerate(drawn, 1):
        target = folder / f"{number:02}.png"
        check_output(target, [path])
        recipe = complete_recipe(make_recipe(apply_surprise(request, each), name, model), header, model)
        if target.exists() and not is_try(target, recipe):
            raise SettingsError(f"{target} is another picture, which would be lost: name another folder with -o")
        jobs.append(Job(recipe, target, request.memory, request.model.device, allow_code=True))
    return jobs


def apply_surprise(request: Request, drawn: Surprise) -> Request:
    """The request with what was drawn, wherever the user did not choose."""
    settings = {name: value for name, value in drawn.settings.items() if name not in request.chosen}
    words = request.objective if "objective" in request.chosen else drawn.objective
    return replace(request, objective=words, settings=Settings.of({**request.settings.as_dict(), **settings}))


def is_try(target: Path, recipe: Recipe, whole: bool = False) -> bool:
    """Whether a file is a dream of this recipe, be it interrupted; with `whole` to its end.

    Tiles follow from the memory that is free just then, and another version's tries are tries, too.
    """
    try:
        found = Recipe.from_file(target)
    except ReverieError:  # a picture of someone else's
        return False
    if whole and found.only_steps is not None:
        return False
    return replace(found, tile=None, only_steps=None, version="") == replace(recipe, tile=None, version="")


def left_to_do(jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose dream is not there yet, to its end."""
    return [job for job in jobs if not is_done(job)]


def is_done(job: Job) -> bool:
    """Whether the dream of a job is there, to its end."""
    return job.target is not None and isinstance(job.recipe, Recipe) and is_try(job.target, job.recipe, whole=True)


def save_tries(jobs: Sequence[Job], folder: Path) -> tuple[Path, int]:
    """The sheet of those whose dream is there, labelled by number and wish; where it is, and how many are on it."""
    done = [(job.target, f"{job.target.stem}  {job.recipe.wishes}") for job in jobs if job.target and is_done(job)]
    sheet = folder / "sheet.png"
    if done:
        save_sheet(done, sheet, ON_SHEET)
    return sheet, len(done)
