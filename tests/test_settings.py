"""The numbers of a dream: every bound is refused by name, and what is written down is read again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import SettingsError, UnknownName
from reverie.settings import Settings

BOUNDED = [each for each in dataclasses.fields(Settings) if "least" in each.metadata]
NAMES = [each.name for each in BOUNDED]
WHOLE = [each.name for each in BOUNDED if str(each.type).startswith("int")]
OPTIONAL = [each.name for each in BOUNDED if "None" in str(each.type)]


def bounds(name: str) -> tuple[float, float]:
    found = Settings.__dataclass_fields__[name].metadata
    return found["least"], found["most"]


def settings_with(name: str, value: Any) -> Settings:
    """One field set, and enough octaves for any larger one."""
    return Settings.of({**({"octaves": 64} if name == "larger_octaves" else {}), name: value})


def test_each_field_says_what_it_is() -> None:
    for each in dataclasses.fields(Settings):
        assert each.metadata["about"] and "\n" not in each.metadata["about"]
        kind = str(each.type).split(" ")[0]
        assert (each.name in NAMES) == (kind in ("int", "float")), f"{each.name} has no bounds"


@pytest.mark.parametrize("name", NAMES)
def test_the_bounds_themselves_are_allowed(name: str) -> None:
    for bound in bounds(name):
        assert getattr(settings_with(name, bound), name) == bound


@pytest.mark.parametrize("name", NAMES)
def test_beyond_the_bounds_is_refused_by_name(name: str) -> None:
    least, most = bounds(name)
    beyond = [least - 1 - abs(least), 2 * most + 1, float("nan"), float("inf"), -float("inf"), 10**400, -(10**400)]
    for value in beyond:
        with pytest.raises(SettingsError, match=f"^{name} is .*; expected ") as caught:
            settings_with(name, value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        settings_with(name, least - 1 - abs(least))
    assert str(caught.value).endswith(f"expected {least} to {most}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["3", True, [3], {}, 2j])
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is .*; expected a (whole )?number$"):
        settings_with(name, value)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_may_be_written_as_a_float(name: str) -> None:
    got = getattr(settings_with(name, 7.0), name)
    assert got == 7 and type(got) is int
    with pytest.raises(SettingsError, match=f"^{name} is 7.5; expected a whole number$"):
        settings_with(name, 7.5)


def test_a_float_may_be_written_as_a_whole_number() -> None:
    got = Settings.of({"octave_scale": 2}).octave_scale
    assert got == 2 and type(got) is float


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OPTIONAL])
def test_only_some_may_be_unset(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is None"):
        settings_with(name, None)


def test_what_a_step_is_measured_by_is_one_of_three() -> None:
    for name in ("std", "mean-abs", "none"):
        assert Settings(normalization=name).normalization == name
    with pytest.raises(SettingsError, match="normalization is 'max'; expected one of std, mean-abs, none"):
        Settings(normalization="max")


def test_not_all_octaves_are_larger_than_the_picture() -> None:
    with pytest.raises(SettingsError, match="larger_octaves is 3 of 3 octaves; at most 2"):
        Settings(octaves=3, larger_octaves=3)
    assert Settings(larger_octaves=3).octaves is None


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no setting is called 'octave'; did you mean octaves"):
        Settings.of({"octave": 3})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().steps = 3  # type: ignore[misc]


@given(st.fixed_dictionaries({}, optional={name: st.floats(*bounds(name)) for name in NAMES if name not in WHOLE}))
def test_what_is_written_down_is_read_again(values: dict[str, float]) -> None:
    settings = Settings.of(values)
    assert Settings.of(settings.as_dict()) == settings
    assert None not in settings.as_dict().values()
