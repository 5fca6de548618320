"""The network that comes with the package: the right one, whole, and worth dreaming with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import reverie as rv
from reverie.errors import ImageTooSmall, UnknownName, WeightsError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.models import catalog
from reverie.models.load import load_model
from reverie.models.receptive_field import measure_geometry
from reverie.models.torch_model import TorchModel
from reverie.settings import Settings
from reverie.types import Image

pytestmark = pytest.mark.bundled

DATA = Path(__file__).parent.parent / "data"
CATS = {281: "tabby", 282: "tiger cat", 285: "Egyptian cat"}
ESPRESSO = 967


@pytest.fixture(scope="module")
def squeezenet() -> TorchModel:
    model = load_model("squeezenet", device="cpu", precision="float32")
    assert isinstance(model, TorchModel)
    return model


def best_classes(model: TorchModel, name: str) -> list[int]:
    """The classes of a photograph, the best first: the ReLU of `conv10`, averaged over all places, as in the paper."""
    scores = model(rv.open_image(DATA / name), ["conv10"])["conv10"].relu().mean((2, 3))
    return scores[0].argsort(descending=True).tolist()


def test_a_cat_is_a_cat_and_coffee_is_espresso(squeezenet: TorchModel) -> None:
    assert set(best_classes(squeezenet, "chelsea.jpg")[:3]) == set(CATS)
    assert best_classes(squeezenet, "coffee.jpg")[0] == ESPRESSO


@pytest.mark.parametrize("swapped", ["colors", "upside down"])
def test_the_proof_sees_what_could_be_wrong(swapped: str, squeezenet: TorchModel) -> None:
    """Were red and blue, or the kernels' rows, exchanged by the conversion, the classes would tell."""
    image = rv.open_image(DATA / "coffee.jpg").flip(1 if swapped == "colors" else 2)
    scores = squeezenet(image, ["conv10"])["conv10"].relu().mean((2, 3))[0]
    right = squeezenet(rv.open_image(DATA / "coffee.jpg"), ["conv10"])["conv10"].relu().mean((2, 3))[0]
    assert scores[ESPRESSO] - scores.mean() < 0.9 * (right[ESPRESSO] - right.mean())


def test_the_layers_have_the_published_numbers(squeezenet: TorchModel) -> None:
    seen = measure_geometry(squeezenet, squeezenet.main_layers)
    assert {name: (each.channels, each.stride, each.receptive_field) for name, each in seen.items()} == {
        "conv1": (64, 2, 3),
        "pool1": (64, 4, 7),
        "fire2": (128, 4, 15),
        "fire3": (128, 4, 23),
        "pool3": (128, 8, 31),
        "fire4": (256, 8, 47),
        "fire5": (256, 8, 63),
        "pool5": (256, 16, 79),
        "fire6": (384, 16, 111),
        "fire7": (384, 16, 143),
        "fire8": (512, 16, 175),
        "fire9": (512, 16, 207),
        "conv10": (1000, 16, 207),
    }
    assert sum(sum(counts) for counts in squeezenet.parameters.values()) == 1_235_496  # torchvision's squeezenet1_1


def test_activations_are_after_the_relu_but_for_the_classes(squeezenet: TorchModel) -> None:
    seen = squeezenet(rv.open_image(DATA / "chelsea.jpg"), squeezenet.layers)
    for name, activations in seen.items():
        assert (float(activations.min()) >= 0) == (name != "conv10" and not name.endswith("_pre")), name


def test_a_layer_answers_the_same_whatever_else_is_asked_for(squeezenet: TorchModel) -> None:
    image = rv.open_image(DATA / "chelsea.jpg")
    together = squeezenet(image, squeezenet.layers)
    for name in (*squeezenet.main_layers, "fire8/squeeze", "fire8/expand3x3_pre", "fire5_pre", "conv1_pre"):
        assert torch.allclose(squeezenet(image, [name])[name], together[name], rtol=1e-4, atol=1e-3), name


def test_pools_drop_what_does_not_fill_a_window(squeezenet: TorchModel) -> None:
    """As keras-squeezenet does; the authors' network and torchvision's keep it: 28 and 14. At 224 all agree."""
    sides = {side: squeezenet(torch.zeros(1, 3, side, side), ["pool3", "fire8"]) for side in (227, 224)}
    assert [each[name].shape[-1] for each in sides.values() for name in ("pool3", "fire8")] == [27, 13, 27, 13]


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path(catalog.__file__).parent.parent / "data" / "squeezenet1_1.safetensors"
    damaged = bytearray(whole.read_bytes())
    damaged[-100] ^= 1
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / whole.name).write_bytes(damaged)
    monkeypatch.setattr("reverie.models.load.resources.files", lambda _: tmp_path)
    with pytest.raises(WeightsError, match=r"the weights of squeezenet are damaged .* install reverie again"):
        load_model("squeezenet")


def test_a_mistyped_layer_is_answered_with_the_nearest(squeezenet: TorchModel) -> None:
    with pytest.raises(UnknownName, match="no layer of squeezenet is called 'fire88'; did you mean fire8"):
        gradient_of(squeezenet, rv.layer("fire88"))


@pytest.mark.parametrize(("name", "side"), [("pool1", 7), ("fire5", 15), ("fire8", 31)])
def test_the_smallest_picture_works_and_a_smaller_is_refused(name: str, side: int, squeezenet: TorchModel) -> None:
    gradient = gradient_of(squeezenet, rv.layer(name))
    _, grad = gradient(torch.rand(1, 3, side, side))
    assert grad.abs().sum() > 0
    with pytest.raises(ImageTooSmall, match=f"smallest side that works is {side}"):
        gradient(torch.rand(1, 3, side - 1, 200))


def test_bfloat16_dreams_as_well_as_float32(squeezenet: TorchModel) -> None:
    """A long dream is chaotic: two of them differ by a fifth whatever the precision. A few steps, summed, are not."""
    half = load_model("squeezenet", device="cpu", precision="bfloat16")
    wish = rv.layer("fire8", power=2)
    score, scores = make_score_function(squeezenet, wish), torch.zeros(2)
    for name in ("chelsea.jpg", "coffee.jpg"):
        image = rv.open_image(DATA / name)
        one, other = (gradient_of(model, wish)(image)[1].flatten() for model in (squeezenet, half))
        assert torch.cosine_similarity(one, other, dim=0) > 0.95
        for seed in range(3):
            settings = Settings(size=160, octaves=1, steps=3, seed=seed)
            scores += torch.cat([score(rv.dream(image, model, wish, settings)) for model in (squeezenet, half)])
    assert scores[1] > 0.98 * scores[0]


def test_a_default_dream_raises_the_score_at_least_fivefold(squeezenet: TorchModel) -> None:
    image = rv.open_image(DATA / "coffee.jpg")
    image = torch.nn.functional.interpolate(image, (160, 240), mode="bilinear", antialias=True)
    dreamed = rv.dream(image, squeezenet, "fire8^2")
    score = make_score_function(squeezenet, rv.layer("fire8", power=2))
    assert score(dreamed) > 5 * score(image)
    assert still_the_photograph(image, dreamed)


def still_the_photograph(image: Image, dreamed: Image) -> bool:
    """Whether light and dark are still where they were."""
    coarse = [torch.nn.functional.interpolate(each, (8, 12), mode="area").flatten() for each in (image, dreamed)]
    return float(torch.corrcoef(torch.stack(coarse))[0, 1]) > 0.9
