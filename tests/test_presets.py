"""Presets are data: each makes valid settings, and says which network it needs."""

from __future__ import annotations

import pytest

from reverie.errors import SettingsError, UnknownName
from reverie.models.catalog import SPECS
from reverie.presets import PRESETS, preset_of
from reverie.settings import Settings
from reverie.wording import objective


def test_the_presets_are_those_of_the_field() -> None:
    assert next(iter(PRESETS)) == "default"
    assert {"paper", "google-2015", "tf-tutorial", "keras"} < set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_valid_settings_and_wishes(name: str) -> None:
    preset = preset_of(name)
    assert preset.name == name and preset.about
    settings = Settings.of(preset.settings)
    assert (settings == Settings()) == (name == "default")
    for wish in preset.objectives.values():
        assert objective(wish).layers


def test_the_numbers_are_those_of_the_originals() -> None:
    google = Settings.of(preset_of("google-2015").settings)
    assert (google.octaves, google.octave_scale, google.steps, google.jitter) == (4, 1.4, 10, 32)
    assert google.step_size == pytest.approx(1.5 / 255) and google.normalization == "mean-abs"
    tutorial = Settings.of(preset_of("tf-tutorial").settings)
    assert (tutorial.octaves, tutorial.octave_scale, tutorial.steps) == (5, 1.3, 100)
    assert tutorial.step_size == 0.005 and tutorial.normalization == "std"  # 0.01 of -1..1
    keras = Settings.of(preset_of("keras").settings)
    assert (keras.octaves, keras.octave_scale, keras.steps, keras.max_score) == (3, 1.4, 20, 15)
    paper = Settings.of(preset_of("paper").settings)
    assert (paper.octaves, paper.steps, paper.step_size) == (5, 400, 0.005)


def test_a_preset_without_wishes_is_for_every_network() -> None:
    for model in SPECS:
        assert preset_of("default").objective(model) is None


@pytest.mark.parametrize("name", ["paper", "tf-tutorial", "keras"])
def test_a_preset_of_another_network_says_which_it_needs(name: str) -> None:
    preset = preset_of(name)
    assert preset.objective("inception_v3") == preset.objectives["inception_v3"]
    with pytest.raises(SettingsError, match=f"the preset {name} .* add --model inception_v3, .* --objective"):
        preset.objective("squeezenet")


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no preset is called 'google'; did you mean google-2015"):
        preset_of("google")
