"""The commands that tell what is there: networks, layers, presets, what made a picture and what is seen in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import Network, collect_said, read_spec
from reverie.cli.output import Speaking, print_json, print_table, set_manner
from reverie.models.catalog import DEFAULT_MODEL
from reverie.recipe.presets import list_presets as find_presets


def list_models(*, manner: Speaking = None) -> None:
    """List the networks that are known by name."""
    manner = set_manner(manner)
    from reverie.models.catalog import ENTRIES, ZOO_HELP
    from reverie.models.extensions import list_registered

    rows = [{"name": each.name, "objective": each.objective, "about": each.about} for each in ENTRIES.values()]
    own = {name: where for name, where in list_registered("model").items() if name not in ENTRIES}
    rows += [{"name": name, "objective": "", "about": where} for name, where in own.items()]
    print_table(rows, manner)
    if not manner.json:
        print(ZOO_HELP)


def list_presets(*, manner: Speaking = None) -> None:
    """List the known ways to dream; in JSON with their settings."""
    manner = set_manner(manner)
    rows = [
        {"name": each.name, "about": each.about, **({"settings": dict(each.settings)} if manner.json else {})}
        for each in find_presets()
    ]
    print_table(rows, manner)


def list_layers(
    model: str = DEFAULT_MODEL,
    *,
    weights: str | None = None,
    engine: str = "torch",
    every: Annotated[bool, Parameter(name="--all", negative="")] = False,
    manner: Speaking = None,
) -> None:
    """List a network's layers: what there is to dream of.

    Parameters
    ----------
    model
        The network: see `reverie models`.
    weights
        A file of weights, to see whether the network takes it. [default: none: what it is built of needs no download]
    engine
        What runs the network: torch or tensorflow.
    every
        List the layers within the blocks too (branches, batch norms, what comes before a ReLU, class tokens), with
        their other names.
    """
    manner = set_manner(manner)
    from reverie.models.describe import describe_layers, sum_parameters

    rows, sums = describe_layers(model, weights, engine, every)
    if manner.json:
        print_json({"model": model, "layers": rows, "parameters": sums}, indent=2)
        return
    print_table(rows, manner)
    words = "Parameters: {total:,} in all, {trainable:,} trainable, {non_trainable:,} non-trainable"
    print(words.format(**sum_parameters(sums)))


def show_recipe(picture: Path, *, manner: Speaking = None) -> None:
    """Show which settings made a picture, or a film, as a recipe in TOML.

    Parameters
    ----------
    picture
        A picture, or a film, written by Reverie.
    """
    manner = set_manner(manner)
    from reverie.recipe.film import read_any_recipe

    text = read_any_recipe(picture).to_toml()
    if manner.json:
        import tomllib

        print_json(tomllib.loads(text), indent=2)
    else:
        print(text, end="")


def print_caption(picture: Path, *, top: int = 5, manner: Speaking = None, network: Network = None) -> None:
    """Say what a network sees in a picture, and, where Reverie dreamed it, what it saw before.

    Unless told, it is the network of the picture's recipe, or the bundled one.

    Parameters
    ----------
    picture
        Any picture.
    top
        How many classes to name.
    """
    manner = set_manner(manner)
    from reverie.jobs.caption import caption_picture as caption

    found = caption(picture, read_spec(network) if collect_said(network) else None, top)
    seen = [(when, each) for when, each in (("before", found.before), ("after", found.after)) if each is not None]
    if manner.json:
        told = {
            when: {"picture": each.picture, "classes": [rename_class(asdict(own)) for own in each.classes]}
            for when, each in seen
        }
        print_json({"model": found.model, **told}, indent=2)
        return
    for _, each in seen:
        print(each.picture)
        for own in each.classes:
            print(f"  {own.probability:6.1%}  {own.name} ({own.number})")


def rename_class(values: dict[str, object]) -> dict[str, object]:
    """A class's numbers under the names that the JSON has had from the first."""
    return {"class": values["name"], "number": values["number"], "probability": values["probability"]}
