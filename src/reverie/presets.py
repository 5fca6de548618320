"""Known ways to dream, as data: what the field's own programs do, in the units of `Settings`.

Step sizes are on our scale of 0..1: Google's 1.5 of 255 shades, and 0.01 of the tutorials' -1..1, halved. All of them
keep the photograph's own detail from octave to octave as Google's notebook does; the TensorFlow tutorial loses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reverie.errors import SettingsError, UnknownName

PLAIN = {"color_correlation": 0.0, "laplacian_levels": 0}


@dataclass(frozen=True)
class Preset:
    """Settings by name, and what each network it is for should dream of. No objectives: any network's own."""

    name: str
    about: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    objectives: Mapping[str, str] = field(default_factory=dict)

    def objective(self, model: str) -> str | None:
        """What this network should dream of; None: its own wish. `SettingsError` if the preset names other layers."""
        if not self.objectives or model in self.objectives:
            return self.objectives.get(model)
        needed, wish = next(iter(self.objectives.items()))
        raise SettingsError(
            f"the preset {self.name} wishes for {wish}, layers of {needed}: "
            f"add --model {needed}, or say what {model} shall dream of with --objective"
        )


PRESETS = {
    preset.name: preset
    for preset in [
        Preset("default", "dogs and eyes at first sight: our own"),
        Preset(
            "class",
            "whole things: what a wish for a class or a guide gets unless told",
            {
                "steps": 40,
                "step_size": 0.007,
                "smoothing": 0.7,
                "laplacian_strength": 0.7,
                "color_correlation": 0.8,
            },
        ),
        Preset(
            "paper",
            "InceptionV3's mixed3 + mixed5, 400 steps at each of five sizes",
            {"octaves": 5, "larger_octaves": 2, "steps": 400, "step_size": 0.005, "jitter": 512, **PLAIN},
            {"inception_v3": "mixed3 + mixed5"},
        ),
        Preset(
            "google-2015",
            "Google's notebook: four octaves at 1.4, ten steps, mean absolute value",
            {
                "octaves": 4,
                "octave_scale": 1.4,
                "steps": 10,
                "step_size": 1.5 / 255,
                "normalization": "mean-abs",
                **PLAIN,
            },
            # The notebook's own layer, and the one of the bundled network that looks most like it.
            {"torchvision:googlenet": "inception4c^2", "squeezenet": "fire8^2"},
        ),
        Preset(
            "tf-tutorial",
            "TensorFlow's tutorial: five octaves about the picture's size, 100 steps",
            {"octaves": 5, "larger_octaves": 2, "steps": 100, "step_size": 0.005, "jitter": 512, **PLAIN},
            {"inception_v3": "mixed3 + mixed5"},
        ),
        Preset(
            "keras",
            "the Keras example: three octaves at 1.4, 20 steps, four weighted layers",
            {
                "octaves": 3,
                "octave_scale": 1.4,
                "steps": 20,
                "step_size": 0.005,
                "jitter": 0,
                "normalization": "mean-abs",
                "max_score": 15.0,
                **PLAIN,
            },
            {"inception_v3": "mixed4^2 + 1.5*mixed5^2 + 2*mixed6^2 + 2.5*mixed7^2"},
        ),
    ]
}


def preset_of(name: str) -> Preset:
    """The preset of a name; raises `UnknownName` with the nearest ones."""
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]
