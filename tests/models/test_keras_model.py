"""A Keras network is a model like any other: its gradient is TensorFlow's; sizes, batches, wishes do not meet."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, UnknownLayer, UnknownName, WeightsError
from reverie.gradient.base import gradient_of
from reverie.models.keras import networks as keras_networks
from reverie.models.keras.engine import import_tensorflow
from reverie.models.keras.model import KerasModel, load_keras
from reverie.models.load import load_model
from reverie.objectives.default import default_objective
from reverie.objectives.parser import objective
from reverie.types import Model
from silent import SilentNetwork

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras saving with NumPy 2
]

tf = import_tensorflow()
SMALL = "keras:MobileNetV2"


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """Every kind of operation that the cut treats differently: convolution, norm, both pools, concatenation, sum."""
    keras.utils.set_random_seed(3)
    x = start = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, name="low")(x)
    x = keras.layers.BatchNormalization(scale=False, moving_mean_initializer="random_normal", name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    left = keras.layers.MaxPooling2D(3, strides=2, name="pool")(x)
    right = keras.layers.Conv2D(6, 3, strides=2, activation="gelu", name="right")(x)
    x = keras.layers.Concatenate(name="both")([left, right])
    y = keras.layers.AveragePooling2D(3, strides=1, padding="same", name="mean")(x)
    x = keras.layers.Add(name="sum")([x, y])
    x = keras.layers.Dropout(0.5, name="drop")(x)
    x = keras.layers.Conv2D(10, 3, activation="sigmoid", name="high")(x)
    return keras.Model(start, keras.layers.GlobalAveragePooling2D(name="vector")(x))


@pytest.fixture(scope="module")
def model(network: keras.Model) -> KerasModel:
    return KerasModel(network, "tiny", "tf")


def picture(height: int = 41, width: int = 53, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand((batch, 3, height, width), generator=torch.Generator().manual_seed(seed))


def gradient(model: KerasModel, image: Tensor, layers: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """The sum of squares of the layers, image by image, and its gradient."""
    image = image.clone().requires_grad_()
    answers = model(image, layers)
    score = sum((answers[layer].square().sum((1, 2, 3)) for layer in layers), torch.zeros(len(image)))
    (grad,) = torch.autograd.grad(score.sum(), image)
    return score.detach(), grad


def tensorflows_own(network: keras.Model, image: Tensor, layers: tuple[str, ...]) -> np.ndarray:
    part = keras.Model(network.inputs[0], [network.get_layer(layer).output for layer in layers])

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = sum(tf.reduce_sum(answer**2) for answer in tf.nest.flatten(part(x * 2.0 - 1.0, training=False)))
        return tape.gradient(score, x)

    return step(tf.constant(image.permute(0, 2, 3, 1).numpy())).numpy().transpose(0, 3, 1, 2)


def test_is_a_model(model: KerasModel) -> None:
    assert isinstance(model, Model)
    maps = ("low", "norm", "relu", "pool", "right", "both", "mean", "sum", "drop", "high")
    assert model.layers == (*maps, "vector", "logits")


@pytest.mark.parametrize("layers", [("low",), ("high",), ("pool", "high"), ("both", "right", "sum"), ("relu", "drop")])
def test_gradient_is_tensorflows_own(model: KerasModel, network: keras.Model, layers: tuple[str, ...]) -> None:
    image = picture(batch=2)
    _, grad = gradient(model, image, layers)
    own = tensorflows_own(network, image, layers)
    assert np.abs(own).max() > 1e-4
    np.testing.assert_allclose(grad.numpy(), own, rtol=0, atol=2e-6 * np.abs(own).max())


def test_gradient_of_inception_is_tensorflows_own() -> None:
    network, preprocess = keras_networks.build_keras_network("inception_v3", "random", seed=1)
    model = KerasModel(network, "inception_v3", preprocess)
    layers = ("mixed3", "mixed5")
    assert [sum(column) for column in zip(*model.parameters.values(), strict=True)] == [21_768_352, 34_432]
    _, grad = gradient(model, picture(123, 157), layers)
    own = torch.from_numpy(tensorflows_own(network, picture(123, 157), layers))
    assert torch.nn.functional.cosine_similarity(grad.flatten(), own.flatten(), dim=0) > 0.999999
    assert (grad - own).abs().max() < 1e-3 * own.abs().max()


def test_answers_are_kerass_own(model: KerasModel, network: keras.Model) -> None:
    image = picture(batch=3)
    own = keras.Model(network.inputs[0], network.get_layer("high").output)(
        image.permute(0, 2, 3, 1).numpy() * 2 - 1, training=False
    )
    np.testing.assert_allclose(model(image, ["high"])["high"].permute(0, 2, 3, 1), own, atol=1e-5)


def test_answers_come_in_the_shape_of_torch(model: KerasModel) -> None:
    answers = model(picture(41, 53), {"high", "low"})
    assert {layer: tuple(answer.shape) for layer, answer in answers.items()} == {
        "low": (1, 8, 20, 26),
        "high": (1, 10, 7, 10),
    }
    assert model(picture(), []) == {}


def test_images_of_a_batch_do_not_meet(model: KerasModel) -> None:
    batch = picture(batch=3)
    scores, grads = gradient(model, batch, ("relu", "high"))
    for number in range(3):
        score, grad = gradient(model, batch[number : number + 1], ("relu", "high"))
        torch.testing.assert_close(score, scores[number : number + 1], rtol=1e-5, atol=0)
        torch.testing.assert_close(grad, grads[number : number + 1], rtol=1e-4, atol=1e-6)


def test_an_unread_layer_adds_nothing(model: KerasModel) -> None:
    image = picture().requires_grad_()
    (grad,) = torch.autograd.grad(model(image, ["low", "high"])["low"].square().sum(), image)
    torch.testing.assert_close(grad, gradient(model, image.detach(), ("low",))[1])


def test_gradient_flows_on_to_what_made_the_image(model: KerasModel) -> None:
    brightness = torch.tensor(0.5, requires_grad=True)
    model(picture() * brightness, ["high"])["high"].sum().backward()
    assert brightness.grad is not None
    assert brightness.grad != 0


def test_many_runs_may_wait_for_their_way_back(model: KerasModel) -> None:
    images = [picture(seed=seed).requires_grad_() for seed in range(5)]
    torch.stack([model(image, ["high"])["high"].square().sum() for image in images]).sum().backward()
    for image in images:
        torch.testing.assert_close(image.grad, gradient(model, image.detach(), ("high",))[1])


def test_no_graph_is_kept_after_the_way_back(model: KerasModel) -> None:
    image = picture().requires_grad_()
    score = model(image, ["high"])["high"].sum()
    score.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="freed"):
        score.backward()
    with torch.no_grad():
        assert model(image, ["high"])["high"].grad_fn is None


def test_one_trace_serves_every_size(model: KerasModel) -> None:
    for side in range(30, 40):
        gradient(model, picture(side, side + 7, batch=1 + side % 2), ("right",))
    assert [key for key in model._graphs if key[0] == "right" and "both" not in key] == [("right",)]


def test_graphs_kept_are_bounded(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverie.models.keras.model.MAX_CACHED_GRAPHS", 2)
    model = KerasModel(network, "tiny")
    for layer in ("low", "relu", "low", "pool"):
        model(picture(), [layer])
    assert list(model._graphs) == [("low",), ("pool",)]  # "relu" was unused the longest


def test_climbing_raises_the_score(model: KerasModel) -> None:
    image = picture()
    scores = []
    for _ in range(6):
        score, grad = gradient(model, image, ("both",))
        scores.append(score.item())
        image = (image + 0.01 * grad / grad.abs().mean()).clamp(0, 1)
    assert scores == sorted(scores)
    assert scores[-1] > 1.2 * scores[0]


def test_stops_below_what_is_not_asked_for(model: KerasModel) -> None:
    assert model(picture(9, 9), ["right"])["right"].shape == (1, 6, 1, 1)
    with pytest.raises(ImageTooSmall, match="9 x 11 pixels is too small for high of tiny"):
        model(picture(11, 9), ["low", "high"])
    with pytest.raises(ImageTooSmall):
        model(picture(2, 90).requires_grad_(), ["low"])


def test_unknown_layer_names_the_nearest(model: KerasModel) -> None:
    with pytest.raises(UnknownName, match="did you mean right"):
        model(picture(), ["rigth"])


def test_a_layer_that_cannot_be_read_is_said_to_be_none() -> None:
    start = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(start)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    model = KerasModel(keras.Model(start, keras.layers.Reshape((1, 1, 1, 4), name="deep")(x)), "small")
    for refused in (lambda: model(picture(), ["deep"]), lambda: gradient_of(model, objective("deep"))):
        with pytest.raises(
            UnknownLayer, match=r"deep of small is no image-like layer .it answers with 1x1x1x4 .* conv"
        ):
            refused()


def test_unless_told_the_end_of_a_block_is_dreamed_of(model: KerasModel) -> None:
    assert default_objective(load_keras(SMALL, "random")) == "block_11_add^2"
    assert model.strides == {"both": 4, "sum": 4}


@pytest.mark.parametrize("name", ["squeezenet", "torchvision:resnet18"])
def test_a_network_of_torch_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} is run by torch alone: .* inception_v3 or keras:NAME"):
        load_model(name, engine="tensorflow", weights="random")


@pytest.mark.parametrize("mode", ["tf", "caffe", "torch", "raw"])
def test_preprocessing_is_kerass_own(mode: str) -> None:
    start = keras.Input((None, None, 3))
    model = KerasModel(keras.Model(start, keras.layers.Identity(name="seen")(start)), "eye", mode)
    image = picture(batch=2)
    pixels = image.permute(0, 2, 3, 1).numpy() * 255
    wanted = pixels if mode == "raw" else keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode)
    np.testing.assert_allclose(model(image, ["seen"])["seen"].permute(0, 2, 3, 1), wanted, rtol=1e-5, atol=1e-4)


def test_unknown_preprocessing_and_fixed_size_are_refused() -> None:
    start = keras.Input((32, 32, 3))
    fixed = keras.Model(start, keras.layers.Conv2D(4, 3, name="conv")(start))
    with pytest.raises(UnknownName, match="cafe"):
        KerasModel(fixed, "fixed", "cafe")
    model = KerasModel(fixed, "fixed")
    assert model(picture(32, 32), ["conv"])["conv"].shape == (1, 4, 30, 30)
    assert model(picture(), ["conv"])["conv"].shape == (1, 4, 39, 51)  # convolutions have no size of their own


def test_a_seed_is_a_network() -> None:
    before = random.getstate()
    built = [keras_networks.build_keras_network(SMALL, "random", seed)[0] for seed in (1, 1, 2)]
    assert random.getstate() == before
    first, again, other = (KerasModel(network, SMALL, "tf") for network in built)
    assert first.digest == again.digest != other.digest
    assert first.layers == again.layers == other.layers  # Keras's counter does not run on from one to the next


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras", ".bin"])
def test_weights_come_back_from_a_file(tmp_path: Path, ending: str) -> None:
    network, _ = keras_networks.build_keras_network(SMALL, "random", seed=5)
    path = tmp_path / ("mine" + ending)
    if ending in (".h5", ".keras"):
        network.save(path)
    else:  # a name that says nothing about the layout
        network.save_weights(tmp_path / "mine.weights.h5")
        (tmp_path / "mine.weights.h5").rename(path)
    assert load_keras(SMALL, path).digest == KerasModel(network, SMALL).digest


def test_bad_weights_are_one_line(tmp_path: Path) -> None:
    network, _ = keras_networks.build_keras_network(SMALL, "random")
    network.save_weights(tmp_path / "whole.weights.h5")
    whole = (tmp_path / "whole.weights.h5").read_bytes()
    (tmp_path / "half.weights.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("not HDF5")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    for name in ("half.weights.h5", "text.h5", "other.weights.h5", "missing.h5"):
        with pytest.raises(WeightsError, match=name) as caught:
            load_keras(SMALL, tmp_path / name)
        assert "\n" not in str(caught.value)


def test_without_a_network_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        raise OSError("no such host")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", nobody)
    with pytest.raises(WeightsError, match="bundled network") as caught:
        load_keras("keras:MobileNet")
    line = str(caught.value)
    assert "mobilenet_1_0_224_tf.h5" in line
    assert str(tmp_path / "models") in line
    assert "\n" not in line


def test_a_network_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_network: SilentNetwork
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"could not be downloaded \(no network, or storage.googleapis.com"):
        load_keras(SMALL)
    assert silent_network.was_not_waited_for()


@pytest.mark.parametrize("name", ["keras:ResNet5", "ResNet50", "inception_v4"])
def test_unknown_network_names_the_nearest(name: str) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        load_keras(name, "random")


def test_says_nothing_keeps_calm_and_misses_by_name() -> None:
    code = "from reverie.models.keras.model import load_keras; load_keras('keras:MobileNetV2', 'random')"
    calm = "; import threading; assert 'torch, idle' in [thread.name for thread in threading.enumerate()]"
    done = subprocess.run(
        [sys.executable, "-c", "import torch; torch.set_num_threads(2); " + code + calm + "; import torch._dynamo"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""
    code = "import sys; sys.modules['tensorflow'] = None\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("needs the extra 'tensorflow': pip install 'reverie[tensorflow]'")


def test_digest_follows_the_weights(network: keras.Model) -> None:
    before = KerasModel(network, "tiny").digest
    weight = network.get_layer("high").weights[0]
    value = weight.numpy()
    weight.assign(value + 1)
    assert KerasModel(network, "tiny").digest != before
    weight.assign(value)
    assert KerasModel(network, "tiny").digest == before
