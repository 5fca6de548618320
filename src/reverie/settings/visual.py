"""The settings of a visualization, an ascent from noise: defaults, bounds and descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from reverie.errors import SettingsError
from reverie.settings.fields import CheckedFields
from reverie.settings.size import Shape

Parametrization: TypeAlias = Literal["fourier", "pixel", "lowres", "laplacian", "cppn", "maco"]
OptimizerName: TypeAlias = Literal["adam", "nadam", "normalized", "sgd"]


@dataclass(frozen=True, kw_only=True)
class VisualSettings(CheckedFields):
    """The settings of a visualization, an ascent from noise. Raises `SettingsError` as `Settings` does.

    Step size and decay have lucid's units; its own values are 0.05 and 1 at 512 steps. Smaller steps keep natural
    colors for longer; a larger decay and stronger rotation give coherent shapes in the place of lines. A number of the
    canvas stays within 25 of these units around zero, which 1250 default steps in one direction reach.

    >>> import reverie as rv
    >>> rv.VisualSettings(size=(96, 128), param="cppn").size
    '96x128'
    """

    OMITTED: ClassVar[Mapping[str, object]] = {"draws": 1, "optimizer": "adam", "alpha": False, "shared": 0.0}

    size: (
        Annotated[
            int,
            Meta(ge=16, le=8192, description="sides of the picture in pixels, or height x width as in 225x375"),
        ]
        | Shape
    ) = 512
    steps: Annotated[int, Meta(ge=1, le=1_000_000, description="gradient ascent steps")] = 192
    step_size: Annotated[float, Meta(ge=1e-9, le=10, description="change of a number of the spectrum in one step")] = (
        0.02
    )
    param: Annotated[Parametrization, Meta(description="what the picture is made of")] = "fourier"
    decay: Annotated[
        float, Meta(ge=0, le=4, description="how much weaker the high frequencies of the spectrum are")
    ] = 1.2
    jitter: Annotated[int, Meta(ge=0, le=1_000_000, description="largest random shift before each step, in pixels")] = 8
    rotation: Annotated[float, Meta(ge=0, le=180, description="largest random turn before each step, in degrees")] = (
        15.0
    )
    scaling: Annotated[
        float, Meta(ge=0, le=0.9, description="largest random change of size before each step, as a share")
    ] = 0.2
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="what chance begins from")] = 0
    transforms: (
        Annotated[
            str,
            Meta(
                max_length=1000,
                description="random transforms before each step instead of jitter, rotation and scaling, such as "
                '"jitter(8), rotate(15, 0.2)", of jitter, rotate, scale, crop, pad, blur, noise and flip',
            ),
        ]
        | None
    ) = None
    draws: Annotated[int, Meta(ge=1, le=1000, description="how many draws of the transforms each step averages")] = 1
    optimizer: Annotated[OptimizerName, Meta(description="what makes a step of a gradient")] = "adam"
    alpha: Annotated[bool, Meta(description="the picture may be transparent where nothing excites")] = False
    shared: Annotated[
        float, Meta(ge=0, le=1, description="share of what several pictures are made of that is the same in all, 0..1")
    ] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.transforms is not None:
            check_replaced(self)


def check_replaced(settings: VisualSettings) -> None:
    """Raises `SettingsError` where a setting was said that `transforms` stand in the place of."""
    for name in ("jitter", "rotation", "scaling"):
        if getattr(settings, name) != getattr(VisualSettings, name):
            raise SettingsError(
                f"{name} is {getattr(settings, name)}, but transforms say all that is done before a step: "
                f"say it there, or leave transforms out"
            )
