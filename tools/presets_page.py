"""Makes docs/presets.md and docs/images/presets/: what each preset is, and the example dreamed by it.

    python tools/presets_page.py [--words]

Every number and word is that of `reverie.recipe.presets`; a picture is of the presets that the bundled network
can dream. It is dreamed at the example's own size, minutes for some, and shown small; --words leaves the pictures as
they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyvips

from reverie.image.arrays import open_image
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream
from reverie.models.catalog import DEFAULT_MODEL, find_entry
from reverie.models.load import load_model
from reverie.recipe import presets
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.recipe.presets import PRESETS, Preset
from reverie.settings import Settings
from reverie.types import Image

DOCS = Path(__file__).parent.parent / "docs"
WIDTH, QUALITY = 256, 85
SHOWN = {"class": "class:espresso"}
"""What a preset is shown with that is for wishes of one kind."""


def main(pictures: bool) -> None:
    if pictures:
        draw(DOCS / "images" / "presets")
    (DOCS / "presets.md").write_text(page(), "utf-8")


def draw(folder: Path) -> None:
    """Dreams the example by every preset that the bundled network is for, and keeps it small."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, model = open_image(input_path(EXAMPLE)), load_model()
    for preset in filter(is_pictured, PRESETS.values()):
        dreamed = dream(photo, model, wish_of(preset), Settings.of(preset.settings))
        save_small(dreamed.cpu(), folder / f"{preset.name}.jpg")


def save_small(image: Image, path: Path) -> None:
    """A picture for a page: `save_image` keeps all its color, which takes half as much again."""
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.png"
        save_image(image, whole)
        small = pyvips.Image.thumbnail(str(whole), WIDTH)
        small.jpegsave(str(path), Q=QUALITY, subsample_mode="on", optimize_coding=True, keep="none")


def is_pictured(preset: Preset) -> bool:
    return not preset.objectives or DEFAULT_MODEL in preset.objectives


def wish_of(preset: Preset) -> str:
    """What the bundled network dreams of in the picture."""
    return SHOWN.get(preset.name) or preset.objective(DEFAULT_MODEL) or find_entry(DEFAULT_MODEL).objective


def page() -> str:
    """The whole page, as Markdown."""
    title, about = (presets.__doc__ or "").strip().split("\n\n", 1)
    made = "Made by `tools/presets_page.py`; pictures are of the example, dreamed by the bundled network."
    lines = ["# Presets", "", title, "", about, "", made]
    for preset in PRESETS.values():
        lines += ["", *section(preset)]
    return "\n".join(lines) + "\n"


def section(preset: Preset) -> Iterator[str]:
    """One preset: its picture, what it dreams of, where its numbers come from, what differs, and how to say it."""
    yield from (f"## {preset.name}", "", f"{preset.about[0].upper()}{preset.about[1:]}.", "")
    if is_pictured(preset):
        alt = f"An astronaut's portrait, dreamed by the preset {preset.name}"
        yield from (f"```{{image}} images/presets/{preset.name}.jpg", f":alt: {alt}", f":width: {WIDTH}px", "```", "")
    else:
        needed = next(iter(preset.objectives))
        yield from (f"It is for `{needed}`, whose weights are not bundled: no picture.", "")
    if preset.objectives:
        wishes = [f"`{wish}` of `{model}`" for model, wish in preset.objectives.items()]
        yield from (f"Dreams of {', or of '.join(wishes)}.", "")
    if preset.note:
        yield from (preset.note, "")
    yield from table(preset)
    yield from ("```sh", *commands(preset), "```")


def table(preset: Preset) -> Iterator[str]:
    """The settings that are not as they are unless told."""
    usual, own = asdict(Settings()), asdict(Settings.of(preset.settings))
    changed = [each.name for each in Settings.fields() if own[each.name] != usual[each.name]]
    if changed:
        yield from ("| setting | here | default |", "|---|---:|---:|")
        for name in changed:
            yield f"| `{name}` | {number(own[name])} | {number(usual[name])} |"
        yield ""


def number(value: Any) -> str:
    return "unset" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def commands(preset: Preset) -> Iterator[str]:
    """How to say it: with the bundled network where that can, and with the one that it was made for."""
    shown = f" --objective {SHOWN[preset.name]}" if preset.name in SHOWN else ""
    if is_pictured(preset):
        yield f"reverie dream --preset {preset.name}{shown} -o {preset.name}.png"
    for model in list(preset.objectives)[:1]:
        yield f"reverie dream --preset {preset.name} --model {model} -o {preset.name}-{model.split(':')[-1]}.png"


if __name__ == "__main__":
    main("--words" not in sys.argv[1:])
