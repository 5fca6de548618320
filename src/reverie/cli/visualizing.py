"""The work behind `reverie visualize`."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from reverie.cli.manner import Manner, speak
from reverie.cli.progress import place
from reverie.cli.targets import free
from reverie.image import check_output, save_image
from reverie.models import load_model
from reverie.settings import VisualSettings
from reverie.types import Model, Step
from reverie.visualize import visualize_steps
from reverie.wording import objective

SECONDS_APART = 5.0
"""Between two lines about how far it is."""


def visualize_one(
    words: str, output: Path | None, network: Mapping[str, Any], values: Mapping[str, Any], quiet: bool
) -> int:
    """Shows one wish, in a picture that carries its recipe; Ctrl-C saves what there is. Returns the exit code."""
    speak(Manner(quiet=quiet))
    settings = VisualSettings.of(values)
    wish = objective(words)
    target = output or free(Path(), named(words), ".png")
    check_output(target, [Path(file) for file in wish.files])
    model = load_model(**network, seed=settings.seed)
    last, code, told = None, 0, Told(target.name, quiet)
    try:
        for last in visualize_steps(model, [wish], settings):
            told(last)
    except KeyboardInterrupt:
        code = 130
    if last is None:
        return code
    only = last.number + 1 if code else settings.steps
    recipe = recipe_of(str(wish), model, network, settings.as_dict() | {"steps": only})
    save_image(last.image.cpu().float(), target, recipe=recipe)
    told.done(target, last)
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

    def __init__(self, name: str, quiet: bool) -> None:
        self.name, self.quiet, self.began = name, quiet, time.monotonic()
        self.next = self.began + SECONDS_APART

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if not self.quiet and now > self.next:
            self.next = now + SECONDS_APART
            spent = f"score {float(step.score.mean()):.4g}, {now - self.began:.1f} s"
            print(f"{self.name}: {place(step).split(' ', 2)[2]}, {spent}", file=sys.stderr, flush=True)

    def done(self, target: Path, step: Step) -> None:
        if not self.quiet:
            spent = time.monotonic() - self.began
            print(f"{target}: score {float(step.score.mean()):.4g}, {spent:.1f} s", file=sys.stderr)
