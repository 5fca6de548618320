"""What can be said at the command line. The work is done elsewhere, and imported when there is some."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import Network, SettingsFlags, network_of, said, whole_number, wish_of
from reverie.models.catalog import DEFAULT
from reverie.recipe.presets import PRESETS

Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="the picture to write, or a folder for many")]
Flag = Parameter(negative="")
Words = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


def dream(
    *photos: Path,
    output: Output = None,
    objective: Words = None,
    guide: Annotated[list[str] | None, Flag] = None,
    guide_mean: Annotated[bool, Flag] = False,
    mask: Annotated[list[str] | None, Flag] = None,
    preset: str | None = None,
    config: Path | None = None,
    memory: str | None = None,
    snapshots: Annotated[int | None, Parameter(converter=whole_number)] = None,
    surprise: Annotated[int | None, Parameter(converter=whole_number)] = None,
    quiet: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    network: Network = None,
    settings: Annotated[SettingsFlags | None, Parameter(name="*")] = None,  # type: ignore[valid-type]
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
        Also write the picture every so many steps of the last octave, into a folder beside the output.
    surprise
        So many dreams of one photo into a folder, their wishes and settings drawn by chance from --seed, and a sheet.
    quiet
        Say nothing but mistakes.
    json
        Print what was done as one JSON object a picture.
    """
    words = {"objective": objective, "guide": guide, "guide_mean": guide_mean or None, "mask": mask, "memory": memory}
    wish = wish_of(said(network) | words, settings, preset, config)
    from reverie.cli.dreaming import dream_all
    from reverie.cli.manner import Manner

    manner = Manner(quiet=quiet, json=json, snapshots=snapshots)
    if surprise is not None:
        from reverie.cli.surprising import surprise_all

        return surprise_all(list(photos), output, wish, surprise, manner)
    return dream_all(list(photos), output, wish, manner)


def run(
    picture: Path,
    *,
    output: Output = None,
    input: Path | None = None,
    quiet: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Make a picture again, a dream or a wish that was visualized: the same recipe, the same pixels.

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
    from reverie.cli.dreaming import dream_again
    from reverie.cli.manner import Manner

    return dream_again(picture, output, input, Manner(quiet=quiet, json=json))


def caption(
    picture: Path,
    *,
    top: int = 5,
    json: Annotated[bool, Flag] = False,
    network: Network = None,
) -> None:
    """Say what a network sees in a picture, and, where Reverie dreamed it, what it saw before.

    Unless told, it is the network of the picture's recipe, or the bundled one.

    Parameters
    ----------
    picture
        Any picture.
    top
        How many classes to name.
    json
        Print a JSON object.
    """
    from reverie.cli.captioning import captions

    found = captions(picture, network_of(network) if said(network) else None, top)
    if json:
        print(json_module.dumps(found, indent=2))
        return
    for when in ("before", "after"):
        if when in found:
            print(f"{found[when]['picture']}")
            for each in found[when]["classes"]:
                print(f"  {each['probability']:6.1%}  {each['class']} ({each['number']})")


def show(picture: Path) -> None:
    """Show which settings made a picture, as a recipe in TOML.

    Parameters
    ----------
    picture
        A picture written by Reverie.
    """
    from reverie.recipe.recipe import shown

    print(shown(picture), end="")


def analyze(
    *photos: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="the folder to write")] = None,
    model: str | None = None,
    objective: Words = None,
    preset: str | None = None,
    config: Path | None = None,
    weights: str | None = None,
    engine: list[str] | None = None,
    device: list[str] | None = None,
    precision: list[str] | None = None,
    at: list[int] | None = None,
    turns: int | None = None,
    quiet: Annotated[bool, Flag] = False,
    settings: Annotated[SettingsFlags | None, Parameter(name="*")] = None,  # type: ignore[valid-type]
) -> int:
    """Analyze a network, a dream and what it costs: a report with figures for a paper.

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
        What runs the network: torch or tensorflow. Said twice, they are compared; the first one dreams.
    device
        auto, cpu, cuda or mps; several are compared.
    precision
        auto, float32 or bfloat16; several are compared.
    at
        Show the picture after so many steps of each octave; say it several times. [default: 0 100 200 300]
    turns
        How many turns each variant takes while they are timed. [default: 7]
    quiet
        Say nothing but mistakes.
    """
    wish = wish_of({"model": model, "objective": objective, "weights": weights}, settings, preset, config)
    from reverie.cli.analyzing import Compared, analyze_all
    from reverie.cli.manner import Manner

    compared = Compared(
        engine or [wish.engine], device or [wish.device], precision or [wish.precision], at=at, turns=turns
    )
    return analyze_all(list(photos), output, wish, compared, Manner(quiet=quiet))


def models(*, json: Annotated[bool, Flag] = False) -> None:
    """List the networks that are known by name.

    Parameters
    ----------
    json
        Print a JSON array.
    """
    from reverie.models.catalog import SPECS, ZOO

    rows = [{"name": spec.name, "objective": spec.objective, "about": spec.about} for spec in SPECS.values()]
    table(rows, json)
    if not json:
        print(ZOO)


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
    model: str = DEFAULT,
    *,
    weights: str | None = None,
    engine: str = "torch",
    json: Annotated[bool, Flag] = False,
) -> None:
    """List a network's layers: what there is to dream of.

    Parameters
    ----------
    model
        The network: see `reverie models`.
    weights
        A file of weights, to see whether the network takes it. [default: none: what it is built of needs no download]
    engine
        What runs the network: torch or tensorflow, which has more names for the same network.
    json
        Print a JSON object.
    """
    from reverie.models.describe import layer_rows, totals

    rows, sums = layer_rows(model, weights or "random", engine)
    if json:
        print(json_module.dumps({"model": model, "layers": rows, "parameters": sums}, indent=2))
        return
    table(rows, False)
    print(
        "Parameters: {total:,} in all, {trainable:,} trainable, {non_trainable:,} non-trainable".format(**totals(sums))
    )


BESIDE_NAMES = 50
"""What the columns beside a name need at least, in letters."""


def table(rows: Sequence[Mapping[str, object]], json: bool) -> None:
    """Prints rows as a table for people, or as JSON."""
    if json:
        print(json_module.dumps(rows, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn, console = Table(box=box.SIMPLE_HEAD), Console()
    for number, name in enumerate(rows[0]):  # what is to be typed elsewhere stands there whole, on one line
        drawn.add_column(name.replace("_", " "), no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()])
    longest = max(len(str(next(iter(row.values())))) for row in rows)
    console.print(drawn, width=max(console.width, longest + BESIDE_NAMES), crop=False)
