"""The commands that show what a network sees: where in a photo, and in which features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from reverie.cli.flags import MaybeWhole, Network, Output, Switch, Words, collect_said, make_flag, read_spec
from reverie.cli.output import INTERRUPTED, Manner, Speaking, print_json, print_line, set_manner
from reverie.errors import SettingsError
from reverie.settings.attribution import AttributionSettings

AttributionFlags = dataclasses.make_dataclass(
    "AttributionFlags",
    [make_flag(each) for each in AttributionSettings.fields()],
    namespace={"__module__": __name__},
)
Attributed = Annotated[AttributionFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields


def attribute_photo(
    photo: Path | None = None,
    *,
    output: Output = None,
    objective: Words = None,
    method: str = "saliency",
    layer: str | None = None,
    size: MaybeWhole = None,
    manner: Speaking = None,
    network: Network = None,
    settings: Attributed = None,
) -> int:
    """Show where in a photo, or from which channels, a network's answer comes.

    Writes the photo beside a map with its scale, and a JSON file of the numbers beside the picture.

    Parameters
    ----------
    photo
        The picture to look at; none: the astronaut that comes with Reverie.
    objective
        What to explain, such as "class:espresso" or "fire8:61": see `reverie layers`. [default: the likeliest class]
    method
        saliency, smoothgrad, integrated-gradients, grad-cam or occlusion for a map; channels for those of a layer.
    layer
        The layer of grad-cam and channels. [default: the highest below the objective's that has places]
    size
        The longest side in pixels at which the photo is looked at. [default: 384]
    """
    manner = set_manner(manner)
    from reverie.analysis.attribution.explain import AttributionRequest, explain_photo, place_attribution
    from reverie.analysis.attribution.picture import save_explanation

    values: dict[str, Any] = keep_said(objective=objective, layer=layer, size=size)
    how = AttributionSettings.of(collect_said(settings))
    request = AttributionRequest(method=method, model=read_spec(network), settings=how, **values)
    target = place_attribution(photo, request, output)
    found = explain_photo(photo, request)
    save_explanation(found, target)
    if manner.json:
        return say_written(target, found.as_dict(), manner)
    at = f" at {found.layer}" if found.layer else ""
    print_line(manner, f"{target}: {method} of {found.objective}{at}, score {found.score:.4g}")
    for number, value in found.channels[:5]:
        print_line(manner, f"  {found.layer}:{number}  {value:+.4g}")
    return 0


def show_activation_grid(
    photo: Path | None = None,
    *,
    layer: str,
    output: Output = None,
    size: MaybeWhole = None,
    across: MaybeWhole = None,
    cell: MaybeWhole = None,
    steps: MaybeWhole = None,
    seed: MaybeWhole = None,
    manner: Speaking = None,
    network: Network = None,
) -> int:
    """Show a photo through a layer: at each place a picture of what the network finds there, larger where it is sure.

    Writes the sheet, and a JSON file of how it was made beside it. One that was interrupted goes on where it was.

    Parameters
    ----------
    photo
        The picture to look at; none: the astronaut that comes with Reverie.
    layer
        The layer to look through: see `reverie layers`.
    size
        The longest side in pixels at which the photo is looked at. [default: 224]
    across
        The most cells a side; a finer grid is averaged. [default: 14]
    cell
        The side of the largest cells in pixels. [default: 64]
    steps
        Gradient ascent steps of each cell. [default: 64]
    seed
        What chance begins from.
    """
    manner = set_manner(manner)
    from reverie.analysis.activations.cells import cell_settings
    from reverie.analysis.activations.grid import GridJob, GridRequest

    values = keep_said(size=size, across=across)
    request = GridRequest(layer, model=read_spec(network), settings=cell_settings(cell, steps, seed), **values)
    job = GridJob(photo, request, output)
    if job.cells.there:
        print_line(manner, f"{job.cells.there} of {len(job.cells.vectors)} cells are there already")
    try:
        for made in job:
            print_line(manner, f"cell {made.done} of {made.cells}")
    except KeyboardInterrupt:
        return say_interrupted(job.target, manner)
    return say_written(job.save(), job.as_dict(), manner)


def make_activation_atlas(
    *photos: Path,
    layer: str,
    output: Output = None,
    html: Switch = False,
    samples: MaybeWhole = None,
    across: MaybeWhole = None,
    least: MaybeWhole = None,
    size: MaybeWhole = None,
    cell: MaybeWhole = None,
    steps: MaybeWhole = None,
    seed: MaybeWhole = None,
    manner: Speaking = None,
    network: Network = None,
) -> int:
    """Lay out the activations of many photos on one map, like ones side by side, each region shown by a picture.

    Writes the map, and a JSON file of its cells and of how it was made beside it. One that was interrupted goes on
    where it was.

    Parameters
    ----------
    photos
        Folders of photos, or photos. What cannot be read is named and left out.
    layer
        The layer whose activations are laid out: see `reverie layers`.
    html
        Also write a page beside the map, which enlarges each cell and names its classes.
    samples
        How many activations of all photos together, at places drawn by chance. [default: 2000]
    across
        How many cells a side. [default: about a dozen activations to each cell]
    least
        A cell of fewer activations stays empty. [default: 2]
    size
        The longest side in pixels at which the photos are looked at. [default: 224]
    cell
        The side of a cell in pixels. [default: 64]
    steps
        Gradient ascent steps of each cell. [default: 64]
    seed
        What chance begins from.
    """
    manner = set_manner(manner)
    if not photos:
        raise SettingsError("say of which photos, as in reverie activation-atlas photos/ --layer fire8")
    from reverie.analysis.activations.atlas import AtlasPlan
    from reverie.analysis.activations.atlas_job import AtlasJob, AtlasRequest
    from reverie.analysis.activations.cells import cell_settings

    values = keep_said(samples=samples, across=across, least=least, size=size, seed=seed)
    request = AtlasRequest(AtlasPlan(layer, **values), read_spec(network), cell_settings(cell, steps, seed), html)
    job = AtlasJob(photos, request, output)
    try:
        job.make(lambda words: print_line(manner, words))
    except KeyboardInterrupt:
        return say_interrupted(job.target, manner)
    return say_written(job.save(), job.as_dict(), manner)


def keep_said(**values: Any) -> dict[str, Any]:
    """The values that were said, by name."""
    return {name: value for name, value in values.items() if value is not None}


def say_interrupted(target: Path, manner: Manner) -> int:
    """How an interrupted piece of work goes on."""
    print_line(manner, f"interrupted; the same command with -o {target} goes on from here")
    return INTERRUPTED


def say_written(target: Path, numbers: Mapping[str, Any], manner: Manner) -> int:
    """What was written."""
    if manner.json:
        print_json({"output": str(target), **numbers})
    else:
        print_line(manner, f"{target} and {target.with_suffix('.json').name}")
    return 0


def refuse_atlas(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Say what `reverie atlas` is called now."""
    raise SettingsError(
        "atlas is two commands now: reverie channels shows every channel of a layer or a photo dreamed by every layer "
        "(what atlas did), reverie activation-atlas lays out the activations of many photos"
    )
