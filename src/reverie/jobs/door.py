"""The one door: `prepare(job)` decides how a job is done, and refuses whatever can be refused before the work begins.

Memory or disk, tiles or blocks, which weights, which mask, which size: who needs a picture dreamed (the command line,
`rv.run`, a web page, a film, a cluster) asks here, and decides none of it again.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

from reverie.ascent.octaves import plan_octaves
from reverie.ascent.pieces import VisualOptions, collect_pieces
from reverie.ascent.visualization import check_start
from reverie.errors import SettingsError
from reverie.gradient.base import find_model_layers
from reverie.gradient.compose import model_input_size
from reverie.gradient.memory import find_tile, parse_memory
from reverie.image.formats import check_output
from reverie.image.panorama import resolve_panorama
from reverie.image.reading import MAX_PIXELS, Photo, PhotoFile, read_header, read_photo
from reverie.image.resample import scale_size
from reverie.jobs.disk_run import DiskRun
from reverie.jobs.job import Job, Run
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks, check_code
from reverie.jobs.noise_run import NoiseRun
from reverie.models.catalog import find_factory, names_code
from reverie.models.layer_names import rename_layers
from reverie.objectives.base import Objective
from reverie.objectives.batch_terms import refuse_batch_terms
from reverie.objectives.blending import blend_objectives, read_grid, read_wishes
from reverie.objectives.default import default_objective
from reverie.objectives.masks import Regions
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.inputs import (
    check_guides,
    digest_named,
    fill_digests,
    find_file,
    open_input,
    open_start,
    relocate_files,
    relocate_wishes,
    whole_objective,
)
from reverie.recipe.recipe import AnyRecipe, Recipe, VisualRecipe, as_text
from reverie.recipe.versions import installed_version
from reverie.settings import Settings
from reverie.types import Image, Model

log = logging.getLogger("reverie")

READ_BYTES = 28
"""What reading a picture whole takes for each pixel: 16 bits and float32, three or four channels."""


def prepare(
    job: Job,
    *,
    models: Networks | None = None,
    photo: Photo | None = None,
    beside: Path | None = None,
    detail: Image | None = None,
    wish: Objective | Regions | None = None,
) -> Run:
    """A job ready to run. Nothing is written yet, and everything that can be refused is refused here.

    `models`: where networks are loaded once for many jobs. `photo`: the input, if it is open already (a film's frame).
    `beside`: the picture that holds the recipe; what the recipe names is looked for beside it as well. `detail`: what
    was dreamed before and is gone on with (1, 3, h, w), of any size. `wish`: what the recipe dreams of, read and
    checked for a picture before (a film's next frame); the recipe is complete then.
    Raises `RecipeError` for inputs or weights that are not those of the recipe and for code that may not be run, and
    what opening them raises.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2^2", settings=rv.Settings(steps=2, octaves=1))
    >>> run = rv.prepare(rv.Job(recipe, target=Path("dream.png")))
    >>> [progress.share for progress in run]
    [0.5, 1.0]
    >>> run.save().name
    'dream.png'
    """
    models = models or Networks()
    tell_version(job.recipe)
    named = import_code(job, models, beside)
    if isinstance(named, VisualRecipe):
        return prepare_visualization(job, named, models, beside)
    recipe = relocate_files(named, beside) if beside else named
    opened: Photo | PhotoFile = open_input(recipe, read_header, beside) if photo is None or recipe.block else photo
    if job.target is not None:
        read = [opened.path, *map(Path, recipe.files), *([beside] if beside else [])]
        check_output(job.target, read)
    model = models.load_of(recipe, job.device, job.allow_code)
    if wish is None:
        recipe = complete_recipe(recipe, opened, model)
    if isinstance(opened, PhotoFile):
        on_disk = recipe.block if job.memory is None else needs_disk(job.memory, opened, recipe, model)
        if on_disk:
            refuse_looks_on_disk(recipe.settings)
            return DiskRun(job, recipe, opened, model)
        opened = read_photo(opened.path)
    if job.memory is not None:
        recipe = replace(
            recipe,
            tile=choose_tile(job.memory, opened.size, recipe.settings, whole_objective(recipe), model),
            block=None,
        )
    return MemoryRun(recipe, opened, model, job.target, detail, wish)


def import_code(job: Job, models: Networks, beside: Path | None) -> AnyRecipe:
    """The job's recipe, the code of its network imported: what it registers may be named by the recipe's objective.

    A file of code is looked for where it was, and beside the picture that holds the recipe. Raises `RecipeError` for
    code that may not be run, `ExtensionError` for code that cannot be.
    """
    recipe = job.recipe
    if not names_code(recipe.model) or models.holds(recipe.model_spec(job.device), recipe.settings.seed):
        return recipe
    check_code(recipe, job.allow_code)
    file, _, factory = recipe.model.rpartition(":")
    if file.endswith(".py") and (found := find_file(file, beside)) is not None:
        recipe = replace(recipe, model=f"{found}:{factory}")
    find_factory(recipe.model)
    return recipe


def prepare_visualization(job: Job, recipe: VisualRecipe, models: Networks, beside: Path | None = None) -> Run:
    """The run of a picture that begins as noise, or as a photograph."""
    recipe = relocate_wishes(recipe, beside) if beside else recipe
    wishes = read_wishes(recipe.visualize)
    recipe = replace(recipe, guides=digest_named(wishes, recipe.guides))
    check_guides(recipe)
    shown = wishes if recipe.grid is None else blend_objectives(wishes, read_grid(recipe.grid))
    photo = open_start(recipe, beside)
    options: VisualOptions = {} if photo is None else {"start": photo.image}
    pieces = collect_pieces(recipe.settings, options)
    check_start(shown, pieces)
    if len(shown) == 1:
        refuse_batch_terms(shown[0])
    if job.target is not None:
        read = [*map(Path, recipe.guides), *([photo.path] if photo else []), *([beside] if beside and photo else [])]
        check_output(job.target, read)
    model = models.load_of(recipe, job.device, job.allow_code)
    recipe = replace(
        recipe,
        visualize="; ".join(str(Objective(rename_layers(wish.terms, model))) for wish in wishes),
        model_sha256=model.digest,
        precision=model.precision,
        start=None if recipe.start is None else as_text(recipe.start),
        start_sha256=None if photo is None else photo.digest,
    )
    columns = None if recipe.grid is None else read_grid(recipe.grid)[1]
    return NoiseRun(recipe, model, shown, pieces, job.target, columns)


def complete_recipe(recipe: Recipe, photo: Photo | PhotoFile, model: Model) -> Recipe:
    """The recipe with all that it left open: digests, the network's own wish and precision, whether it is a panorama.

    Raises `UnknownName` for a layer or a class that the network does not have.
    """
    recipe = fill_digests(recipe)
    check_guides(recipe)
    if not recipe.masks:
        wish = parse_objective(recipe.objective or default_objective(model))
        recipe = replace(recipe, objective=str(Objective(rename_layers(wish.terms, model))))
    refuse_batch_terms(whole_objective(recipe))
    find_model_layers(model, whole_objective(recipe).resolved(model))
    return replace(
        recipe,
        input=as_text(recipe.input),
        input_sha256=photo.digest,
        model_sha256=model.digest,
        precision=model.precision,
        settings=resolve_panorama(recipe.settings, photo),
    )


def refuse_looks_on_disk(settings: Settings) -> None:
    """Raises `SettingsError` for what is shown only of pictures that fit into memory."""
    for name in ("features", "gray"):
        if getattr(settings, name):
            raise SettingsError(
                f"{name} is {getattr(settings, name)}, and the picture does not fit into memory: raise --memory, "
                f"make it smaller with --size, or leave out --{name}"
            )


def needs_disk(memory: str, photo: PhotoFile, recipe: Recipe, model: Model) -> bool:
    """Whether a dream must be computed on disk: its picture and the smallest window do not fit into the memory."""
    budget, pixels = parse_memory(memory), math.prod(photo.size)
    if pixels > MAX_PIXELS or pixels * READ_BYTES > budget:
        return True
    try:
        choose_tile(memory, photo.size, recipe.settings, whole_objective(recipe), model)
    except SettingsError:
        return True
    return False


def choose_tile(
    memory: str, size: tuple[int, int], settings: Settings, objective: Objective, model: Model
) -> int | None:
    """The side of the windows that the memory leaves room for, for a photo of (height, width); None: no windows.

    The largest octave decides, which may be larger than the picture.
    """
    largest = plan_octaves(scale_size(size, settings.size), settings)[-1]
    return find_tile(model, objective, parse_memory(memory), model_input_size(largest, settings))


def tell_version(recipe: AnyRecipe) -> None:
    """A word to the log, once for each, about a recipe that another version of Reverie wrote."""
    written, own = recipe.version, installed_version()
    if written != own and written not in _told:
        _told.add(written)
        log.warning("the recipe was written by Reverie %s, and this is %s: the pixels may differ", written, own)


_told: set[str] = set()
