"""The commands that make pictures. What they say becomes a job; the work is imported when there is some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reverie.cli.films import make_film_again
from reverie.cli.flags import (
    Dreamed,
    MaybeSize,
    MaybeWhole,
    Network,
    Output,
    Several,
    Switch,
    Visualized,
    Words,
    collect_said,
    read_spec,
)
from reverie.cli.output import (
    INTERRUPTED,
    Manner,
    Speaking,
    print_json,
    print_line,
    set_manner,
    tell_outcomes,
    watch_with,
)
from reverie.errors import SettingsError, WordingError
from reverie.recipe.config import check_config_code, read_config
from reverie.recipe.request import Request, read_request


def dream_photos(
    *photos: Path,
    output: Output = None,
    objective: Words = None,
    guide: Several = None,
    guide_mean: Switch = False,
    mask: Several = None,
    preset: str | None = None,
    config: Path | None = None,
    memory: str | None = None,
    snapshots: MaybeWhole = None,
    surprise: MaybeWhole = None,
    film: Path | None = None,
    manner: Speaking = None,
    network: Network = None,
    settings: Dreamed = None,
) -> int:
    """Dream a photo, or many.

    Parameters
    ----------
    photos
        Pictures to dream; none: the astronaut that comes with Reverie.
    objective
        What to dream of, such as "fire8^2 + 0.5*fire5:12 - 0.1*tv" or "class:espresso": see `reverie layers`.
    guide
        A picture whose features shall be found in the photo, by the objective's layers; "0.5*flowers.jpg" for half as
        much. More than once for several.
    guide_mean
        Look for what the whole guide has most of, instead of the best match for every place: calmer.
    mask
        A region and what to dream of there, as sky.png:"fire8^2"; without words, the objective. The region is where the
        picture is opaque, or if it is so everywhere, where it is light. More than once for several; outside of all,
        nothing is dreamed.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, a recipe, or a picture that holds one.
    memory
        How much memory the dream may take, such as 2GB; auto: half of what is free.
    snapshots
        Also write the picture every so many steps of the last octave, into a folder beside the output; with --handover
        picture, as in the paper, of every octave, from step 0 on.
    surprise
        So many dreams of one photo into a folder, their wishes and settings drawn by chance from --seed, and a sheet.
    film
        Also write the making of the dream, such as making-of.mp4: every step is a frame. For one photo.
    """
    manner = set_manner(manner)
    words = {"objective": objective, "guide": guide, "guide_mean": guide_mean or None, "mask": mask, "memory": memory}
    request = read_request(collect_said(network) | words, collect_said(settings), preset, config)
    if snapshots is not None and snapshots < 1:
        raise SettingsError(f"snapshots is {snapshots}; expected at least 1")
    if surprise is not None:
        if snapshots:
            raise SettingsError("--surprise makes its own wishes: leave out --guide, --mask and --snapshots")
        if film:
            raise SettingsError("--film shows the making of one dream: leave out --surprise")
        return surprise_with(list(photos), output, request, surprise, manner)
    from reverie.jobs.networks import Networks
    from reverie.jobs.outcomes import run_all
    from reverie.jobs.plans import plan_dreams

    models = Networks()
    jobs = plan_dreams(request, photos, output, models)
    if film is not None:
        check_film_place(film, len(jobs))
    return tell_outcomes(run_all(jobs, models=models, watch=watch_with(manner, snapshots, film)), manner, len(jobs))


def check_film_place(film: Path, jobs: int) -> None:
    """Raises `SettingsError` for the making of many dreams, `FilmError` for a place that cannot hold a film."""
    from reverie.film.making_of import check_making_of

    if jobs > 1:
        raise SettingsError(f"--film shows the making of one dream, and {jobs} photos are named")
    check_making_of(film)


def surprise_with(photos: list[Path], output: Path | None, request: Request, count: int, manner: Manner) -> int:
    """Dreams a photo in many ways drawn by chance, all but those that are in the folder already, and a sheet."""
    from reverie.jobs.networks import Networks
    from reverie.jobs.outcomes import run_all
    from reverie.jobs.surprise import draw_jobs, left_to_do, save_tries
    from reverie.recipe.inputs import EXAMPLE, input_path

    if len(photos) > 1:
        raise SettingsError(f"--surprise takes one photo, and {len(photos)} are named")
    name = str(photos[0]) if photos else EXAMPLE
    folder, models = output or Path(f"{input_path(name).stem}-surprise"), Networks()
    jobs = draw_jobs(request, name, folder, count, models)
    code = tell_outcomes(run_all(left_to_do(jobs), models=models, watch=watch_with(manner)), manner, 1)
    sheet, there = save_tries(jobs, folder)
    if there and manner.json:
        print_json({"output": str(sheet), "dreams": there})
    elif there:
        print_line(manner, f"{sheet}: {there} dreams")
    return code


def run_again(
    picture: Path,
    *,
    output: Output = None,
    input: Path | None = None,
    allow_code: Switch = False,
    manner: Speaking = None,
) -> int:
    """Make a picture again, a dream or a wish that was visualized, or a film: the same recipe, the same pixels.

    Parameters
    ----------
    picture
        A picture or a film written by Reverie, or a recipe as a TOML file.
    input
        Where the photo, or the film, is now, if it was moved.
    allow_code
        Run the code that the recipe names as its network, such as mine.py:make_eye. Look at it before.
    """
    manner = set_manner(manner)
    from reverie.jobs.outcomes import run_all
    from reverie.jobs.plans import plan_again
    from reverie.recipe.film import FilmRecipe, read_any_recipe

    recipe = read_any_recipe(picture)
    if isinstance(recipe, FilmRecipe):
        found = recipe if input is None else recipe.with_input(str(input))
        return make_film_again(found, picture, output, allow_code, manner)
    job = plan_again(picture, output, input, allow_code)
    return tell_outcomes(run_all([job], watch=watch_with(manner), beside=picture), manner, 1)


def visualize_wish(
    objective: Words = None,
    *,
    output: Output = None,
    start: str | None = None,
    grid: str | None = None,
    config: Path | None = None,
    snapshots: MaybeWhole = None,
    manner: Speaking = None,
    network: Network = None,
    settings: Visualized = None,
) -> int:
    """Show what a channel, a neuron, a class or any other wish looks like to a network, from noise or from a photo.

    Parameters
    ----------
    objective
        What to show, such as "fire8:61", "fire8:61@", "class:espresso" or "fire8:3 + fire8:61": see `reverie layers`.
        Several, as in "fire8:61; class:espresso", are shown on one sheet.
    start
        A photo to begin from instead of noise; "fire8:61 + 0.3*keep" stays near to it. Its longest side becomes --size.
    grid
        Rows x columns, such as 1x5: pictures of blends of two wishes, the ends of a row, or of four, the corners.
    snapshots
        Also write the picture every so many steps, into a folder beside the output.
    config
        A TOML file of these options, a recipe, or a picture that holds one.
    """
    manner = set_manner(manner)
    said = read_config(config, visual=True) if config else {}
    check_config_code(said, collect_said(network), config)
    words = objective or said.get("objective")
    if words is None:
        raise WordingError('say what to show, as in reverie visualize "fire8:61", or where it is said with --config')
    from reverie.jobs.outcomes import run_all
    from reverie.jobs.plans import plan_visualization
    from reverie.models.spec import ModelSpec
    from reverie.settings import VisualSettings

    named: dict[str, Any] = {
        name: said[name] for name in ("model", "weights", "engine", "device", "precision") if name in said
    }
    named |= collect_said(network)
    spec = ModelSpec(named.pop("model", ModelSpec.name), **named)
    own = VisualSettings.of({**said.get("settings", {}), **collect_said(settings)})
    start, grid = start or said.get("start"), grid or said.get("grid")
    job = plan_visualization(words, spec, own, output, start, grid)
    return tell_outcomes(run_all([job], watch=watch_with(manner, snapshots)), manner, 1)


def show_sheet(
    photo: Path | None = None,
    *,
    output: Output = None,
    layer: str | None = None,
    channels: str | None = None,
    columns: MaybeWhole = None,
    size: MaybeSize = None,
    steps: MaybeWhole = None,
    seed: MaybeWhole = None,
    manner: Speaking = None,
    network: Network = None,
) -> int:
    """Show every channel of a layer, or a photo dreamed by every layer, on one sheet: what there is to wish for.

    Writes a sheet of labelled pictures, and a page beside it that enlarges them and says how to make each. A sheet that
    was interrupted goes on where it was.

    Parameters
    ----------
    photo
        The picture that every layer shall dream; none: the astronaut that comes with Reverie.
    layer
        Show what each channel of this layer wants instead, from noise.
    channels
        Only these channels of the layer: "0:64" for the first 64, or "3,17,61". [default: all]
    columns
        How many pictures side by side. [default: about a square]
    size
        The longest side of each picture in pixels, or height x width as in 225x375. [default: 384 of the photo, 160 of
        a channel]
    steps
        Gradient ascent steps: for the photo in each octave. [default: 15, 96 for a channel]
    seed
        What chance begins from.
    """
    manner = set_manner(manner)
    from reverie.jobs.sheets import SheetRequest, show_channels, show_layers

    said = {"size": size, "steps": steps, "seed": seed}
    values = tuple((name, value) for name, value in said.items() if value is not None)
    request = SheetRequest(output, read_spec(network), values, columns)
    if layer is None:
        if channels is not None:
            raise SettingsError(f"channels is {channels!r}, but of which layer? Say it with --layer")
        sheet = show_layers(photo, request)
    else:
        if photo is not None:
            raise SettingsError(f"channels begin as noise: leave out {photo}, or --layer")
        sheet = show_channels(layer, channels, request)
    if sheet.there:
        print_line(manner, f"{len(sheet.there)} of {len(sheet.cells)} pictures are there already")
    try:
        for made in sheet:
            print_line(manner, f"{made.done} of {made.cells}: {made.label}")
    except KeyboardInterrupt:
        print_line(manner, f"interrupted; the same command with -o {sheet.target} goes on from here")
        return INTERRUPTED
    count = len(sheet.there)
    sheet.save()
    if manner.json:
        print_json({"output": str(sheet.target), "page": str(sheet.page), "pictures": count})
    else:
        print_line(manner, f"{sheet.target} and {sheet.page}")
    return 0
