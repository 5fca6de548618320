"""The settings of a dream and of a visualization, with their defaults, bounds and descriptions.

They are defined here only, in the types of the fields: msgspec checks values against these types, and the flags of the
command line and the JSON schema for forms are made from them.

Imports no torch, so that `reverie --help` is quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from msgspec import Meta

from reverie.errors import SettingsError
from reverie.settings.fields import CheckedFields
from reverie.settings.size import Shape
from reverie.settings.visual import VisualSettings as VisualSettings

Normalization: TypeAlias = Literal["std", "mean-abs", "none"]
Panorama: TypeAlias = Literal["auto", "on", "off", "force"]
Handover: TypeAlias = Literal["detail", "picture"]
PANORAMA_CHOICES: tuple[str, ...] = get_args(Panorama)


@dataclass(frozen=True, kw_only=True)
class Octaves(CheckedFields):
    """The settings of the loop over the octaves: the sizes of the image, and the steps at each.

    >>> import reverie as rv
    >>> rv.Octaves(octaves=4, octave_scale=1.4, steps=10).step_size
    0.014
    """

    # Only pictures of version 0.1.0 had another overshoot; the first recipes had no handover.
    OMITTED: ClassVar[Mapping[str, object]] = {"overshoot": False, "handover": "detail"}

    octaves: (
        Annotated[int, Meta(ge=1, le=64, description="how many sizes to dream at; unset: down to about 150 pixels")]
        | None
    ) = None
    octave_scale: Annotated[float, Meta(ge=1.01, le=16, description="ratio of the sides of neighboring octaves")] = 1.3
    larger_octaves: Annotated[
        int, Meta(ge=0, le=16, description="how many octaves are larger than the picture, which is brought back")
    ] = 0
    handover: Annotated[
        Handover,
        Meta(
            description="what goes on from octave to octave: the detail beside the photo, or as in the paper the "
            "dreamed picture, which larger octaves then leave large"
        ),
    ] = "detail"
    steps: Annotated[int, Meta(ge=1, le=1_000_000, description="gradient ascent steps in each octave")] = 15
    step_size: Annotated[float, Meta(ge=1e-9, le=1, description="change of a pixel in one step, 0..1")] = 0.014
    max_score: Annotated[float, Meta(ge=-1e30, le=1e30, description="an octave ends early above this score")] | None = (
        None
    )
    panorama: Annotated[Panorama, Meta(description="whether the picture is a sphere's, twice as wide as high")] = "auto"
    overshoot: Annotated[
        bool,
        Meta(
            description="as Reverie 0.1 did: the resized photograph may overshoot black and white, and so leave traces "
            "where nothing is dreamed"
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.octaves is not None and self.larger_octaves >= self.octaves:
            raise SettingsError(
                f"larger_octaves is {self.larger_octaves} of {self.octaves} octaves; at most {self.octaves - 1}"
            )

    @property
    def around(self) -> bool:
        """Whether the image is an equirectangular panorama.

        False for "auto", which is decided by the metadata of a file before a dream begins.
        """
        return self.panorama in ("on", "force")


@dataclass(frozen=True, kw_only=True)
class Style(CheckedFields):
    """The settings of the wrappers around an objective's gradient, which give a dream its look.

    >>> import reverie as rv
    >>> rv.Style(jitter=0, laplacian_levels=0).color_correlation
    0.6
    """

    jitter: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="largest random shift of the picture before each step, in pixels"),
    ] = 32
    color_correlation: Annotated[
        float, Meta(ge=0, le=1, description="how far the colors of a step follow those of nature, 0..1")
    ] = 0.6
    laplacian_levels: Annotated[
        int, Meta(ge=0, le=16, description="frequency bands of the gradient that are evened out; 0: none")
    ] = 4
    laplacian_strength: Annotated[float, Meta(ge=0, le=1, description="how far the bands are evened out, 0..1")] = 0.5
    smoothing: Annotated[
        float, Meta(ge=0, le=1000, description="Gaussian blur of the gradient, its sigma in pixels")
    ] = 0.0
    keep_color: Annotated[bool, Meta(description="only light and dark dream; the colors stay the photo's")] = False
    gray: Annotated[bool, Meta(description="the photo and its dream are in shades of gray")] = False
    feather: Annotated[
        float,
        Meta(ge=0, le=1, description="how soft the edges of masks are, as a share of the picture's longest side"),
    ] = 0.01
    normalization: Annotated[Normalization, Meta(description="what a step is measured by")] = "std"


@dataclass(frozen=True, kw_only=True)
class Look(CheckedFields):
    """The settings of how much of a dream is shown. They can be changed when it is done, without dreaming again.

    >>> import reverie as rv
    >>> rv.Look(strength=0.5, features="large").features
    1.0
    """

    strength: Annotated[
        float, Meta(ge=0, le=1, description="how much of the dream is shown over the photo, 0..1; no less is dreamed")
    ] = 1.0
    features: Annotated[
        float,
        Meta(
            ge=-1,
            le=1,
            description="which sizes of features are shown, from small (-1) to large (1); 0, or all: every size",
            extra={"words": {"small": -1.0, "all": 0.0, "large": 1.0}},
        ),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class Settings(Octaves, Style, Look):
    """All settings of a dream. Raises `SettingsError` for a value of another type, or outside its bounds.

    >>> import reverie as rv
    >>> rv.Settings(steps=30, jitter=8, size=1024, seed=3).steps
    30
    >>> rv.Settings(steps=-1)
    Traceback (most recent call last):
    ...
    reverie.errors.SettingsError: steps is -1; expected 1 to 1000000
    """

    size: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=10_000_000,
                description="longest side of the dream in pixels, or height x width as in 225x375, which distorts; "
                "unset: the picture's own",
            ),
        ]
        | Shape
        | None
    ) = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="what chance begins from")] = 0

    OMITTED: ClassVar[Mapping[str, object]] = {**Octaves.OMITTED, "strength": 1.0, "features": 0.0, "gray": False}

    ORDER = (  # recipes are compared as text, and have had this order since 0.1.0
        "octaves",
        "octave_scale",
        "larger_octaves",
        "handover",
        "steps",
        "step_size",
        "jitter",
        "color_correlation",
        "laplacian_levels",
        "laplacian_strength",
        "smoothing",
        "keep_color",
        "gray",
        "feather",
        "normalization",
        "max_score",
        "strength",
        "features",
        "size",
        "panorama",
        "seed",
        "overshoot",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features and self.handover == "picture":
            raise SettingsError(
                f"features is {self.features} and handover is picture, which keeps no octave apart: leave one out"
            )
