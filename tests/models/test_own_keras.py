"""Keras models of one's own: whatever their kind, they dream, or one line says what does."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor

import reverie as rv
from reverie.cli import main
from reverie.errors import SettingsError, SizeRefused, WeightsError, WordingError
from reverie.models.keras.engine import import_tensorflow
from reverie.models.keras.model import KerasModel
from reverie.models.keras.pictures import choose_preprocessing

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras saving with NumPy 2
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

tf = import_tensorflow()


def sequential() -> keras.Model:
    conv = layers.Conv2D(6, 3, strides=2, activation="relu", name="conv")
    head = [layers.GlobalAveragePooling2D(name="means"), layers.Dense(5, activation="softmax", name="classes")]
    return keras.Sequential([keras.Input((None, None, 3)), layers.Rescaling(1 / 255), conv, *head])


def nested() -> keras.Model:
    inner = [keras.Input((None, None, 3)), layers.Conv2D(6, 3, name="low"), layers.ReLU(name="relu")]
    base = keras.Sequential(inner, name="base")
    start = keras.Input((48, 48, 3))
    x = layers.Conv2D(4, 3, name="high")(base(start))
    return keras.Model(start, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))


def one_size() -> keras.Model:
    conv = layers.Conv2D(4, 3, strides=2, name="conv")
    return keras.Sequential([keras.Input((32, 32, 3)), conv, layers.Flatten(), layers.Dense(4, name="unit")])


def dense_alone() -> keras.Model:
    units = [layers.Dense(9, activation="relu", name="first"), layers.Dense(3, name="last")]
    return keras.Sequential([keras.Input((12, 12)), layers.Flatten(), *units])


def shared() -> keras.Model:
    conv, start = layers.Conv2D(3, 3, padding="same", activation="tanh", name="conv"), keras.Input((None, None, 3))
    return keras.Model(start, conv(conv(conv(start))))


def tokens() -> keras.Model:
    start = keras.Input((64, 64, 3))
    x = layers.Reshape((16, 8), name="tokens")(layers.Conv2D(8, 16, strides=16)(start))
    x = layers.Add(name="sum")([x, layers.MultiHeadAttention(2, 4, name="attention")(x, x)])
    return keras.Model(start, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


class Subclassed(keras.Model):  # type: ignore[misc]  # Keras has no types
    """A model that declares neither input nor graph, and reckons with the numbers of a shape."""

    def __init__(self, channels: int = 3, build: bool = True) -> None:
        super().__init__()
        self.stem = layers.Conv2D(6, 3, activation="relu", name="stem")
        self.head = layers.Dense(4, name="head")
        if build:
            self(tf.zeros((1, 40, 40, channels)))

    def call(self, x: Any) -> Any:
        x = self.stem(x)
        return self.head(keras.ops.mean(x[:, : 2 * (x.shape[1] // 2)], (1, 2)))


def mixed() -> keras.Model:
    policy = {"dtype": "mixed_float16"}
    body = [layers.Conv2D(6, 3, activation="relu", name="conv", **policy), layers.BatchNormalization(**policy)]
    return keras.Sequential([keras.Input((None, None, 3)), *body, layers.Conv2D(4, 3, name="high", **policy)])


def gray() -> keras.Model:
    return keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(6, 3, name="conv")])


def picture(height: int = 41, width: int = 53) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(0))


def grad_of(model: KerasModel, layer: str, image: Tensor) -> Tensor:
    image = image.clone().requires_grad_()
    (grad,) = torch.autograd.grad(model(image, [layer])[layer].square().mean(), image)
    return grad


EVERY_KIND: list[Callable[[], keras.Model]]
EVERY_KIND = [sequential, nested, one_size, dense_alone, shared, tokens, Subclassed, mixed, gray]


@pytest.mark.parametrize("make", EVERY_KIND)
def test_every_layer_of_every_kind_can_be_dreamed(make: Callable[[], keras.Model]) -> None:
    model = rv.wrap(make())
    size = model._found.size
    assert isinstance(model, KerasModel)
    for layer in model.layers:
        assert model(picture(*size), [layer])[layer].ndim == 4
        assert grad_of(model, layer, picture(*size)).abs().max() > 0, layer


def test_layers_within_a_model_are_called_by_both_names() -> None:
    network = nested()
    model = rv.wrap(network)
    assert model.layers[:4] == ("base/low", "base/relu", "base", "high")
    own = network.get_layer("base")(picture().permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(model(picture(), ["base/relu"])["base/relu"].permute(0, 2, 3, 1), own, atol=1e-5)
    with pytest.raises(ValueError, match="incompatible"):
        network(picture().permute(0, 2, 3, 1).numpy())


def test_a_layer_called_again_answers_by_its_call() -> None:
    network = shared()
    model, image = rv.wrap(network), picture()
    assert model.layers == ("conv", "conv.2", "conv.3")
    x = image.permute(0, 2, 3, 1).numpy()
    for layer in model.layers:
        x = network.get_layer("conv")(x)
        np.testing.assert_allclose(model(image, [layer])[layer].permute(0, 2, 3, 1), x, atol=1e-5)


def test_logits_come_before_the_softmax_and_climb_a_class() -> None:
    network = sequential()
    model, image = rv.wrap(network), picture()
    assert (model.classes, model.class_count, model.layers[-1]) == ("logits", 5, "logits")
    own = network(image.permute(0, 2, 3, 1).numpy() * 255)
    np.testing.assert_allclose(model.logits(image).softmax(1), own, atol=1e-5)
    score, grad = rv.gradient_of(model, rv.objective("class:3"))(image)
    assert score.item() == pytest.approx(model.logits(image)[0, 3].item(), rel=1e-4)
    better, _ = rv.gradient_of(model, rv.objective("class:3"))((image + 0.01 * grad / grad.abs().mean()).clamp(0, 1))
    assert better > score
    with pytest.raises(WordingError, match="5 classes without names"):
        rv.gradient_of(model, rv.objective("class:espresso"))
    named = KerasModel(network, "scenes", class_names=["beach", "forest", "street", "kitchen", "sky"])
    assert rv.gradient_of(named, rv.objective("class:kitchen"))(image)[0].item() == pytest.approx(
        score.item(), rel=1e-4
    )
    with pytest.raises(SettingsError, match="holds 1 names, and scenes has 5 classes"):
        KerasModel(network, "scenes", class_names=["beach"])


def test_a_size_binds_only_the_layers_that_need_it() -> None:
    model = rv.wrap(one_size(), name="small")
    assert model(picture(), ["conv"])["conv"].shape == (1, 4, 20, 26)
    with pytest.raises(
        SizeRefused, match="small does not take a picture of 53 x 41 pixels: it takes 32 x 32"
    ) as refused:
        model(picture(), ["unit"])
    assert refused.value.size == (32, 32)
    assert model.accepted_sizes == rv.AcceptedSizes((32, 32))
    assert model(picture(32, 32), ["unit", "conv"])["unit"].shape == (1, 4, 1, 1)


def test_many_networks_are_loaded_without_a_warning() -> None:
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("tensorflow").addHandler(handler)
    try:
        for _ in range(7):
            grad_of(rv.wrap(gray()), "conv", picture())
    finally:
        logging.getLogger("tensorflow").removeHandler(handler)
    assert said == []  # TensorFlow suspected functions of being traced again and again


def test_mixed_precision_dreams_in_float32() -> None:
    network = mixed()
    model, image = rv.wrap(network), picture()
    single = keras.models.clone_model(
        network, clone_function=lambda layer: type(layer).from_config(layer.get_config() | {"dtype": "float32"})
    )
    single.set_weights(network.get_weights())
    torch.testing.assert_close(grad_of(model, "high", image), grad_of(rv.wrap(single), "high", image))
    assert network.get_layer("conv").compute_dtype == "float16"  # as it was


def test_a_gray_model_sees_the_luminance() -> None:
    model, image = rv.wrap(gray()), picture()
    luminance = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True).expand(1, 3, -1, -1)
    torch.testing.assert_close(model(image, ["conv"])["conv"], model(luminance, ["conv"])["conv"])


FED = {
    "raw": [layers.Rescaling(1 / 127.5, offset=-1)],
    "unit": [layers.Rescaling(255.0)],
    "tf": [],
}


@pytest.mark.parametrize("mode", FED)
def test_what_a_model_is_fed_is_seen_from_what_it_does(mode: str) -> None:
    named = {"tf": "mobilenetv2"}.get(mode, "mine")
    network = keras.Sequential([keras.Input((None, None, 3)), *FED[mode], layers.Conv2D(2, 1, name="conv")], name=named)
    model, image = rv.wrap(network), picture()
    assert model.fed == mode
    scale, shift = {"raw": (255.0, 0.0), "unit": (1.0, 0.0), "tf": (2.0, -1.0)}[mode]
    own = network(image.permute(0, 2, 3, 1).numpy() * scale + shift)
    np.testing.assert_allclose(model(image, ["conv"])["conv"].permute(0, 2, 3, 1), own, rtol=1e-4, atol=1e-4)


def test_what_is_known_of_the_families_of_keras() -> None:
    names = {"resnet50": "caffe", "resnet50v2": "tf", "inception_resnet_v2": "tf", "vgg16": "caffe", "mine": "unit"}
    assert {name: choose_preprocessing((0.0, 255.0), [name]) for name in names} == names
    assert choose_preprocessing((-123.7, 151.1), ["resnet50"]) == "raw"  # it subtracts the mean by itself


def test_mean_and_std_say_what_it_is_fed() -> None:
    network, image = gray(), picture()
    model = rv.wrap(network, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    plain = rv.wrap(network)
    luminance = (image - 0.5) / 0.25
    torch.testing.assert_close(model(image, ["conv"])["conv"], plain(luminance, ["conv"])["conv"], atol=1e-4, rtol=1e-4)
    with pytest.raises(SettingsError, match="a mean alone"):
        rv.wrap(network, mean=[0.5])
    with pytest.raises(SettingsError, match="expected three numbers each"):
        rv.wrap(network, mean=[0.5, 0.5], std=[1, 1])


def two_inputs() -> keras.Model:
    image, meta = keras.Input((32, 32, 3), name="image"), keras.Input((5,), name="meta")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    return keras.Model([image, meta], layers.Dense(2)(layers.Concatenate()([x, meta])))


def channels_first() -> keras.Model:
    return keras.Sequential([keras.Input((3, 16, 16)), layers.Conv2D(2, 3, data_format="channels_first")])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "two inputs": (two_inputs, "takes 2 inputs .image, meta., and a dream has one picture"),
    "four channels": (lambda: keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(2, 3)]), "any x any x 4"),
    "numbers": (lambda: keras.Sequential([keras.Input((784,)), layers.Dense(2)]), "takes 784 numbers, .* Flatten"),
    "not built": (lambda: Subclassed(build=False), "has no weights yet"),
    "channels first": (channels_first, "channels first, which TensorFlow does on a GPU alone"),
    "a layer": (lambda: layers.Dense(2), "is a layer, .* keras.Sequential"),
    "empty": (lambda: keras.Model(start := keras.Input((8, 8, 3)), start), "no layer"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_dream_is_told_in_a_line(kind: str) -> None:
    make, line = REFUSED[kind]
    with pytest.raises(SettingsError, match=line) as caught:
        rv.wrap(make())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_is_a_network_like_any_other(ending: str, tmp_path: Path) -> None:
    network, path = sequential(), tmp_path / f"mine{ending}"
    network.save(path)
    model, image = rv.load_model(str(path)), picture()
    torch.testing.assert_close(model(image, ["conv"])["conv"], rv.wrap(network)(image, ["conv"])["conv"])
    assert (model.name, model.digest) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    sky = tmp_path / "sky.png"
    rv.save_image(image, sky)
    dream = tmp_path / "dream.png"
    said = [
        "-o",
        str(dream),
        "--model",
        str(path),
        "--objective",
        "conv^2",
        "--steps",
        "2",
        "--octaves",
        "1",
        "--quiet",
    ]
    assert main(["dream", str(sky), *map(str, said)]) == 0
    assert main(["run", str(dream), "-o", str(tmp_path / "again.png"), "--quiet"]) == 0
    assert torch.equal(rv.open_image(dream), rv.open_image(tmp_path / "again.png"))


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Lambda(lambda x: x / 2, name="half"), layers.Conv2D(2, 3)]
    )
    for ending in (".keras", ".h5"):
        path = tmp_path / f"code{ending}"
        network.save(path)
        with pytest.raises(WeightsError, match="holds Python code, the Lambda layer half, which is not run"):
            rv.load_model(str(path))


def test_files_that_are_no_models_are_told_in_a_line(tmp_path: Path) -> None:
    sequential().save_weights(tmp_path / "alone.weights.h5")
    (tmp_path / "junk.keras").write_text("junk")
    Subclassed().save(tmp_path / "class.keras")
    lines = {
        "alone.weights.h5": "holds weights alone",
        "junk.keras": "is no Keras model",
        "no.keras": "there is no Keras",
    }
    lines["class.keras"] = "needs the code of Subclassed, which is not in it"
    for name, line in lines.items():
        with pytest.raises(WeightsError, match=line) as caught:
            rv.load_model(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError, match="weights of its own"):
        rv.load_model("mine.keras", weights="random")
