"""The settings of well-known DeepDream programs, as data in the units of `Settings`.

Step sizes are converted to pixels of 0..1: Google's is 1.5 of 255, the tutorials' 0.01 of a range of 2 is halved. All
presets but `paper` carry the detail from octave to octave as Google's notebook does, although TensorFlow's tutorial
loses it.

Where a program reads layers of a network that must be downloaded, the preset also names layers of the bundled network:
those with the nearest receptive field, compared by eye. What has no counterpart in `Settings` is said in its note.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reverie.errors import ExtensionError, ReverieError, SettingsError, UnknownName
from reverie.models.extensions import find_registered, list_registered, register
from reverie.settings import Settings

log = logging.getLogger("reverie")

PLAIN_STYLE = {"color_correlation": 0.0, "laplacian_levels": 0}
"""Neither color correlation nor Laplacian normalization: most programs have none."""


@dataclass(frozen=True)
class Preset:
    """Settings under a name, and the objectives of the networks that they are meant for.

    >>> import reverie as rv
    >>> mist = rv.Preset("mist", "soft shapes", {"steps": 20, "smoothing": 1.5}, {"squeezenet": "fire8^2"})
    >>> mist.objective("squeezenet")
    'fire8^2'
    """

    name: str
    about: str
    """One line for a user."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `Settings` that differ from the defaults."""
    objectives: Mapping[str, str] = field(default_factory=dict)
    """The objective in words for each network, the original program's first; empty: for any network its default."""
    note: str = ""
    """Where the numbers and layers come from, as far as `about` does not say it."""

    def objective(self, model: str) -> str | None:
        """The objective of the preset for a network, in words; None: the network's default.

        Raises `SettingsError` if the preset has objectives, but none for this network.
        """
        if not self.objectives or model in self.objectives:
            return self.objectives.get(model)
        needed, objective = next(iter(self.objectives.items()))
        raise SettingsError(
            f"the preset {self.name} wishes for {objective}, layers of {needed}: "
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
                "step_size": 0.005,
                "smoothing": 0.7,
                "laplacian_strength": 0.7,
                "color_correlation": 0.8,
            },
        ),
        Preset(
            "paper",
            "the paper's run: InceptionV3's mixed3 + mixed5 at 225 x 375 and four larger sizes, 400 steps each",
            {
                "octaves": 5,
                "larger_octaves": 4,
                "handover": "picture",
                "steps": 400,
                "step_size": 0.0005,
                "jitter": 0,
                "size": "225x375",
                **PLAIN_STYLE,
            },
            {"inception_v3": "mixed3 + mixed5"},
            "The numbers of the course's notebook that the paper walks through: a step of 0.001 of -1..1, times the "
            "gradient over its standard deviation, and sizes of 1, 1.3, 1.69, 2.20 and 2.86 times 225 x 375, so that "
            "it ends with 642 x 1071 pixels. Between two sizes the picture is cut to 8 bits and enlarged linearly.",
        ),
        Preset(
            "tf-tutorial-long",
            "TensorFlow's tutorial with the paper's 400 steps, the photo's sharpness kept",
            {"octaves": 5, "larger_octaves": 2, "steps": 400, "step_size": 0.005, "jitter": 512, **PLAIN_STYLE},
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
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception4c^2", "squeezenet": "fire8^2"},
            "The notebook's own layer, and the one of the bundled network that looks most like it.",
        ),
        Preset(
            "tf-tutorial",
            "TensorFlow's tutorial: five octaves about the picture's size, 100 steps",
            {"octaves": 5, "larger_octaves": 2, "steps": 100, "step_size": 0.005, "jitter": 512, **PLAIN_STYLE},
            {"inception_v3": "mixed3 + mixed5", "squeezenet": "fire6 + fire8"},
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
                **PLAIN_STYLE,
            },
            {
                "inception_v3": "mixed4^2 + 1.5*mixed5^2 + 2*mixed6^2 + 2.5*mixed7^2",
                "squeezenet": "0.00004*fire6^2 + 0.00006*fire7^2 + 0.00008*fire8^2 + 0.0001*fire9^2",
            },
            "The bundled network's scores are larger than InceptionV3's by the size of its activations: "
            "scaled, or a score of 15 would end an octave at once.",
        ),
        Preset(
            "tf-notebook",
            "TensorFlow's notebook of 2015: one channel, four octaves at 1.4",
            {
                "octaves": 4,
                "octave_scale": 1.4,
                "steps": 10,
                "step_size": 1.5 / 255,
                "jitter": 512,
                "normalization": "mean-abs",
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception4d.branch2.0.bn:139", "squeezenet": "fire8:200"},
            "Its tiles are rolled by up to their own side, 512 pixels. Channel 139 of mixed4d_3x3_bottleneck_pre_relu "
            "grew flowers in inception5h; torchvision's googlenet was trained anew, so that its channel of that number "
            "means something else.",
        ),
        Preset(
            "tf-lapnorm",
            "TensorFlow's notebook, the frequencies of the gradient made equally strong",
            {
                "octaves": 3,
                "octave_scale": 1.4,
                "steps": 10,
                "step_size": 5**0.5 / 255,
                "jitter": 512,
                "color_correlation": 0.0,
                "laplacian_levels": 5,
                "laplacian_strength": 1.0,
            },
            {"torchvision:googlenet": "inception4d.branch2.0.bn:139", "squeezenet": "fire8:200"},
            "Four halvings make five bands, as its `lap_n` of 4 does. Its step is 1 of 255 shades for each of them, of "
            "strength one, which add up to the root of five; ours add up to one.",
        ),
        Preset(
            "gordic",
            "pytorch-deepdream: four octaves at 1.8, blurred gradients, VGG16's relu4_3",
            {
                "octaves": 4,
                "octave_scale": 1.8,
                "steps": 10,
                "step_size": 0.09 * 0.225,
                "smoothing": 1.0,
                **PLAIN_STYLE,
            },
            {"torchvision:vgg16": "features.22^2", "squeezenet": "fire5^2"},
            "Its step is 0.09 of colors divided by ImageNet's deviation, about 0.225. It adds three blurs, of half, "
            "once and twice a sigma that grows from 0.7 to 2.5: here one in their midst.",
        ),
        Preset(
            "neural-dream",
            "neural-dream: two octaves, 50 steps each, GoogLeNet's 4d 3x3 reduce",
            {
                "octaves": 2,
                "octave_scale": 1 / 0.6,
                "steps": 50,
                "step_size": 1.5 / 255,
                "normalization": "mean-abs",
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception4d.branch2.0", "squeezenet": "fire7"},
            "Adam moves every pixel by about its rate, 1.5 of 255: the mean absolute value comes nearest. It goes up "
            "the octaves ten times; here once, as our detail is kept.",
        ),
        Preset(
            "crowson",
            "crowsonkb's deep_dream: two octaves for each doubling, small ones too",
            {
                "octave_scale": 2**0.5,
                "steps": 10,
                "step_size": 1 / 255,
                "normalization": "mean-abs",
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception3b^2 + inception4c^2", "squeezenet": "0.1*fire4^2 + fire8^2"},
            "Its smallest octave is of 128 pixels; ours, unless their number is told, of about 150. The layers and "
            "their weights are its user's to choose; these are of two depths.",
        ),
        Preset(
            "hvass",
            "Hvass-Labs' tutorial 14: large steps, blurred, in a low layer",
            {
                "octaves": 5,
                "octave_scale": 1 / 0.7,
                "steps": 10,
                "step_size": 3 / 255,
                "jitter": 400,
                "smoothing": 1.0,
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception4a^2", "squeezenet": "fire6^2"},
            "Its tiles lie elsewhere in each step, and are of 400 pixels a side. Three blurs are added, of half, once "
            "and twice a sigma that grows from 0.5 to 4.1: here one in their midst.",
        ),
        Preset(
            "hallucination-machine",
            "Hallucination Machine's films: three octaves at 1.8, what GoogLeNet's 4d pools",
            {
                "octaves": 3,
                "octave_scale": 1.8,
                "steps": 16,
                "step_size": 1.5 / 255,
                "normalization": "mean-abs",
                **PLAIN_STYLE,
            },
            {"torchvision:googlenet": "inception4d.branch4.0^2", "squeezenet": "fire8^2"},
        ),
    ]
}


def register_preset(preset: Preset) -> None:
    """Make a preset of your own known by its name, in this process: to `--preset`, `reverie presets` and recipes.

    One of that name registered before is replaced. A package does the same for good by an entry point in the group
    "reverie.presets".

    Raises `SettingsError` for a name of Reverie's own, or one that is not letters, digits, _ and -, and for settings
    out of their bounds; `UnknownName` for a setting that does not exist.

    >>> import reverie as rv
    >>> rv.register_preset(rv.Preset("mist", "soft shapes", {"steps": 20, "smoothing": 1.5}))
    """
    check_preset(preset, "what is registered")
    register("preset", preset.name, preset, PRESETS)


def check_preset(preset: Any, what: str) -> Preset:
    """The preset; raises `ExtensionError` where it is none, and what its settings raise."""
    if not isinstance(preset, Preset):
        raise ExtensionError(f"{what} is a {type(preset).__name__}; expected an rv.Preset(name, about, settings)")
    Settings.of(preset.settings)
    return preset


def find_preset(name: str) -> Preset:
    """The preset with a name; raises `UnknownName` that suggests similar names.

    One of a package's entry points is imported; raises `ExtensionError` where it cannot be.
    """
    if name in PRESETS:
        return PRESETS[name]
    found = find_registered("preset", name)
    if found is None:
        raise UnknownName("preset", name, [*PRESETS, *list_registered("preset")])
    return check_preset(found, f"the preset {name!r}")


def list_presets() -> list[Preset]:
    """All presets, Reverie's own and those registered; one that cannot be imported is told in the log and left out."""
    found = list(PRESETS.values())
    for name in list_registered("preset"):
        try:
            found += [find_preset(name)] if name not in PRESETS else []
        except ReverieError as error:
            log.warning("%s", error)
    return found
