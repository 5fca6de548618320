"""Code of your own: a network, an objective and a preset, known to every command by name.

Run it as `python examples/04_own_code.py [PHOTO [DREAM]]`, or name what is in it on the command line:

    reverie dream --model examples/04_own_code.py:make_strokes --objective "winner(strokes)" --preset brush
    reverie dream --extension examples/04_own_code.py --objective "winner(fire5)"
"""

import math
import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import reverie as rv
from reverie.objectives.base import Term


class Strokes(nn.Module):
    """Cells that answer to strokes of twelve directions, as in the first area of the visual cortex."""

    def __init__(self, directions: int = 12, side: int = 15) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, 2 * directions, side, padding=side // 2, bias=False)
        self.strokes = nn.Identity()  # a module is a layer: what is read has a name
        along = torch.linspace(-1, 1, side)
        y, x = torch.meshgrid(along, along, indexing="ij")
        angles = torch.arange(directions)[:, None, None] * math.pi / directions
        across = x * angles.cos() + y * angles.sin()  # (directions, side, side)
        waves = torch.cat([(2 * math.pi * across).cos(), (2 * math.pi * across).sin()])
        gabors = waves * torch.exp(-4 * (x**2 + y**2))
        self.filters.weight.data = (gabors - gabors.mean((1, 2), keepdim=True))[:, None]

    def forward(self, image: Tensor) -> Tensor:
        even, odd = self.filters(image.mean(1, keepdim=True)).chunk(2, 1)
        strokes: Tensor = self.strokes((even**2 + odd**2 + 1e-3).sqrt())  # wherever in the wave the stroke is
        return strokes


def make_strokes() -> rv.Model:
    """The network as Reverie takes it; weights of your own would be loaded here."""
    return rv.wrap(Strokes(), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@dataclass(frozen=True)
class WinnerTerm(Term):
    """At each place of a layer, its strongest channel alone."""

    def excitement(self, activations: Tensor) -> Tensor:
        return activations.amax(1)


def winner(layer: str) -> rv.Objective:
    """What the word `winner(LAYER)` means."""
    return rv.Objective(((1.0, WinnerTerm(layer)),))


rv.register_objective("winner", winner)
rv.register_preset(rv.Preset("brush", "broad strokes", {"octaves": 3, "steps": 12, "smoothing": 0.5}))

if __name__ == "__main__":
    photo = sys.argv[1] if len(sys.argv) > 1 else "examples/astronaut.jpg"
    output = sys.argv[2] if len(sys.argv) > 2 else "strokes.png"
    settings = rv.Settings(octaves=3, steps=12, smoothing=0.5)
    rv.save_image(rv.dream(rv.open_image(photo), make_strokes(), "winner(strokes)", settings), output)
