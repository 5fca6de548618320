"""The numbers of a dream: every bound is refused by name, and what is written down is read again."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reverie.cli.flags import SettingsFlags, VisualFlags
from reverie.errors import SettingsError, UnknownName
from reverie.image.resample import scale_size
from reverie.settings import Look, Octaves, Settings, Style, VisualSettings
from reverie.settings.fields import CheckedFields, Setting
from reverie.settings.size import find_canvas_size

Case: TypeAlias = tuple[type[CheckedFields], Setting]

CASES: list[Case] = [(cls, each) for cls in (Settings, VisualSettings) for each in cls.fields()]
TEXTS = ("transforms",)
"""The fields of free text, which is read where it is used."""
NUMBERS = [(cls, each) for cls, each in CASES if each.kind in (int, float)]
WHOLE = [(cls, each) for cls, each in NUMBERS if each.kind is int]


def over(cases: list[Case]) -> pytest.MarkDecorator:
    """The same test for every one of these fields."""
    names = [f"{cls.__name__}.{each.name}" for cls, each in cases]
    return pytest.mark.parametrize(("cls", "field"), cases, ids=names)


def bounds(field: Setting) -> tuple[float, float]:
    assert field.least is not None and field.most is not None
    return field.least, field.most


def settings_with(cls: type[CheckedFields], name: str, value: Any) -> Any:
    """One field set, and enough octaves for any larger one."""
    return cls.of({**({"octaves": 64} if name == "larger_octaves" else {}), name: value})


@pytest.mark.parametrize("cls", [Octaves, Style, Settings, VisualSettings])
def test_every_field_is_described_and_bounded(cls: type[CheckedFields]) -> None:
    names = [each.name for each in cls.fields()]
    assert sorted(names) == sorted(each.name for each in dataclasses.fields(cls))  # type: ignore[arg-type]
    for each in cls.fields():
        assert each.about and "\n" not in each.about
        assert (each.least is not None) == (each.most is not None) == (each.kind in (int, float)), each.name
        assert (each.kind is str) == bool(each.choices) or each.name in TEXTS, f"{each.name} takes any text"
        assert each.check(each.default) == each.default, f"the default of {each.name} is refused"


@over(NUMBERS)
def test_the_bounds_themselves_are_allowed(cls: type[CheckedFields], field: Setting) -> None:
    for bound in bounds(field):
        got = getattr(settings_with(cls, field.name, bound), field.name)
        assert got == bound and type(got) is field.kind


@over(NUMBERS)
@given(st.data())
def test_beyond_the_bounds_is_refused_with_both(cls: type[CheckedFields], field: Setting, data: st.DataObject) -> None:
    least, most = bounds(field)
    if field.kind is int:
        below, above = st.integers(max_value=int(least) - 1), st.integers(min_value=int(most) + 1)
        value: float = data.draw(below | above)
    else:
        low = st.floats(max_value=math.nextafter(least, -math.inf))
        value = data.draw(low | st.floats(min_value=math.nextafter(most, math.inf)))
    with pytest.raises(SettingsError) as caught:
        settings_with(cls, field.name, value)
    assert str(caught.value) == f"{field.name} is {value}; expected {least} to {most}"


@over(NUMBERS)
def test_what_no_number_can_be_is_refused_by_name(cls: type[CheckedFields], field: Setting) -> None:
    for value in (float("nan"), float("inf"), -float("inf"), 10**400, -(10**400)):
        with pytest.raises(SettingsError, match=f"^{field.name} is .*; expected ") as caught:
            settings_with(cls, field.name, value)
        assert "\n" not in str(caught.value)


@over(NUMBERS)
@pytest.mark.parametrize("value", ["3", True, [3], {}, 2j])
def test_what_is_no_number_is_refused_by_name(cls: type[CheckedFields], field: Setting, value: Any) -> None:
    expected = "a whole number" if field.kind is int else "a number"
    expected += ", or height x width as in 225x375" if field.shaped else ""
    expected += f", or one of {', '.join(field.words)}" if field.words else ""
    with pytest.raises(SettingsError, match=f"^{field.name} is .*; expected {expected}$"):
        settings_with(cls, field.name, value)


@over(WHOLE)
def test_a_whole_number_may_be_written_as_a_float(cls: type[CheckedFields], field: Setting) -> None:
    whole = max(7, int(bounds(field)[0]))
    for value in (float(whole), np.float64(whole)):
        got = getattr(settings_with(cls, field.name, value), field.name)
        assert got == whole and type(got) is int
    with pytest.raises(SettingsError, match=f"^{field.name} is 7.5; expected a whole number(, or .*)?$"):
        settings_with(cls, field.name, 7.5)


SHAPED = [(cls, each) for cls, each in CASES if each.shaped]


def test_the_size_alone_takes_a_shape() -> None:
    assert [(cls, each.name) for cls, each in SHAPED] == [(Settings, "size"), (VisualSettings, "size")]


@over(SHAPED)
@given(st.data())
def test_a_height_and_a_width_are_one_value_however_they_are_said(
    cls: type[CheckedFields], field: Setting, data: st.DataObject
) -> None:
    least, most = bounds(field)
    height, width = (data.draw(st.integers(int(least), int(most))) for _ in range(2))
    said = [f"{height}x{width}", f"{height} X {width}", f"{height}×{width}", (height, width), [height, width]]
    said.append((np.int64(height), torch.tensor(width)))
    held = {getattr(settings_with(cls, field.name, each), field.name) for each in said}
    assert held == {f"{height}x{width}"}
    assert scale_size((7, 5), held.pop()) == find_canvas_size((height, width)) == (height, width)


@over(SHAPED)
def test_what_is_no_shape_is_refused_in_one_line(cls: type[CheckedFields], field: Setting) -> None:
    least, most = bounds(field)
    no_shapes: list[Any] = ["", "x", "225x", "x375", "1x2x3", "-3x3", "2.5x3", "٣x٣", "wide", (), (64,), (64, 64, 64)]
    for value in [*no_shapes, (64.0, 64), (True, 64), ("64", 64), "9" * 5000 + "x9"]:
        with pytest.raises(SettingsError) as caught:
            settings_with(cls, field.name, value)
        expected = "a whole number, or height x width as in 225x375"
        assert str(caught.value) == f"size is {value!r}; expected {expected}"
    for value in [f"{least - 1}x64", f"64x{most + 1}", (64, most + 1)]:
        with pytest.raises(SettingsError) as caught:
            settings_with(cls, field.name, value)
        assert str(caught.value) == f"size is {value!r}; expected {least} to {most} for each side"


def test_a_float_may_be_written_as_a_whole_number() -> None:
    for value in (2, np.float64(2)):
        got = Settings.of({"octave_scale": value}).octave_scale
        assert got == 2 and type(got) is float


@over(CASES)
def test_only_some_may_be_unset(cls: type[CheckedFields], field: Setting) -> None:
    if field.optional:
        assert getattr(settings_with(cls, field.name, None), field.name) is None
        return
    with pytest.raises(SettingsError, match=f"^{field.name} is None; expected "):
        settings_with(cls, field.name, None)


@over([(cls, each) for cls, each in CASES if each.choices])
def test_a_choice_is_one_of_those_there_are(cls: type[CheckedFields], field: Setting) -> None:
    for choice in field.choices:
        assert getattr(settings_with(cls, field.name, choice), field.name) == choice
    others: list[Any] = ["max", "", field.choices[0].upper(), 1, True, ["std"], {}]
    for value in others:
        with pytest.raises(SettingsError) as caught:
            settings_with(cls, field.name, value)
        assert str(caught.value) == f"{field.name} is {value!r}; expected one of {', '.join(field.choices)}"


@over([(cls, each) for cls, each in CASES if each.kind is bool])
def test_a_switch_is_on_or_off(cls: type[CheckedFields], field: Setting) -> None:
    others: list[Any] = [1, 0, 1.0, "true", []]
    for value in others:
        with pytest.raises(SettingsError, match=f"^{field.name} is .*; expected true or false$"):
            settings_with(cls, field.name, value)


def test_what_a_step_is_measured_by_is_one_of_three() -> None:
    with pytest.raises(SettingsError, match="normalization is 'max'; expected one of std, mean-abs, none"):
        Settings(normalization="max")  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [Settings, Octaves])
def test_not_all_octaves_are_larger_than_the_picture(cls: type[Octaves]) -> None:
    with pytest.raises(SettingsError, match="larger_octaves is 3 of 3 octaves; at most 2"):
        cls(octaves=3, larger_octaves=3)
    assert cls(larger_octaves=3).octaves is None


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no setting is called 'octave'; did you mean octaves"):
        Settings.of({"octave": 3})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().steps = 3  # type: ignore[misc]


def test_settings_are_octaves_a_style_a_look_a_size_and_a_seed() -> None:
    parts = [{each.name for each in cls.fields()} for cls in (Octaves, Style, Look)]
    assert len(set().union(*parts)) == sum(map(len, parts))
    assert {each.name for each in Settings.fields()} == set().union(*parts) | {"size", "seed"}
    with pytest.raises(SettingsError, match="steps is 0; expected 1 to 1000000"):
        Octaves(steps=0)
    with pytest.raises(SettingsError, match="feather is 2; expected 0 to 1"):
        Style(feather=2)


def test_the_order_of_a_recipe_is_that_of_the_first() -> None:
    """Recipes are compared as text."""
    assert Settings(handover="picture").as_dict() == {**Settings().as_dict(), "handover": "picture"}
    assert list(Settings(octaves=2, max_score=1, size=9).as_dict()) == [
        *("octaves", "octave_scale", "larger_octaves", "steps", "step_size", "jitter", "color_correlation"),
        *("laplacian_levels", "laplacian_strength", "smoothing", "keep_color", "feather", "normalization"),
        *("max_score", "size", "panorama", "seed"),
    ]
    assert list(VisualSettings().as_dict()) == [
        *("size", "steps", "step_size", "param", "decay", "jitter", "rotation", "scaling", "seed")
    ]


@pytest.mark.parametrize(("cls", "flags"), [(Settings, SettingsFlags), (VisualSettings, VisualFlags)])
def test_every_field_is_a_flag(cls: type[CheckedFields], flags: type) -> None:
    assert [each.name for each in dataclasses.fields(flags)] == [each.name for each in cls.fields()]


@pytest.mark.parametrize("cls", [Octaves, Style, Settings, VisualSettings])
def test_the_schema_says_what_the_fields_say(cls: type[CheckedFields]) -> None:
    schema = json.loads(json.dumps(cls.schema(), allow_nan=False))
    assert schema["type"] == "object" and not schema["additionalProperties"] and not schema["required"]
    assert list(schema["properties"]) == [each.name for each in cls.fields()]
    types = {int: "integer", float: "number", bool: "boolean", str: "string"}
    for each in cls.fields():
        said = schema["properties"][each.name]
        assert said["default"] == each.default
        own, *unset = said["anyOf"] if each.optional or each.shaped else [said]
        if each.shaped:
            shape = unset.pop(0)
            assert shape["type"] == "string"
            assert re.search(shape["pattern"], "225x375") and not re.search(shape["pattern"], "0x3")
        assert unset == ([{"type": "null"}] if each.optional else [])
        assert own["description"] == each.about
        if each.choices:
            assert own["enum"] == list(each.choices)
        else:
            assert own["type"] == types[each.kind]
            assert (own.get("minimum"), own.get("maximum")) == (each.least, each.most)


def values_of(field: Setting) -> st.SearchStrategy[Any]:
    """Any value that a field takes."""
    if field.kind in (int, float):
        least, most = bounds(field)
        allowed: Any = st.integers(int(least), int(most)) if field.kind is int else st.floats(least, most)
        if field.shaped:
            allowed |= st.tuples(allowed, allowed)
    elif field.kind is str:
        allowed = st.sampled_from(field.choices or ("jitter(3)", ""))
    else:
        allowed = st.booleans()
    either: st.SearchStrategy[Any] = st.none() | allowed if field.optional else allowed
    return either


@pytest.mark.parametrize("cls", [Settings, VisualSettings])
@given(st.data())
def test_what_is_written_down_is_read_again(cls: type[CheckedFields], data: st.DataObject) -> None:
    drawn = data.draw(st.fixed_dictionaries({}, optional={each.name: values_of(each) for each in cls.fields()}))
    if cls is Settings:
        drawn["larger_octaves"] = min(drawn.get("larger_octaves", 0), (drawn.get("octaves") or 64) - 1)
    if drawn.get("handover") == "picture":
        drawn["features"] = 0.0
    if drawn.get("transforms") is not None:  # they stand in the place of these
        drawn = {name: value for name, value in drawn.items() if name not in ("jitter", "rotation", "scaling")}
    settings = cls.of(drawn)
    assert cls.of(settings.as_dict()) == settings
    assert json.loads(json.dumps(settings.as_dict())) == settings.as_dict()
    assert None not in settings.as_dict().values()


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    given: dict[str, Any] = {"steps": np.int64(3), "size": np.int32(64), "step_size": np.float64(0.25)}
    settings = Settings(**given, smoothing=torch.tensor(0.5))  # type: ignore[arg-type]
    assert settings == Settings(steps=3, size=64, step_size=0.25, smoothing=0.5)
    assert type(settings.steps) is int and type(settings.step_size) is float and type(settings.smoothing) is float
