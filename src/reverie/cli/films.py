"""The commands that make films: a film dreamed, a dream zoomed into, a picture's way through many wishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from reverie.cli.flags import DreamedFrame, MaybeWhole, Network, Several, Switch, Words, collect_said, make_flags
from reverie.cli.keyframes import Sets
from reverie.cli.output import Manner, Speaking, print_json, print_line, set_manner, tell_outcomes, watch_with
from reverie.errors import SettingsError, WordingError
from reverie.recipe.request import read_request
from reverie.settings.film import Encoding, FilmSettings, MorphSettings, ZoomSettings

if TYPE_CHECKING:
    from reverie.film.film_job import FilmJob
    from reverie.jobs.networks import Networks
    from reverie.recipe.film import FilmRecipe

MOTION_GROUP = Group("Settings of the film", sort_key=9)
ENCODING_GROUP = Group("How the film is written", sort_key=11)

FilmFlags = make_flags("FilmFlags", FilmSettings, MOTION_GROUP)
ZoomFlags = make_flags("ZoomFlags", ZoomSettings, MOTION_GROUP)
MorphFlags = make_flags("MorphFlags", MorphSettings, MOTION_GROUP)
EncodingFlags = make_flags("EncodingFlags", Encoding, ENCODING_GROUP)
FilmOutput = Annotated[Path | None, Parameter(name=["--output", "-o"], help="the film to write, or a folder for many")]
Filmed = Annotated[FilmFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields
Zoomed = Annotated[ZoomFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields
Morphed = Annotated[MorphFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields
Encoded = Annotated[EncodingFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields


@dataclasses.dataclass(frozen=True)
class WorkFlags:
    """What becomes of the work on a film.

    Parameters
    ----------
    keep
        Leave the finished parts beside the film, in a hidden folder.
    clean
        Begin anew, whatever an earlier call left there.
    """

    keep: Annotated[bool, Parameter(negative="")] = False
    clean: Annotated[bool, Parameter(negative="")] = False


Working = Annotated[WorkFlags | None, Parameter(name="*")]


def dream_films(
    *films: Path,
    output: FilmOutput = None,
    objective: Words = None,
    guide: Several = None,
    guide_mean: Switch = False,
    mask: Several = None,
    preset: str | None = None,
    config: Path | None = None,
    keyframes: Path | None = None,
    set_: Sets = None,
    frame: MaybeWhole = None,
    alone: Switch = False,
    memory: str | None = None,
    manner: Speaking = None,
    network: Network = None,
    work: Working = None,
    motion: Filmed = None,
    encoding: Encoded = None,
    settings: DreamedFrame = None,
) -> int:
    """Dream a film, or many: what is dreamed stays on the things that move. Called again, it goes on where it was.

    Parameters
    ----------
    films
        Films, animated GIF, WebP or APNG, or folders of frames.
    objective
        What to dream of, such as "fire8^2 + 0.5*fire5:12 - 0.1*tv": see `reverie layers`.
    guide
        A picture whose features shall be found in the film, as in `reverie dream`.
    guide_mean
        Look for what the whole guide has most of.
    mask
        A region and what to dream of there, as in `reverie dream`.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, a recipe, or a film that holds one.
    keyframes
        A TOML file of settings and wishes over time: see `reverie keyframes`.
    set_
        A setting over time, such as "step_size = 0:(0.01), 30:(0.03)" or "fire5 = 1 + 2*audio.low".
    frame
        Only this frame, as it will be in the film, written as a picture.
    alone
        That frame without those before it: a quick look.
    memory
        How much memory the dream of a frame may take, such as 2GB; auto: half of what is free.
    """
    manner = set_manner(manner)
    words = {"objective": objective, "guide": guide, "guide_mean": guide_mean or None, "mask": mask, "memory": memory}
    request = read_request(collect_said(network) | words, collect_said(settings), preset, config)
    if not films:
        raise WordingError("no film is named: reverie film cat.mp4 -o dream.mp4")
    from reverie.film.requests import FilmRequest, FilmWords, place_films, plan_film
    from reverie.jobs.networks import Networks

    said = FilmWords(collect_said(motion), collect_said(encoding), keyframes, set_ or [], config)
    asked, models = FilmRequest.read(request, "film", said), Networks()
    if alone and frame is None:
        raise SettingsError("--alone is a way to look at one frame: say which with --frame")
    if frame is not None:
        if len(films) > 1:
            raise SettingsError(f"--frame takes one film, and {len(films)} are named")
        target = output or Path(f"{films[0].stem}-frame-{frame}.png")
        return write_frame(
            plan_film(asked, str(films[0]), target.with_suffix(".mp4"), models), target, frame, alone, manner
        )
    jobs = [plan_film(asked, name, target, models, **collect_said(work)) for name, target in place_films(films, output)]
    return make_films(jobs, models, manner)


def write_frame(job: FilmJob, target: Path, number: int, alone: bool, manner: Manner) -> int:
    """Writes one frame of a film as a picture."""
    from reverie.film.single import save_frame

    save_frame(job, target, number, alone, watch_with(manner))
    if manner.json:
        print_json({"output": str(target), "frame": number})
    else:
        print_line(manner, f"{target}: frame {number}" + (", alone" if alone else ""))
    return 0


def make_films(jobs: Sequence[FilmJob], models: Networks, manner: Manner) -> int:
    """Makes films one after another, and tells what came of each."""
    from reverie.film.outcomes import make_all

    return tell_outcomes(make_all(jobs, watch_with(manner), models=models), manner, len(jobs))


def make_film_again(recipe: FilmRecipe, film: Path, output: Path | None, allow_code: bool, manner: Manner) -> int:
    """Makes a film again by its recipe; what the recipe names is looked for beside the film that holds it."""
    from reverie.film.film_job import FilmJob
    from reverie.film.outcomes import make_all
    from reverie.film.writing.formats import ENDINGS
    from reverie.jobs.places import free_path

    ending = film.suffix if film.suffix in ENDINGS else ".mp4"
    job = FilmJob(recipe, output or free_path(Path(), f"{film.stem}-again", ending), memory=None, allow_code=allow_code)
    return tell_outcomes(make_all([job], watch_with(manner), beside=film), manner, 1)


def zoom_photo(
    photo: Path | None = None,
    *,
    output: FilmOutput = None,
    objective: Words = None,
    guide: Several = None,
    guide_mean: Switch = False,
    mask: Several = None,
    preset: str | None = None,
    config: Path | None = None,
    keyframes: Path | None = None,
    set_: Sets = None,
    memory: str | None = None,
    manner: Speaking = None,
    network: Network = None,
    work: Working = None,
    motion: Zoomed = None,
    encoding: Encoded = None,
    settings: DreamedFrame = None,
) -> int:
    """Zoom into a dream without an end: each frame is the one before, moved, and dreamed on.

    Parameters
    ----------
    photo
        The picture to begin with; none: the astronaut that comes with Reverie.
    objective
        What to dream of: see `reverie layers`.
    guide
        A picture whose features shall be found, as in `reverie dream`.
    guide_mean
        Look for what the whole guide has most of.
    mask
        A region and what to dream of there, as in `reverie dream`.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, a recipe, or a film that holds one.
    keyframes
        A TOML file of settings and wishes over time: see `reverie keyframes`.
    set_
        A setting over time, such as "zoom = 0:(1.01), 100:(1.04)".
    memory
        How much memory the dream of a frame may take, such as 2GB; auto: half of what is free.
    """
    manner = set_manner(manner)
    words = {"objective": objective, "guide": guide, "guide_mean": guide_mean or None, "mask": mask, "memory": memory}
    request = read_request(collect_said(network) | words, collect_said(settings), preset, config)
    from reverie.film.requests import FilmRequest, FilmWords, place_from_photo, plan_film
    from reverie.jobs.networks import Networks

    said = FilmWords(collect_said(motion), collect_said(encoding), keyframes, set_ or [], config)
    asked, models = FilmRequest.read(request, "zoom", said), Networks()
    name, target = place_from_photo(photo, output, "zoom")
    return make_films([plan_film(asked, name, target, models, **collect_said(work))], models, manner)


def morph_photo(
    photo: Path | None = None,
    *,
    output: FilmOutput = None,
    objective: Several = None,
    preset: str | None = None,
    config: Path | None = None,
    keyframes: Path | None = None,
    set_: Sets = None,
    memory: str | None = None,
    manner: Speaking = None,
    network: Network = None,
    work: Working = None,
    motion: Morphed = None,
    encoding: Encoded = None,
    settings: DreamedFrame = None,
) -> int:
    """Lead one picture through many wishes.

    Parameters
    ----------
    photo
        The picture; none: the astronaut that comes with Reverie.
    objective
        What to dream of first, then, and so on: say it several times.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, a recipe, or a film that holds one.
    keyframes
        A TOML file of settings and wishes over time, instead of objectives: see `reverie keyframes`.
    set_
        A setting over time, such as "strength = 0:(0.2), 100:(1)".
    memory
        How much memory the dream of a frame may take, such as 2GB; auto: half of what is free.
    """
    manner = set_manner(manner)
    first = objective[0] if objective else None
    words = collect_said(network) | {"objective": first, "memory": memory}
    request = read_request(words, collect_said(settings), preset, config)
    from reverie.film.requests import FilmRequest, FilmWords, place_from_photo, plan_film
    from reverie.jobs.networks import Networks

    said = FilmWords(collect_said(motion), collect_said(encoding), keyframes, set_ or [], config)
    asked, models = FilmRequest.read(request, "morph", said).with_wishes(objective or []), Networks()
    name, target = place_from_photo(photo, output, "morph")
    return make_films([plan_film(asked, name, target, models, **collect_said(work))], models, manner)
