"""The settings of an attribution, with their defaults and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from reverie.settings.fields import CheckedFields

Baseline: TypeAlias = Literal["black", "gray", "white", "blurred"]


@dataclass(frozen=True, kw_only=True)
class AttributionSettings(CheckedFields):
    """The settings of `attribute`; each concerns some of the methods. Raises `SettingsError` as `Settings` does.

    >>> import reverie as rv
    >>> rv.AttributionSettings(samples=20, baseline="blurred").samples
    20
    """

    samples: Annotated[
        int, Meta(ge=1, le=100_000, description="noisy copies of smoothgrad, points on integrated-gradients' path")
    ] = 50
    noise: Annotated[
        float, Meta(ge=0, le=1, description="standard deviation of smoothgrad's noise, of a pixel's range 0..1")
    ] = 0.15
    baseline: Annotated[
        Baseline, Meta(description="what integrated-gradients compares with, and what occlusion covers with")
    ] = "black"
    window: (
        Annotated[
            int,
            Meta(ge=1, le=100_000, description="side of occlusion's window in pixels; unset: an eighth of the side"),
        ]
        | None
    ) = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="what the noise begins from")] = 0
