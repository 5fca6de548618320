"""The fields of settings: read from their types, checked by msgspec, and described to command lines and forms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from reverie.errors import SettingsError, UnknownName
from reverie.settings.size import SHAPE_EXAMPLE, Shape, format_shape, parse_shape

FieldsT = TypeVar("FieldsT", bound="CheckedFields")


@dataclass(frozen=True)
class Setting:
    """The description of one field of settings, read from its type annotation."""

    name: str
    annotation: Any
    """The whole annotation, with bounds and None, against which msgspec checks a value."""
    kind: type
    """int, float, str or bool."""
    about: str
    """One line for a user, as the command line's help shows it."""
    default: Any
    choices: tuple[str, ...] = ()
    """The allowed strings; empty for numbers and booleans."""
    least: float | None = None
    most: float | None = None
    """The bounds of a number, inclusive."""
    words: Mapping[str, float] = field(default_factory=dict)
    """Words that stand for numbers, as "large" for 1."""
    shaped: bool = False
    """Whether a height and a width are taken in the place of the number, as "225x375" or a pair."""

    @classmethod
    def of(cls, name: str, annotation: Any, default: Any) -> Setting:
        """Reads `Annotated[X, Meta(...)]`, first of a union with None or with a shape; X is a Literal for choices."""
        union = get_origin(annotation) in (Union, UnionType)
        kind, meta = get_args(get_args(annotation)[0] if union else annotation)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        shaped = union and Shape in get_args(annotation)
        words = (meta.extra or {}).get("words", {})
        bounds = meta.ge, meta.le
        kind = str if choices else kind
        return cls(name, annotation, kind, meta.description, default, choices, *bounds, words, shaped)

    @property
    def optional(self) -> bool:
        """Whether None is allowed."""
        return NoneType in get_args(self.annotation)

    def check(self, value: Any) -> Any:
        """The value, converted to the field's type; raises `SettingsError` for one that does not fit."""
        if isinstance(value, str):
            value = self.words.get(value, value)
        if isinstance(value, float):
            # msgspec takes neither 15.0 for a whole number, as TOML and JSON may have it, nor NumPy's float64
            value = int(value) if self.kind is int and value.is_integer() else float(value)
        if self.shaped and isinstance(value, (str, tuple, list)):
            value = self.check_shape(value)
        try:
            return msgspec.convert(value, self.annotation)
        except msgspec.ValidationError:
            raise SettingsError(f"{self.name} is {value!r}; expected {self.expectation(value)}") from None

    def check_shape(self, value: Any) -> str:
        """A height and a width as they are held, "225x375"; raises `SettingsError` for what says none."""
        shape = parse_shape(value)
        if shape is None:
            raise SettingsError(f"{self.name} is {value!r}; expected {self.expectation(value)}")
        if not all((self.least or 0) <= side <= (self.most or side) for side in shape):
            raise SettingsError(f"{self.name} is {value!r}; expected {self.least} to {self.most} for each side")
        return format_shape(shape)

    def expectation(self, value: Any) -> str:
        """What was expected in the place of a wrong value, for the error message: msgspec names one bound only."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return "a text"
        if isinstance(value, (int, self.kind)) and not isinstance(value, bool):
            return f"{self.least} to {self.most}"
        number = "a whole number" if self.kind is int else "a number"
        if self.words:
            number = f"{number}, or one of {', '.join(self.words)}"
        return f"{number}, or {SHAPE_EXAMPLE}" if self.shaped else number


def read_plain_value(value: Any) -> Any:
    """The value, with the numbers of numpy and torch, alone or in a tuple, as Python's own."""
    if isinstance(value, tuple):
        return tuple(map(read_plain_value, value))
    return value.item() if getattr(value, "ndim", None) == 0 else value


class CheckedFields:
    """Base of frozen dataclasses that check their fields' values against their types on creation."""

    ORDER: ClassVar[tuple[str, ...]] = ()
    """The names of all fields in the order to list them; empty: as the class defines them."""
    OMITTED: ClassVar[Mapping[str, object]] = {}
    """Values with which recipes leave a setting out: those of the versions that did not have it."""

    def __post_init__(self) -> None:
        for each in self.fields():
            object.__setattr__(self, each.name, each.check(read_plain_value(getattr(self, each.name))))

    @classmethod
    @lru_cache  # reading annotations takes longer than checking values, and is done for every instance
    def fields(cls) -> tuple[Setting, ...]:
        """The descriptions of all fields, in order."""
        annotations = get_type_hints(cls, include_extras=True)
        defaults = {each.name: each.default for each in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return tuple(Setting.of(name, annotations[name], defaults[name]) for name in cls.ORDER or defaults)

    @classmethod
    def of(cls: type[FieldsT], values: Mapping[str, Any]) -> FieldsT:
        """Settings from a mapping of field names, such as a TOML table; raises `UnknownName` for any other name."""
        known = [each.name for each in cls.fields()]
        for name in values:
            if name not in known:
                raise UnknownName("setting", name, known)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The fields that are not None, by name, in a recipe's order, without those that `OMITTED` leaves out."""
        values = {each.name: getattr(self, each.name) for each in self.fields()}
        return {
            name: value
            for name, value in values.items()
            if value is not None and not (name in self.OMITTED and value == self.OMITTED[name])
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON schema of `as_dict`, its properties in order, from which a form can be built.

        Conditions between two fields (`larger_octaves` is less than `octaves`) are not part of it.
        """
        _, components = msgspec.json.schema_components([cls])
        schema = components[cls.__name__]
        properties = {}
        for each in cls.fields():
            choices = {"enum": list(each.choices)} if each.choices else {}  # msgspec sorts them
            properties[each.name] = schema["properties"][each.name] | choices
        return {**schema, "properties": properties, "additionalProperties": False}
