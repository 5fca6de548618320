"""The commands that show what a network looks for. The work is done elsewhere, and imported when there is some."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.commands import Flag, Output
from reverie.cli.flags import Network, flag_of, network_of, said, whole_number
from reverie.settings import VisualSettings

VisualFlags = dataclasses.make_dataclass(
    "VisualFlags",
    [flag_of(each) for each in VisualSettings.fields()],
    namespace={"__module__": __name__},
)
Wish = Annotated[str, Parameter(allow_leading_hyphen=True)]


def visualize(
    objective: Wish,
    *,
    output: Output = None,
    quiet: Annotated[bool, Flag] = False,
    network: Network = None,
    settings: Annotated[VisualFlags | None, Parameter(name="*")] = None,  # type: ignore[valid-type]
) -> int:
    """Show what a channel, a neuron, a class or any other wish looks like to a network, from noise.

    Parameters
    ----------
    objective
        What to show, such as "fire8:61", "fire8:61@", "class:espresso" or "fire8:3 + fire8:61": see `reverie layers`.
    quiet
        Say nothing but mistakes.
    """
    from reverie.cli.visualizing import visualize_one

    return visualize_one(objective, output, network_of(network), said(settings), quiet)


def atlas(
    photo: Path | None = None,
    *,
    output: Output = None,
    layer: str | None = None,
    channels: str | None = None,
    columns: Annotated[int | None, Parameter(converter=whole_number)] = None,
    size: Annotated[int | None, Parameter(converter=whole_number)] = None,
    steps: Annotated[int | None, Parameter(converter=whole_number)] = None,
    seed: Annotated[int | None, Parameter(converter=whole_number)] = None,
    quiet: Annotated[bool, Flag] = False,
    network: Network = None,
) -> int:
    """Show at once what there is to wish for: a photo dreamed by every layer, or every channel of one layer.

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
        The longest side of each picture in pixels. [default: 384 of the photo, 160 of a channel]
    steps
        Gradient ascent steps: for the photo in each octave. [default: 15, 96 for a channel]
    seed
        What chance begins from.
    quiet
        Say nothing but mistakes.
    """
    from reverie.cli.mapping import Sheet, map_channels, map_layers

    values = {name: value for name, value in (("size", size), ("steps", steps), ("seed", seed)) if value is not None}
    sheet = Sheet(output, network_of(network), values, columns, quiet)
    return map_layers(photo, channels, sheet) if layer is None else map_channels(layer, channels, photo, sheet)
