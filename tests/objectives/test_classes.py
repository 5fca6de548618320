"""A class is found by its number and by any word that fits it alone; what it comes to is the network's own layer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reverie.errors import UnknownName, WordingError
from reverie.gradient.base import make_score_function
from reverie.image.arrays import open_image
from reverie.image.resample import resize_longest_side
from reverie.jobs.shortcuts import dream
from reverie.models.class_names import class_probabilities, find_class_names, read_imagenet_names
from reverie.models.load import load_model
from reverie.models.torch_model import TorchModel
from reverie.objectives.classes import find_class_number, logit
from reverie.objectives.parser import objective
from reverie.recipe.defaults import choose_preset
from reverie.recipe.presets import find_preset
from reverie.settings import Settings
from seer import SeerNetwork, noise, seer

DATA = Path(__file__).parent.parent / "data"
NAMES = read_imagenet_names()


def test_every_class_is_found_by_its_first_name_in_any_case() -> None:
    assert len(NAMES) == 1000
    for number, names in enumerate(NAMES):
        first = names.split(", ")[0]
        assert find_class_number(first, NAMES) == number
        if first.lower() != "cardigan":  # the dog and the garment differ in nothing else
            assert find_class_number(first.upper(), NAMES) == number


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("espresso", 967),
        ("jellyfish", 107),
        ("jellyfishes", 107),
        ("golden retriever", 207),
        ("Golden-Retrievers", 207),
        ("Vulpes macrotis", 278),  # a synonym
        ("macrotis", 278),  # a word within one
        ("crane", 517),  # the machine is called so, the bird has it for a synonym
        ("sunglass", 836),
        ("sunglasses", 837),  # not the plural of the other: its own name
        ("jack o'lantern", 607),
    ],
)
def test_words_that_fit_one_class(word: str, number: int) -> None:
    assert find_class_number(word, NAMES) == number


def test_a_word_that_fits_several_lists_them() -> None:
    with pytest.raises(WordingError, match=r"5 classes.*golden retriever \(207\).*Labrador retriever \(208\)"):
        find_class_number("retriever", NAMES)
    with pytest.raises(WordingError, match=r"2 classes: ruffed grouse \(0\), quail \(2\); name one"):
        find_class_number("partridges", ["ruffed grouse, partridge", "crow", "quail, partridge"])
    with pytest.raises(WordingError, match=r"2 classes: Cardigan \(264\), cardigan \(474\)"):
        find_class_number("CARDIGAN", NAMES)


def test_a_mistyped_class_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean espresso"):
        find_class_number("Expresso", NAMES)
    with pytest.raises(UnknownName):
        find_class_number("...", NAMES)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("class:967", "class:967"),
        ("logit:espresso", "class:espresso"),
        ('class:"golden retriever"', 'class:"golden retriever"'),
        ("class:golden retriever - 0.1*tv", 'class:"golden retriever" - 0.1*tv'),
    ],
)
def test_the_word_is_what_is_written_down(words: str, written: str) -> None:
    assert str(objective(words)) == written
    assert objective(written) == objective(words)


def test_a_class_is_the_mean_of_the_channel_the_network_says() -> None:
    model, image = seer(), noise(2, 3, 20, 24)
    planes = model(image, ["sort"])["sort"]
    for words, number in [("class:3", 3), ("class:manatee", 2), ("class:honeybees", 1), ("class:cow", 3)]:
        assert torch.allclose(make_score_function(model, objective(words))(image), planes[:, number].mean((1, 2)))
    assert str(objective("class:manatee").resolved(model)) == "class:manatee"
    assert objective("class:manatee").resolved(model).layers == ("sort",)


def test_networks_without_such_a_class() -> None:
    model = seer()
    with pytest.raises(WordingError, match="classes 0 to 4"):
        make_score_function(model, logit(5))(noise(1, 3, 20, 20))
    with pytest.raises(UnknownName):
        make_score_function(model, logit("espresso"))
    model.class_names = None  # ImageNet's, says the protocol, and five are not a thousand
    with pytest.raises(WordingError, match="5 classes, and 1000 names"):
        make_score_function(model, logit("espresso"))(noise(1, 3, 20, 20))
    model.classes = None
    with pytest.raises(WordingError, match="seer has no classifier"):
        make_score_function(model, logit(3))
    with pytest.raises(WordingError, match="seer has no classifier"):
        class_probabilities(model, noise(1, 3, 20, 20))


def test_probabilities_are_the_softmax_of_the_mean_logits() -> None:
    model, image = seer(), noise(2, 3, 20, 24)
    found = class_probabilities(model, image)
    expected = model(image, ["sort"])["sort"].mean((2, 3)).softmax(1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert find_class_names(model) == SeerNetwork.CLASS_NAMES


def test_a_wish_for_a_class_has_a_preset_of_its_own() -> None:
    assert choose_preset("class:espresso - 0.1*tv") == "class"
    assert choose_preset("guide:flowers.jpg@fire9") == "class"
    assert choose_preset("fire8^2") == choose_preset("fire8^2 - class:espresso") == "default"


@pytest.fixture(scope="module")
def bundled() -> TorchModel:
    model = load_model("squeezenet", device="cpu", precision="float32")
    assert isinstance(model, TorchModel)
    return model


@pytest.mark.bundled
def test_the_bundled_network_knows_what_it_sees(bundled: TorchModel) -> None:
    for file, seen in [("coffee.jpg", "espresso"), ("chelsea.jpg", "Egyptian cat")]:
        found = class_probabilities(bundled, open_image(DATA / file))[0]
        assert torch.isclose(found.sum(), torch.tensor(1.0))
        assert NAMES[int(found.argmax())] == seen


@pytest.mark.bundled
def test_climbing_a_class_makes_the_network_see_it(bundled: TorchModel) -> None:
    photo = resize_longest_side(open_image(DATA / "chelsea.jpg"), 224)
    number = find_class_number("espresso", NAMES)
    settings = Settings.of({**find_preset("class").settings, "octaves": 1, "steps": 15})
    dreamed = dream(photo, bundled, "class:espresso", settings)
    assert class_probabilities(bundled, photo)[0, number] < 0.01
    assert class_probabilities(bundled, dreamed)[0].argmax() == number
