"""The gradient at a layer inside a network, whichever way the network is run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from reverie.errors import SettingsError, UnknownLayer
from reverie.gradient.base import gradient_of
from reverie.models.hooked.wrapping import wrap
from reverie.models.layer_gradient import pull_back_to_layer
from reverie.models.load import load_model
from reverie.objectives.base import channel, layer
from reverie.types import Image, Model


class Rows(nn.Module):
    """(b, c, h, w) as (b, h, w, c), which hooked networks read as a grid, too."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.permute(0, 2, 3, 1)


class Columns(nn.Module):
    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.permute(0, 3, 1, 2)


def make_hooked(name: str) -> Model:
    """Convolutions whose outputs are folded, overwritten in place, and laid out with the channels last."""
    torch.manual_seed(3)
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True)),
        *(nn.Conv2d(6, 8, 3, stride=2), Rows(), Columns(), nn.ReLU(inplace=True)),
        *(nn.Conv2d(8, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
    return wrap(network, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), name=name, precision="float32", device="cpu")


def make_keras() -> Model:
    import keras

    from reverie.models.keras.model import KerasModel

    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    low = keras.layers.Conv2D(6, 3, activation="relu", name="0")(pixels)
    middle = keras.layers.Conv2D(7, 3, strides=2, activation="tanh", name="3")(low)
    top = keras.layers.Conv2D(5, 3, name="7")(middle)
    return KerasModel(keras.Model(pixels, top), "small")


@pytest.fixture(params=["tiny", "squeezenet", "hooked", pytest.param("keras", marks=pytest.mark.tensorflow)])
def case(request: pytest.FixtureRequest, tiny: Model) -> tuple[Model, list[str]]:
    """A network, and layers through which all goes, lowest first."""
    if request.param == "tiny":
        return tiny, ["a", "b", "c", "d"]
    if request.param == "squeezenet":
        return load_model("squeezenet", weights="random", precision="float32"), ["pool1", "fire3", "fire5", "fire9"]
    if request.param == "hooked":
        return make_hooked("small"), ["0", "1", "2", "3", "4", "6", "7"]
    return make_keras(), ["0", "3", "7"]


def test_pulled_on_to_the_image_it_is_the_gradient(case: tuple[Model, list[str]], noise: Image) -> None:
    """The chain rule: what goes through a layer as a whole has no other way to the pixels."""
    model, layers = case
    image = noise.to(model.device)
    top = layers[-1]
    wish = channel(top, 3) + 0.5 * layer(layers[-2], 2)
    _, expected = gradient_of(model, wish)(image)
    answers = {name: each.detach().requires_grad_(True) for name, each in model(image, layers).items()}
    read = {name: answers[name] for name in wish.layers}
    grads = torch.autograd.grad(wish(read).sum(), list(read.values()))
    for name in layers[:-1]:
        at = pull_back_to_layer(model, image, name, dict(zip(read, grads, strict=True)))
        pixels = image.clone().requires_grad_(True)
        maps = model(pixels, [name])[name]
        assert at.shape == maps.shape and at.any()
        (through,) = torch.autograd.grad(maps, pixels, at.to(maps))
        torch.testing.assert_close(through, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_what_does_not_depend_on_a_layer_has_no_gradient_there(case: tuple[Model, list[str]], noise: Image) -> None:
    model, layers = case
    low = model(noise, [layers[0]])[layers[0]]
    if model.name == "tiny":
        with pytest.raises(SettingsError, match="does not tell how a depends on c"):
            pull_back_to_layer(model, noise, layers[2], {layers[0]: torch.ones_like(low)})
        return
    assert not pull_back_to_layer(model, noise, layers[-1], {layers[0]: torch.ones_like(low)}).any()


def test_a_layer_that_is_not_there(tiny: Model, noise: Image) -> None:
    grads: dict[str, Any] = {"d": torch.ones(2, 1, 1, 1)}
    with pytest.raises(UnknownLayer, match="e"):
        pull_back_to_layer(tiny, noise, "e", grads)


def test_within_a_layer_of_the_bundled_network(noise: Image) -> None:
    """What is read there has a gradient at the layers below; itself it is answered by a line."""
    model = load_model("squeezenet", weights="random", precision="float32", device="cpu")
    wish = channel("fire5/squeeze", 2)
    _, expected = gradient_of(model, wish)(noise)
    answer = model(noise, ["fire5/squeeze"])["fire5/squeeze"].detach().requires_grad_(True)
    (grad,) = torch.autograd.grad(wish({"fire5/squeeze": answer}).sum(), answer)
    at = pull_back_to_layer(model, noise, "fire3", {"fire5/squeeze": grad})
    pixels = noise.clone().requires_grad_(True)
    (through,) = torch.autograd.grad(model(pixels, ["fire3"])["fire3"], pixels, at)
    torch.testing.assert_close(through, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    with pytest.raises(SettingsError, match="fire5/squeeze lies within fire5: take that"):
        pull_back_to_layer(model, noise, "fire5/squeeze", {"fire5/squeeze": grad})
