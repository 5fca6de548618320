"""Attribution: the laws of each method, captum's own answers on a plain network, every kind of model, bad input."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import reverie as rv
from reverie.analysis.attribution.methods import METHODS, Question, differentiate_at_layer
from reverie.errors import MissingExtra, SettingsError, UnknownName
from reverie.models.torch_model import TorchModel

WISHES = ("d:3", "c^2 + 0.5*d:1 - 0.1*tv", "b:2@3,4", "cos(c:1 - c:5)", "d + 0.2*keep")


class Plain(nn.Module):
    """A small classifier that torch differentiates by itself, as captum expects a network to be."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.low = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(8, 12, 3), nn.Softplus())
        self.head = nn.Linear(12, 6)

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.head(self.high(self.low(image)).mean((2, 3)))
        return found


@pytest.fixture
def wrapped() -> tuple[Plain, rv.Model]:
    plain = Plain().eval()
    return plain, rv.wrap(plain, mean=(0, 0, 0), std=(1, 1, 1), precision="float32", device="cpu")


@pytest.mark.parametrize("wish", WISHES)
def test_saliency_is_the_magnitude_of_the_gradient(wish: str, tiny: TorchModel, noise: rv.Image) -> None:
    found = rv.attribute(tiny, noise, wish)
    for each, single in zip(found, noise.split(1), strict=True):
        _, grad = rv.gradient_of(tiny, rv.objective(wish), single)(single)
        torch.testing.assert_close(each, grad.abs().amax(1)[0])


@pytest.mark.parametrize("baseline", ["black", "gray", "white", "blurred"])
@pytest.mark.parametrize("wish", ["d:3", "c^2 + 0.5*d:1 - 0.1*tv"])
def test_integrated_gradients_are_complete(wish: str, baseline: str, tiny: TorchModel, noise: rv.Image) -> None:
    how = rv.AttributionSettings(baseline=baseline, samples=40)  # type: ignore[arg-type]  # one of its choices
    found = rv.attribute(tiny, noise, wish, "integrated-gradients", settings=how)
    objective = rv.objective(wish)
    for each, single in zip(found, noise.split(1), strict=True):
        asked = Question(tiny, single, objective, None, how)
        with torch.no_grad():
            change = asked.score(single) - asked.score(asked.baseline)
        assert abs(float(change)) > 1e-3
        torch.testing.assert_close(each.sum(), change[0], rtol=2e-3, atol=2e-5)


def test_smoothgrad_without_noise_is_saliency_and_draws_from_a_seed_of_its_own(
    tiny: TorchModel, noise: rv.Image
) -> None:
    clear = rv.AttributionSettings(noise=0, samples=3)
    torch.testing.assert_close(
        rv.attribute(tiny, noise, "d:3", "smoothgrad", settings=clear), rv.attribute(tiny, noise, "d:3")
    )
    state = torch.random.get_rng_state()
    noisy = [
        rv.attribute(tiny, noise, "d:3", "smoothgrad", settings=rv.AttributionSettings(samples=5, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(noisy[0], noisy[1]) and not torch.equal(noisy[0], noisy[2])
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("method", METHODS)
def test_an_image_is_explained_in_a_batch_as_alone(method: str, tiny: TorchModel, noise: rv.Image) -> None:
    together = rv.attribute(tiny, noise, "d:3", method)
    assert together.shape == ((2, 12) if method == "channels" else (2, 40, 48))
    assert torch.equal(together[1:], rv.attribute(tiny, noise[1:], "d:3", method))


def test_channels_add_up_to_the_slope_along_their_layer(tiny: TorchModel, noise: rv.Image) -> None:
    """The derivative of the score when the whole layer grows: measured, by the layers above it."""
    values = rv.attribute(tiny, noise, "d:3", "channels", layer="b")
    layers: Any = tiny.network
    low = tiny(noise, ["b"])["b"].double()

    def score(scale: float) -> Tensor:
        maps = low * scale
        for part in (layers.c, layers.d):
            weights = part.weight.double(), part.bias.double()
            maps = F.softplus(F.conv2d(maps, *weights, stride=part.stride), beta=3)
        return maps[:, 3].mean((1, 2))

    slope = (score(1 + 1e-5) - score(1 - 1e-5)) / 2e-5
    torch.testing.assert_close(values.sum(1).double(), slope, rtol=1e-4, atol=1e-6)


def test_of_a_linear_head_channels_give_the_whole_score(wrapped: tuple[Plain, rv.Model], noise: rv.Image) -> None:
    plain, model = wrapped
    values = rv.attribute(model, noise, "class:4", "channels")
    with torch.no_grad():
        torch.testing.assert_close(values.sum(1) + plain.head.bias[4], plain(noise)[:, 4], rtol=1e-4, atol=1e-5)


def test_it_says_what_captum_says_of_a_plain_network(wrapped: tuple[Plain, rv.Model], noise: rv.Image) -> None:
    from captum.attr import IntegratedGradients, LayerActivation, LayerGradCam, LayerGradientXActivation, Saliency

    plain, model = wrapped
    images = noise.clone().requires_grad_(True)

    def check(method: str, expected: Tensor) -> None:
        found = rv.attribute(model, noise, "class:4", method, "low")
        torch.testing.assert_close(found, expected.detach(), rtol=1e-3, atol=1e-6)

    torch.testing.assert_close(rv.attribute(model, noise, "class:4"), Saliency(plain).attribute(images, 4).amax(1))
    cam = LayerGradCam(plain, plain.low).attribute(images, 4, relu_attributions=True)
    check("grad-cam", F.interpolate(cam, size=(40, 48), mode="bilinear", align_corners=False)[:, 0])
    check("channels", LayerGradientXActivation(plain, plain.low).attribute(images, 4).sum((2, 3)))
    complete = IntegratedGradients(plain).attribute(images, 0 * images, target=4).sum(1)
    torch.testing.assert_close(
        rv.attribute(model, noise, "class:4", "integrated-gradients"), complete.float(), rtol=1e-3, atol=1e-5
    )
    wish = rv.objective("class:4").resolved(model)
    at = differentiate_at_layer(Question(model, noise[:1], wish, "low", rv.AttributionSettings()))
    torch.testing.assert_close(at.activations, LayerActivation(plain, plain.low).attribute(images)[:1].detach())


def test_unless_told_it_explains_the_likeliest_class_at_the_highest_layer(
    wrapped: tuple[Plain, rv.Model], noise: rv.Image
) -> None:
    plain, model = wrapped
    for each in noise.split(1):
        with torch.no_grad():
            likeliest = int(plain(each).argmax())
        assert torch.equal(rv.attribute(model, each), rv.attribute(model, each, rv.logit(likeliest)))
    cam = rv.attribute(model, noise, "class:1", "grad-cam")
    assert torch.equal(cam, rv.attribute(model, noise, "class:1", "grad-cam", layer="high"))


def test_occlusion_finds_what_the_score_needs(noise: rv.Image) -> None:
    """A neuron sees the upper left of the picture: covered elsewhere, nothing changes."""
    model = rv.load_model("squeezenet", weights="random", precision="float32", device="cpu")
    found = rv.attribute(model, noise, "conv1:3@2,2", "occlusion", settings=rv.AttributionSettings(window=4))
    assert found[:, :8, :8].abs().sum() > 0
    assert not found[:, 12:, 12:].any()


@pytest.mark.tensorflow
@pytest.mark.parametrize("method", METHODS)
def test_a_keras_network_is_explained_too(method: str, noise: rv.Image) -> None:
    import keras

    from reverie.models.keras.model import KerasModel

    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    low = keras.layers.Conv2D(6, 3, strides=2, activation="tanh", name="low")(pixels)
    model = KerasModel(keras.Model(pixels, keras.layers.Conv2D(5, 3, name="top")(low)), "small")
    how = rv.AttributionSettings(samples=4, window=16)
    found = rv.attribute(model, noise, "top:2", method, settings=how)
    assert found.isfinite().all() and found.any() and len(found) == 2


def test_bad_questions_are_refused(tiny: TorchModel, noise: rv.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="did you mean grad-cam"):
        rv.attribute(tiny, noise, "d:3", "gradcam")
    with pytest.raises(UnknownName, match="no layer of tiny"):
        rv.attribute(tiny, noise, "d:3", "channels", layer="f")
    with pytest.raises(SettingsError, match="reads no layer"):
        rv.attribute(tiny, noise, "-1*tv", "grad-cam")
    with pytest.raises(SettingsError, match="samples is 0"):
        rv.AttributionSettings(samples=0)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtra, match="analysis"):
        rv.attribute(tiny, noise, "d:3")
