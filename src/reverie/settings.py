"""The numbers of a dream. Every default has its home here; the command line reads its flags from these fields.

Imports no torch: `reverie --help` reads it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reverie.errors import SettingsError, UnknownName

NORMALIZATIONS = ("std", "mean-abs", "none")
PARAMS = ("fourier", "pixel")
PANORAMAS = ("auto", "on", "off", "force")


def _number(default: Any, about: str, least: float, most: float) -> Any:
    return field(default=default, metadata={"about": about, "least": least, "most": most})


def _choice(default: str, about: str, choices: tuple[str, ...]) -> Any:
    return field(default=default, metadata={"about": f"{about}: {', '.join(choices)}", "choices": choices})


@dataclass(frozen=True)
class Settings:
    """How a dream is dreamed. Raises `SettingsError` for a number outside its bounds."""

    octaves: int | None = _number(None, "how many sizes to dream at; unset: down to about 150 pixels", 1, 64)
    octave_scale: float = _number(1.3, "ratio of the sides of neighboring octaves", 1.01, 16)
    larger_octaves: int = _number(0, "how many octaves are larger than the picture, which is brought back", 0, 16)
    steps: int = _number(15, "gradient ascent steps in each octave", 1, 1_000_000)
    step_size: float = _number(0.014, "change of a pixel in one step, 0..1", 1e-9, 1)
    jitter: int = _number(32, "largest random shift of the picture before each step, in pixels", 0, 1_000_000)
    color_correlation: float = _number(0.6, "how far the colors of a step follow those of nature, 0..1", 0, 1)
    laplacian_levels: int = _number(4, "frequency bands of the gradient that are evened out; 0: none", 0, 16)
    laplacian_strength: float = _number(0.5, "how far the bands are evened out, 0..1", 0, 1)
    smoothing: float = _number(0.0, "Gaussian blur of the gradient, its sigma in pixels", 0, 1000)
    keep_color: bool = field(
        default=False, metadata={"about": "only light and dark dream; the colors stay the photo's"}
    )
    feather: float = _number(0.01, "how soft the edges of masks are, as a share of the picture's longest side", 0, 1)
    normalization: str = _choice("std", "what a step is measured by", NORMALIZATIONS)
    max_score: float | None = _number(None, "an octave ends early above this score", -1e30, 1e30)
    size: int | None = _number(None, "longest side of the dream in pixels; unset: the picture's own", 1, 10_000_000)
    panorama: str = _choice("auto", "whether the picture is a sphere's, twice as wide as high", PANORAMAS)
    seed: int = _number(0, "what chance begins from", 0, 2**63 - 1)
    overshoot: bool = field(
        default=False,
        metadata={
            "about": "as Reverie 0.1 did: the resized photograph may overshoot black and white, and so leave traces "
            "where nothing is dreamed"
        },
    )

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, _checked(each, getattr(self, each.name)))
        if self.octaves is not None and self.larger_octaves >= self.octaves:
            raise SettingsError(
                f"larger_octaves is {self.larger_octaves} of {self.octaves} octaves; at most {self.octaves - 1}"
            )

    @property
    def around(self) -> bool:
        """Whether the picture goes around a sphere. "auto" is for who knows the file; a picture alone does not say."""
        return self.panorama in ("on", "force")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a mapping of field names, such as a TOML table; raises `UnknownName` for any other name."""
        known = [each.name for each in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownName("setting", name, known)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The fields that are set, in order: what a recipe writes down. `overshoot` is there only where it is true."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        return values if self.overshoot else {name: value for name, value in values.items() if name != "overshoot"}


@dataclass(frozen=True)
class VisualSettings:
    """How a wish is visualized, from noise. Raises `SettingsError` for a number outside its bounds.

    Step size and decay are measured as lucid's, whose own are 0.05 and 1 at 512 steps. Smaller steps keep the colors
    of nature for longer, more damping and stronger turns make shapes of lines.
    """

    size: int = _number(512, "sides of the picture in pixels", 16, 8192)
    steps: int = _number(192, "gradient ascent steps", 1, 1_000_000)
    step_size: float = _number(0.02, "change of a number of the spectrum in one step", 1e-9, 10)
    param: str = _choice("fourier", "what the picture is made of", PARAMS)
    decay: float = _number(1.2, "how much weaker the high frequencies of the spectrum are", 0, 4)
    jitter: int = _number(8, "largest random shift before each step, in pixels", 0, 1_000_000)
    rotation: float = _number(15.0, "largest random turn before each step, in degrees", 0, 180)
    scaling: float = _number(0.2, "largest random change of size before each step, as a share", 0, 0.9)
    seed: int = _number(0, "what chance begins from", 0, 2**63 - 1)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, _checked(each, getattr(self, each.name)))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> VisualSettings:
        """Settings from a mapping of field names; raises `UnknownName` for any other name."""
        known = [each.name for each in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownName("setting", name, known)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The fields, in order: what a recipe writes down."""
        return dataclasses.asdict(self)


def _checked(each: dataclasses.Field[Any], value: Any) -> Any:
    """The value in its field's own type, or a `SettingsError` that names the bound."""
    optional, wanted = "None" in str(each.type), str(each.type).split(" ")[0]
    if value is None and optional:
        return None
    if wanted == "str":
        if value not in each.metadata["choices"]:
            raise SettingsError(f"{each.name} is {value!r}; expected one of {', '.join(each.metadata['choices'])}")
        return value
    if wanted == "bool":
        if not isinstance(value, bool):
            raise SettingsError(f"{each.name} is {value!r}; expected true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (wanted == "int" and value != int_of(value)):
        raise SettingsError(f"{each.name} is {value!r}; expected a {'whole ' if wanted == 'int' else ''}number")
    least, most = each.metadata["least"], each.metadata["most"]
    if not least <= value <= most:  # nan is neither
        raise SettingsError(f"{each.name} is {value}; expected {least} to {most}")
    return int(value) if wanted == "int" else float(value)


def int_of(value: float) -> int | None:
    """The whole number that a number is, None where it is none."""
    return value if isinstance(value, int) else int(value) if value.is_integer() else None
