"""The work behind `reverie visualize`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from reverie._native.memory import peak_memory
from reverie.ascent.visualization import visualize_steps
from reverie.cli.manner import Manner, speak
from reverie.cli.progress import place
from reverie.cli.targets import again, free
from reverie.errors import RecipeError, nearest
from reverie.image.formats import check_output
from reverie.image.writing import save_image
from reverie.models.load import load_model
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective
from reverie.recipe.inputs import same_weights
from reverie.recipe.recipe import UNREADABLE
from reverie.settings import VisualSettings
from reverie.types import Model, Step

SECONDS_APART = 5.0
"""Between two lines about how far it is."""


@dataclass(frozen=True)
class Visual:
    """One wish about to be shown: its network is loaded, its picture's place known to be good."""

    wish: Objective
    model: Model
    network: Mapping[str, Any]
    """What the network was loaded with, the device left out of what is written down."""
    settings: VisualSettings
    target: Path
    manner: Manner


def visualize_one(
    words: str, output: Path | None, network: Mapping[str, Any], values: Mapping[str, Any], quiet: bool
) -> int:
    """Shows one wish, in a picture that carries its recipe. Returns the exit code."""
    manner = Manner(quiet=quiet)
    speak(manner)
    settings = VisualSettings.of(values)
    wish = objective(words)
    target = output or free(Path(), named(words), ".png")
    check_output(target, [Path(file) for file in wish.files])
    model = load_model(**network, seed=settings.seed)
    return show(Visual(wish, model, network, settings, target, manner))


def visualize_again(picture: Path, table: Mapping[str, Any], output: Path | None, manner: Manner) -> int:
    """Shows again the wish of a picture that began as noise, by its recipe. Returns the exit code."""
    check_table(table)
    settings = VisualSettings.of(table.get("settings", {}))
    wish = objective(table["visualize"])
    target = output or again(picture)
    check_output(target, [picture, *(Path(file) for file in wish.files)])
    network = {"name": table["model"], **{name: table[name] for name in HOW if name in table}}
    model = same_weights(load_model(**network, seed=settings.seed), table["model_sha256"])
    return show(Visual(wish, model, network, settings, target, manner))


HOW = ("weights", "engine", "precision")


def check_table(table: Mapping[str, Any]) -> None:
    """Raises `RecipeError` for the recipe of a wish that lacks something, or says something of another type."""
    needed, known = ("visualize", "model", "model_sha256"), ("visualize", "command", "model", *HOW, "model_sha256")
    for name in needed:
        if name not in table:
            raise RecipeError(f"{UNREADABLE}: it does not say {name}")
    for name, value in table.items():
        if name not in (*known, "settings"):
            raise RecipeError(f"{UNREADABLE}: no part of one is called {name!r}{nearest(name, known)}")
        if not isinstance(value, dict if name == "settings" else str):
            raise RecipeError(f"{UNREADABLE}: {name} is {value!r}")


def show(visual: Visual) -> int:
    """Climbs, and writes the picture; Ctrl-C saves what there is."""
    last, code, told = None, 0, Told(visual)
    try:
        for last in visualize_steps(visual.model, [visual.wish], visual.settings):
            told(last)
    except KeyboardInterrupt:
        code = 130
    if last is None:
        return code
    values = visual.settings.as_dict() | {"steps": last.number + 1}
    recipe = recipe_of(str(visual.wish), visual.model, visual.network, values)
    save_image(last.image.cpu().float(), visual.target, recipe=recipe)
    told.done(last, recipe)
    return code


def recipe_of(words: str, model: Model, network: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """What made a picture of a wish, as a TOML text: the numbers, and the command line that makes it again."""
    how = {name: value for name, value in network.items() if value is not None and name != "device"}
    how["precision"] = model.precision
    table = {"visualize": words, "command": command_of(words, how, values), "model": how.pop("name"), **how}
    return tomli_w.dumps({**table, "model_sha256": model.digest, "settings": dict(values)})


def command_of(words: str, network: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The command line that shows a wish so. Settings that are as they are unless told are left out."""
    usual = VisualSettings().as_dict() | {
        "model": "squeezenet",
        "engine": "torch",
        "precision": "auto",
        "device": "auto",
    }
    said = {"model" if name == "name" else name: value for name, value in network.items()} | dict(values)
    flags = [
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in said.items()
        if value is not None and usual.get(name) != value
    ]
    return " ".join(["reverie visualize", shlex.quote(words), *flags])


def named(words: str) -> str:
    """A file's name of a wish: `fire8-61`."""
    letters = "".join(each if each.isalnum() else "-" for each in words)
    return "-".join(part for part in letters.split("-") if part)[:80] or "wish"


class Told:
    """How far a picture is: a line every few seconds."""

    def __init__(self, visual: Visual) -> None:
        self.visual, self.began = visual, time.monotonic()
        self.next = self.began + SECONDS_APART

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if not self.visual.manner.quiet and now > self.next:
            self.next = now + SECONDS_APART
            spent = f"score {float(step.score.mean()):.4g}, {now - self.began:.1f} s"
            name = self.visual.target.name
            print(f"{name}: {place(step).split(' ', 2)[2]}, {spent}", file=sys.stderr, flush=True)

    def done(self, step: Step, recipe: str) -> None:
        """What was done: a line, or an object in JSON."""
        report = {
            "output": str(self.visual.target),
            "model": self.visual.model.name,
            "objective": str(self.visual.wish),
            "score_end": float(step.score.mean()),
            "steps": step.number + 1,
            "seconds": round(time.monotonic() - self.began, 3),
            "peak_memory_bytes": peak_memory(),
            "device": str(self.visual.model.device),
            "precision": self.visual.model.precision,
            "recipe": recipe,
        }
        if self.visual.manner.json:
            print(json.dumps(report), flush=True)
        elif not self.visual.manner.quiet:
            line = f"{report['output']}: score {report['score_end']:.4g}, {report['seconds']:.1f} s"
            print(line, file=sys.stderr)
