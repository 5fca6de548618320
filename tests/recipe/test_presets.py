"""Presets are data: each makes valid settings, and says which network it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reverie.errors import SettingsError, UnknownName
from reverie.gradient.base import make_score_function
from reverie.image.reading import read_photo
from reverie.image.resample import resize_longest_side
from reverie.jobs.shortcuts import dream
from reverie.models.catalog import ENTRIES
from reverie.models.load import load_model
from reverie.objectives.base import ChannelTerm, LayerTerm
from reverie.objectives.parser import objective
from reverie.recipe.presets import PRESETS, find_preset
from reverie.settings import Settings

DATA = Path(__file__).parent.parent / "data"


def test_the_presets_are_those_of_the_field() -> None:
    ours, papers = ["default", "class"], ["paper", "tf-tutorial-long"]
    table = ["google-2015", "tf-tutorial", "keras", "tf-notebook", "tf-lapnorm", "gordic", "neural-dream"]
    assert list(PRESETS) == ours + papers + table + ["crowson", "hvass", "hallucination-machine"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_valid_settings_and_wishes(name: str) -> None:
    preset = find_preset(name)
    assert preset.name == name and preset.about
    settings = Settings.of(preset.settings)
    assert (settings == Settings()) == (name == "default")
    for wish in preset.objectives.values():
        assert objective(wish).layers


def test_the_numbers_are_those_of_the_originals() -> None:
    google = Settings.of(find_preset("google-2015").settings)
    assert (google.octaves, google.octave_scale, google.steps, google.jitter) == (4, 1.4, 10, 32)
    assert google.step_size == pytest.approx(1.5 / 255) and google.normalization == "mean-abs"
    tutorial = Settings.of(find_preset("tf-tutorial").settings)
    assert (tutorial.octaves, tutorial.octave_scale, tutorial.steps) == (5, 1.3, 100)
    assert tutorial.step_size == 0.005 and tutorial.normalization == "std"  # 0.01 of -1..1
    keras = Settings.of(find_preset("keras").settings)
    assert (keras.octaves, keras.octave_scale, keras.steps, keras.max_score) == (3, 1.4, 20, 15)
    gordic = Settings.of(find_preset("gordic").settings)
    assert (gordic.octaves, gordic.octave_scale, gordic.steps) == (4, 1.8, 10)
    assert gordic.step_size == pytest.approx(0.02, rel=0.02)  # 0.09 of colors whose deviation is 0.22 to 0.23
    hvass = Settings.of(find_preset("hvass").settings)
    assert (hvass.octaves, hvass.steps, hvass.step_size) == (5, 10, 3 / 255) and hvass.octave_scale * 0.7 == 1
    machine = Settings.of(find_preset("hallucination-machine").settings)
    assert (machine.octaves, machine.octave_scale, machine.steps, machine.step_size) == (3, 1.8, 16, 1.5 / 255)
    paper = Settings.of(find_preset("paper").settings)
    assert (paper.octaves, paper.larger_octaves, paper.octave_scale, paper.size) == (5, 4, 1.3, "225x375")
    assert (paper.steps, paper.step_size, paper.jitter, paper.handover) == (400, 0.0005, 0, "picture")
    long = find_preset("tf-tutorial-long")
    assert long.settings == {**find_preset("tf-tutorial").settings, "steps": 400}
    assert Settings.of(find_preset("tf-lapnorm").settings).laplacian_levels == 5  # its lap_n of 4, and what is left


def test_a_preset_without_wishes_is_for_every_network() -> None:
    for model in ENTRIES:
        assert find_preset("default").objective(model) is None


def test_a_preset_of_another_network_says_which_it_needs() -> None:
    preset = find_preset("paper")
    assert preset.objective("inception_v3") == preset.objectives["inception_v3"]
    with pytest.raises(SettingsError, match="the preset paper .* add --model inception_v3, .* --objective"):
        preset.objective("squeezenet")
    with pytest.raises(SettingsError, match="the preset gordic .* add --model torchvision:vgg16, .* --objective"):
        find_preset("gordic").objective("inception_v3")


REPRODUCED = [name for name, preset in PRESETS.items() if "squeezenet" in preset.objectives]


@pytest.mark.bundled
@pytest.mark.parametrize("name", REPRODUCED)
def test_a_preset_dreams_with_the_bundled_network(name: str) -> None:
    """A few steps at the last octave, its own numbers otherwise: the picture changes, and the score rises."""
    model, preset = load_model(), find_preset(name)
    wish = preset.objective("squeezenet")
    assert wish is not None
    settings = Settings.of({**preset.settings, "octaves": 1, "larger_octaves": 0, "steps": 5})
    photo = resize_longest_side(read_photo(DATA / "coffee.jpg").image, 96)
    dreamed = dream(photo, model, wish, settings)
    score = make_score_function(model, objective(wish), photo)
    assert score(dreamed).item() > score(photo).item()
    assert 0.005 < (dreamed - photo).abs().mean().item() < 0.25


@pytest.mark.parametrize("network", ["inception_v3", "torchvision:googlenet", "torchvision:vgg16"])
def test_the_layers_of_the_presets_are_those_of_their_networks(network: str) -> None:
    model = load_model(network, weights="random", device="cpu", precision="float32")
    wishes = [objective(each.objectives[network]) for each in PRESETS.values() if network in each.objectives]
    terms = [term for wish in wishes for _, term in wish.terms]
    found = model(
        torch.zeros(1, 3, 96, 96), {term.layer for term in terms if isinstance(term, LayerTerm | ChannelTerm)}
    )
    assert terms
    for term in terms:
        assert isinstance(term, LayerTerm | ChannelTerm)
        assert getattr(term, "channel", 0) < found[term.layer].shape[1]


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no preset is called 'google'; did you mean google-2015"):
        find_preset("google")
