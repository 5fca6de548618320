"""The flags that commands share, read from the fields of the settings. None is what nobody said."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

from cyclopts import Group, Parameter, Token

from reverie.models.catalog import DEFAULT_MODEL
from reverie.models.spec import ModelSpec
from reverie.settings import Settings, VisualSettings
from reverie.settings.fields import CheckedFields, Setting
from reverie.settings.size import SHAPE_EXAMPLE, parse_shape

SETTINGS_GROUP = Group("Settings of the dream", sort_key=10)


def parse_whole(_: Any, tokens: Sequence[Token]) -> int:
    """What a flag says as a whole number: 3.5 is refused rather than rounded."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


def parse_size(_: Any, tokens: Sequence[Token]) -> int | str:
    """What a flag says as a size: a whole number, or height x width."""
    words = tokens[0].value
    if parse_shape(words) is not None:
        return words
    try:
        return int(words)
    except ValueError:
        raise ValueError(f"expected a whole number, or {SHAPE_EXAMPLE}, got {words!r}") from None


def parse_worded(hint: Any, tokens: Sequence[Token]) -> float | str:
    """What a flag says as a number, or as a word that stands for one, which the settings know."""
    try:
        return float(tokens[0].value)
    except ValueError:
        return tokens[0].value


Worded = Annotated[float | str, Parameter(converter=parse_worded, n_tokens=1, allow_leading_hyphen=True)]
Whole = Annotated[int, Parameter(converter=parse_whole)]
MaybeWhole = Annotated[int | None, Parameter(converter=parse_whole)]
Size = Annotated[int | str, Parameter(converter=parse_size, n_tokens=1)]
MaybeSize = Annotated[int | str | None, Parameter(converter=parse_size, n_tokens=1)]
Words = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="the picture to write, or a folder for many")]
Switch = Annotated[bool, Parameter(negative="")]
Several = Annotated[list[str] | None, Parameter(negative="")]


def make_flag(each: Setting, group: Group = SETTINGS_GROUP) -> tuple[str, Any, None]:
    """One flag: None unless said, so that a preset can tell what the user said from what is default."""
    kind = Size if each.shaped else Worded if each.words else Whole if each.kind is int else each.kind
    choices = f": {', '.join(each.choices)}" if each.choices else ""
    about = each.about + choices + ("" if each.default is None else f" [default: {each.default}]")
    return each.name, Annotated[Optional[kind], Parameter(help=about, group=group)], None  # noqa: UP045


def make_flags(name: str, kind: type[CheckedFields], group: Group = SETTINGS_GROUP, without: Sequence[str] = ()) -> Any:
    """A class of flags, one for each field of settings but those that are left out."""
    flags = [make_flag(each, group) for each in kind.fields() if each.name not in without]
    return dataclasses.make_dataclass(name, flags, namespace={"__module__": __name__})


SettingsFlags = make_flags("SettingsFlags", Settings)
VisualFlags = make_flags("VisualFlags", VisualSettings)
FrameFlags = make_flags("FrameFlags", Settings, without=("strength",))  # a film has a strength of its own
Dreamed = Annotated[SettingsFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields
DreamedFrame = Annotated[FrameFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields
Visualized = Annotated[VisualFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made from the fields


@dataclasses.dataclass(frozen=True)
class NetworkFlags:
    """Which network, and how it runs; None is what nobody said.

    Parameters
    ----------
    model
        The network: see `reverie models`.
    weights
        A file of weights (safetensors, Keras's .h5, a torch state dict), or random for an untrained network.
    engine
        What runs the network: torch or tensorflow. [default: torch]
    device
        auto, cpu, cuda or mps. [default: auto]
    precision
        auto, float32 or bfloat16. [default: auto]
    """

    model: str | None = None
    weights: str | None = None
    engine: str | None = None
    device: str | None = None
    precision: str | None = None


Network = Annotated[NetworkFlags | None, Parameter(name="*")]


def collect_said(flags: Any) -> dict[str, Any]:
    """The flags of a group that were said, by name."""
    return {name: value for name, value in vars(flags).items() if value is not None} if flags else {}


def read_spec(flags: NetworkFlags | None) -> ModelSpec:
    """The network, and how it shall run."""
    how = collect_said(flags)
    return ModelSpec(how.pop("model", DEFAULT_MODEL), **how)
