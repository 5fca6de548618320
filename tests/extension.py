"""What an outsider brings along: a file with a network, objectives and a preset, and a package that names them."""

from __future__ import annotations

from pathlib import Path

FILE = """
from dataclasses import dataclass

import torch

import reverie as rv
from reverie.objectives.base import Term


@dataclass(frozen=True)
class WinnerTerm(Term):
    def excitement(self, activations):
        return activations.amax(1)


def winner(layer):
    return rv.Objective(((1.0, WinnerTerm(layer)),))


def calm(layer, smooth=0.5):
    return rv.layer(layer, power=2) - smooth * rv.total_variation()


def make_eye():
    eye = torch.nn.Sequential()
    eye.add_module("edges", torch.nn.Conv2d(3, 6, 5, stride=2))
    eye.add_module("shapes", torch.nn.Conv2d(6, 8, 3, stride=2))
    return eye, {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


mist = rv.Preset("mist", "soft shapes", {"steps": 2, "octaves": 2, "smoothing": 1.5})
"""

REGISTERING = """
rv.register_model("eye", make_eye)
rv.register_objective("winner", winner)
rv.register_objective("calm", calm)
rv.register_preset(mist)
"""

ENTRY_POINTS = """
[reverie.models]
eye = outsider:make_eye
blind = outsider_gone:make_eye

[reverie.objectives]
winner = outsider:winner
calm = outsider:calm
sad = outsider_gone:sad

[reverie.presets]
mist = outsider:mist
gone = outsider_gone:gone
wrong = outsider:winner
"""


def write_file(folder: Path) -> Path:
    """The outsider's file, which registers what is in it."""
    path = folder / "mine.py"
    path.write_text(FILE + REGISTERING, "utf-8")
    return path


def write_package(folder: Path) -> None:
    """The outsider's package, as it lies there once it is installed; half of its entry points lead nowhere."""
    (folder / "outsider.py").write_text(FILE, "utf-8")
    about = folder / "outsider-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
