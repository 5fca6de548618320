"""What can be said at the command line. The work is done elsewhere, and imported when there is some."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import SettingsFlags, wish_of
from reverie.presets import PRESETS

Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="the picture to write, or a folder for many")]
Flag = Parameter(negative="")
Words = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


def dream(
    *photos: Path,
    output: Output = None,
    model: str | None = None,
    objective: Words = None,
    preset: str | None = None,
    config: Path | None = None,
    weights: str | None = None,
    engine: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    memory: str | None = None,
    snapshots: int | None = None,
    quiet: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    settings: Annotated[SettingsFlags | None, Parameter(name="*")] = None,
) -> int:
    """Dream a photo, or many.

    Parameters
    ----------
    photos
        Pictures to dream; none: the astronaut that comes with Reverie.
    model
        The network: see `reverie models`.
    objective
        What to dream of, such as "fire8^2 + 0.5*fire5:12 - 0.1*tv": see `reverie layers`.
    preset
        A known way to dream: see `reverie presets`.
    config
        A TOML file of these options, or a recipe.
    weights
        A file of weights (safetensors, Keras's .h5), or random for an untrained network made from the seed.
    engine
        What runs the network: torch or tensorflow.
    device
        auto, cpu, cuda or mps.
    precision
        auto, float32 or bfloat16.
    memory
        How much memory the dream may take, such as 2GB; auto: half of what is free.
    snapshots
        Also write the picture every so many steps of the last octave, into a folder beside the output.
    quiet
        Say nothing but mistakes.
    json
        Print what was done as one JSON object a picture.
    """
    said = {"model": model, "objective": objective, "weights": weights, "engine": engine}
    said |= {"device": device, "precision": precision, "memory": memory}
    wish = wish_of(said, settings, preset, config)
    from reverie.cli.dreaming import Manner, dream_all

    return dream_all(list(photos), output, wish, Manner(quiet=quiet, json=json, snapshots=snapshots))


def run(
    picture: Path,
    *,
    output: Output = None,
    input: Path | None = None,
    quiet: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Dream again what made a picture: the same recipe, the same pixels.

    Parameters
    ----------
    picture
        A picture written by Reverie, or a recipe as a TOML file.
    input
        Where the photo is now, if it was moved.
    quiet
        Say nothing but mistakes.
    json
        Print what was done as one JSON object.
    """
    from reverie.cli.dreaming import Manner, dream_again

    return dream_again(picture, output, input, Manner(quiet=quiet, json=json))


def show(picture: Path) -> None:
    """Show which settings made a picture, as a recipe in TOML.

    Parameters
    ----------
    picture
        A picture written by Reverie.
    """
    from reverie.recipe import Recipe

    print(Recipe.from_file(picture).to_toml(), end="")


def models(*, json: Annotated[bool, Flag] = False) -> None:
    """List the networks that are known by name.

    Parameters
    ----------
    json
        Print a JSON array.
    """
    from reverie.models.catalog import SPECS

    rows = [{"name": spec.name, "objective": spec.objective, "about": spec.about} for spec in SPECS.values()]
    table(rows, json)


def presets(*, json: Annotated[bool, Flag] = False) -> None:
    """List the known ways to dream.

    Parameters
    ----------
    json
        Print a JSON array, settings included.
    """
    rows = [
        {"name": each.name, "about": each.about, **({"settings": dict(each.settings)} if json else {})}
        for each in PRESETS.values()
    ]
    table(rows, json)


def layers(
    model: str = "squeezenet",
    *,
    json: Annotated[bool, Flag] = False,
) -> None:
    """List a network's layers: what there is to dream of.

    Parameters
    ----------
    model
        The network: see `reverie models`.
    json
        Print a JSON object.
    """
    from reverie.cli.listing import layer_rows, totals

    rows, sums = layer_rows(model)
    if json:
        print(json_module.dumps({"model": model, "layers": rows, "parameters": sums}, indent=2))
        return
    table(rows, False)
    print(
        "Parameters: {total:,} in all, {trainable:,} trainable, {non_trainable:,} non-trainable".format(**totals(sums))
    )


def table(rows: Sequence[Mapping[str, object]], json: bool) -> None:
    """Prints rows as a table for people, or as JSON."""
    if json:
        print(json_module.dumps(rows, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*[name.replace("_", " ") for name in rows[0]], box=box.SIMPLE_HEAD)
    for row in rows:
        drawn.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()])
    Console().print(drawn)
