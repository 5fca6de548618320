"""The door of films: a film's job becomes a run, and whatever can be refused is refused before the work begins."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from reverie.errors import RecipeError, SettingsError
from reverie.film.carrying import Carrier
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.film_maker import FilmMaker, sees_twice
from reverie.film.frame_dream import FrameDreamer
from reverie.film.keyframes.balancing import balance_wishes
from reverie.film.keyframes.moments import Schedule, read_schedule
from reverie.film.keyframes.table import hears_sound, relocate_keyframes
from reverie.film.keyframes.times import Clock
from reverie.film.looking import Heard, Watch, look_through, read_span
from reverie.film.making import Maker, Timing, exact_rate
from reverie.film.morph_maker import MorphMaker
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import FilmFile, open_film
from reverie.film.reading.sound import measure_sound
from reverie.film.writing.formats import FilmFormat, FrameShape, check_film_output
from reverie.film.writing.soundtrack import Excerpt
from reverie.film.zoom_maker import ZoomMaker
from reverie.gradient.compose import choose_resize
from reverie.image.panorama import is_sphere_size
from reverie.image.reading import Photo, read_photo
from reverie.image.resample import image_size, resize_longest_side, scale_size
from reverie.jobs.door import choose_tile, prepare
from reverie.jobs.job import Job
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks
from reverie.objectives.base import Objective
from reverie.objectives.masks import make_gray
from reverie.recipe.film import FilmRecipe
from reverie.recipe.inputs import find_file, input_path, open_input, read_named, relocate_files, whole_objective
from reverie.recipe.recipe import Recipe
from reverie.settings.film import FilmSettings, MorphSettings, ZoomSettings

log = logging.getLogger("reverie")


def prepare_film(
    job: FilmJob, *, models: Networks | None = None, beside: Path | None = None, watch: Watch | None = None
) -> FilmRun:
    """A film's job ready to run: its input looked through once, its network loaded, its place known to be good.

    `models`: where networks are loaded once for many jobs. `beside`: the film that holds the recipe; what the recipe
    names is looked for beside it as well. `watch` is told how many frames have been looked through; what it raises
    ends that.

    Raises `FilmError` for a film that cannot be read or a place that cannot hold it, and what `prepare` raises.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> few = rv.Settings(size=64, steps=1, octaves=1)
    >>> recipe = rv.FilmRecipe(
    ...     rv.Recipe("examples/astronaut.jpg", objective="fire2^2", settings=few),
    ...     rv.ZoomSettings(seconds=0.2, frame_steps=1),
    ... )
    >>> run = rv.prepare_film(rv.FilmJob(recipe, Path("zoom.mp4")))
    >>> [progress.place for progress in run]
    ['frame 1/5', 'frame 2/5', 'frame 3/5', 'frame 4/5', 'frame 5/5']
    >>> run.save().name
    'zoom.mp4'
    """
    models = models or Networks()
    recipe = job.recipe if beside is None else relocate_film(job.recipe, beside)
    if isinstance(recipe.motion, FilmSettings):
        return prepare_dreamed_film(replace(job, recipe=recipe), recipe.motion, models, watch)
    return prepare_from_photo(replace(job, recipe=recipe), models)


def relocate_film(recipe: FilmRecipe, beside: Path) -> FilmRecipe:
    """The recipe with its files where they are now: where they were, or beside the film that holds the recipe."""
    places = {name: str(find_file(name, beside) or name) for name in recipe.dream.files}
    dream = relocate_files(recipe.dream, beside)
    found = None if input_path(recipe.dream.input).exists() else find_file(recipe.dream.input, beside)
    keyframes = relocate_keyframes(recipe.keyframes, places) if recipe.keyframes else ""
    return replace(recipe, dream=replace(dream, input=str(found or dream.input)), keyframes=keyframes)


def prepare_dreamed_film(job: FilmJob, own: FilmSettings, models: Networks, watch: Watch | None = None) -> FilmRun:
    """The run of a film that is dreamed frame by frame."""
    film = open_unchanged(job.recipe.dream, own)
    format = check_film_output(job.target, job.recipe.encoding, film, film.alpha)
    span = read_span(own)
    survey, notes = look_through(film, span, job.target, watch)
    recipe = replace(job.recipe, dream=settle_panorama(job.recipe.dream, film, own))
    first = next(iter(read_frames(film, survey, 0, 1))).image.chunk(2 if sees_twice(film, own) else 1, dim=2)[0]
    photo = Photo(first, None, 8, None, film.path, film.digest)
    clock = Clock(survey.seconds, float(survey.rate))
    begins = survey.times[0] * survey.time_base  # of the first frame that is dreamed, in seconds of the film
    sound = measure_sound(film, survey.seconds, float(begins)) if hears_sound(recipe.keyframes) else None
    settled = settle(replace(job, recipe=recipe), photo, clock, models, sound)
    maker = FilmMaker(film, survey, Carrier(settled.dreamer, own), own, settled.schedule)
    around = settled.recipe.dream.settings.around
    sphere = ("top-bottom" if maker.eyes == 2 else "mono") if around else ""
    shape = make_shape(maker, maker.timing, film)
    tell_losses(film, shape, format, own)
    excerpt = Excerpt(film, begins, span[1])
    return FilmRun(job, settled.recipe, maker, format, shape, excerpt, sphere, notes, flash=survey.flash)


def tell_losses(film: FilmFile, shape: FrameShape, format: FilmFormat, own: FilmSettings) -> None:
    """A word to the log about what of a film is not in what is made of it."""
    if film.depth > 8 and not format.choose_encoder(shape).is_deep:
        log.info("%s has %d bits a channel, and 8 are written: --codec h265 keeps 10", film.path.name, film.depth)
    if film.stereo == "left-right" and own.stereo == "auto":
        log.warning("%s shows two eyes side by side, which are not taken apart: dreamed as one picture", film.path.name)


def prepare_from_photo(job: FilmJob, models: Networks) -> FilmRun:
    """The run of a zoom or a morph, which begins with a photo."""
    recipe, own = job.recipe, job.recipe.motion
    assert isinstance(own, ZoomSettings | MorphSettings)
    opened = open_input(recipe.dream, read_photo)
    format = check_film_output(job.target, recipe.encoding, None, False)
    if opened.alpha is not None:
        log.warning("%s is transparent in places, and what is made of it is not", opened.path.name)
    settings = recipe.dream.settings
    settings = replace(settings, panorama="off" if settings.panorama == "auto" else settings.panorama)
    sized = resize_longest_side(opened.image, settings.size, choose_resize(settings))
    photo = replace(opened, image=make_gray(sized) if settings.gray else sized)
    timing = Timing.steady(own.seconds, own.rate)
    job = replace(job, recipe=replace(recipe, dream=replace(recipe.dream, settings=settings)))
    settled = settle(job, photo, Clock(timing.seconds, float(timing.rate)), models)
    image = photo.image.as_subclass(torch.Tensor)
    maker: Maker
    if isinstance(own, ZoomSettings):
        maker = ZoomMaker(image, settled.dreamer, own, settled.schedule)
    else:
        maker = MorphMaker(image, Carrier(settled.dreamer, own), own, settled.schedule)
    return FilmRun(job, settled.recipe, maker, format, make_shape(maker, timing))


def open_unchanged(dream: Recipe, own: FilmSettings) -> FilmFile:
    """The recipe's film; raises `RecipeError` where it is another than that of the recipe."""
    film = open_film(Path(dream.input), None if own.rate is None else exact_rate(own.rate), own.hdr)
    if own.rate is not None and film.kind != "frames":
        raise SettingsError(f"--rate is for folders of pictures, and {film.path} has a rate of its own: leave it out")
    if dream.input_sha256 not in ("", film.digest):
        raise RecipeError(
            f"the film {film.path} changed since (sha256 {film.digest[:12]}..., expected "
            f"{dream.input_sha256[:12]}...): put the old file back, or say where it is with --input"
        )
    return film


def settle_panorama(dream: Recipe, film: FilmFile, own: FilmSettings) -> Recipe:
    """The recipe that says whether each eye of a film sees a whole sphere."""
    settings = dream.settings
    height, width = scale_size((film.height, film.width), settings.size)
    whole = is_sphere_size(height // (2 if sees_twice(film, own) else 1), width)
    if settings.panorama == "auto":
        settings = replace(settings, panorama="on" if film.spherical and whole else "off")
        if film.spherical and not whole:
            log.warning(
                "%s says that it is a 360 degree film, but is not twice as wide as high: dreamed flat", film.path
            )
    elif settings.panorama == "on" and not whole:
        raise SettingsError(
            f"a 360 degree film is twice as wide as high, and each eye's picture is {width} x {height}: "
            "take --panorama away, or go on all the same with --panorama force"
        )
    return replace(dream, settings=settings)


@dataclass(frozen=True, eq=False)
class Settled:
    """A film's recipe with all that it left open, the schedule of its keyframes, and what dreams its frames."""

    recipe: FilmRecipe
    schedule: Schedule
    dreamer: FrameDreamer


def settle(job: FilmJob, photo: Photo, clock: Clock, models: Networks, sound: Heard = None) -> Settled:
    """Decides what the recipe left open, by the first frame or the photo, and reads the keyframes."""
    recipe, fields = job.recipe, job.recipe.motion.fields()
    sized = resize_longest_side(photo.image, recipe.dream.settings.size, choose_resize(recipe.dream.settings))
    text = recipe.keyframes
    opened = prepare(
        Job(recipe.dream, memory=job.memory, device=job.device, allow_code=job.allow_code),
        models=models,
        photo=replace(photo, image=sized),
    )
    assert isinstance(opened, MemoryRun)
    dream, model = opened.recipe, opened.model
    if text:
        text = balance_wishes(text, model, sized.to(model.device))
    schedule = read_schedule(text, clock, sound, dream.objective, fields)
    schedule.check_with(dream.settings)
    named = {name: dream.guides.get(name) or read_named(Path(name)).digest for name in schedule.files}
    dream = replace(dream, guides={**dream.guides, **named})
    if job.memory is not None and schedule.objectives:
        terms = tuple(term for each in (whole_objective(dream), *schedule.objectives) for term in each.terms)
        tile = choose_tile(job.memory, image_size(sized), dream.settings, Objective(terms), model)
        dream = replace(dream, tile=tile)
    dreamer = FrameDreamer(dream, models, job.device, job.allow_code, named)
    return Settled(replace(recipe, dream=dream, keyframes=text), schedule, dreamer)


def make_shape(maker: Maker, timing: Timing, film: FilmFile | None = None) -> FrameShape:
    """What the pictures that are written have in common; their colors are tagged as a film of its frames should be."""
    height, width = maker.size
    if film is None:
        return FrameShape(height, width, timing.rate, timing.time_base)
    aspect = film.sample_aspect
    return FrameShape(height, width, timing.rate, timing.time_base, aspect, film.colors, film.alpha, film.depth)
