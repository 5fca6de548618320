"""The oracle: Keras's own InceptionV3 writes its weights in both of its layouts, and ours does what it does."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reverie.models.networks.inception_v3 import InceptionV3
from reverie.models.weights import read_weights

pytestmark = pytest.mark.tensorflow
MIXED = [f"mixed{i}" for i in range(11)]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Keras's network with weights of chance, its files, and what TensorFlow says about one picture."""
    folder = tmp_path_factory.mktemp("keras")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages
        import keras
        import tensorflow as tf

        keras.layers.Conv2D(
            1, 1
        )  # a session has made other layers before: Keras's own numbers are no longer the file's
        model = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(None, None, 3))
        shake(model, np.random.default_rng(11))
        image = np.random.default_rng(12).uniform(-1, 1, (1, 139, 171, 3)).astype(np.float32)
        layers = keras.Model(model.inputs, [model.get_layer(name).output for name in MIXED])
        at = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(at)
            found = dict(zip(MIXED, layers(at, training=False), strict=True))
            score = tf.reduce_mean(found["mixed3"]) + tf.reduce_mean(found["mixed5"])
        grad = tape.gradient(score, at).numpy()
        write_legacy(model, folder / "net.h5")
        model.save_weights(folder / "net.weights.h5")
        return SimpleNamespace(
            folder=folder,
            image=first_channels(image),
            layers={name: first_channels(tensor.numpy()) for name, tensor in found.items()},
            score=float(score),
            trainable=count(model.trainable_weights),
            fixed=count(model.non_trainable_weights),
            grad=first_channels(grad),
        )


def first_channels(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def count(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def shake(model: Any, rng: np.random.Generator) -> None:
    """Every weight by chance, the moving statistics too: kernels after He, batch norms near rest."""
    for layer in model.layers:
        weights = layer.get_weights()
        if len(weights) == 1:
            spread = np.sqrt(2 / np.prod(weights[0].shape[:3]))
            layer.set_weights([rng.normal(0, spread, weights[0].shape)])
        elif len(weights) == 3:
            beta, mean = rng.normal(0, 0.1, (2, *weights[0].shape))
            layer.set_weights([beta, mean, rng.uniform(0.5, 1.5, weights[0].shape)])


def write_legacy(model: Any, path: Path) -> None:
    """As the published file is laid out: see Keras's legacy_h5_format."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


@pytest.fixture(scope="module", params=["net.h5", "net.weights.h5"])
def network(request: pytest.FixtureRequest, oracle: SimpleNamespace) -> InceptionV3:
    weights = read_weights(oracle.folder / request.param)
    return InceptionV3.from_weights(weights).to(memory_format=torch.channels_last)


def test_every_mixed_layer_agrees(network: InceptionV3, oracle: SimpleNamespace) -> None:
    for _ in range(2):  # with plain weights, then with packed ones
        found = network(oracle.image, MIXED)
        for name in MIXED:
            theirs = oracle.layers[name]
            assert found[name].shape == theirs.shape
            assert (found[name] - theirs).abs().max() < 1e-4 * theirs.abs().max(), name
            assert (found[name] - theirs).norm() < 1e-4 * theirs.norm(), name


def test_score_and_gradient_agree(network: InceptionV3, oracle: SimpleNamespace) -> None:
    image = oracle.image.clone().requires_grad_(True)
    for _ in range(2):
        found = network(image, ["mixed3", "mixed5"])
        score = found["mixed3"].mean() + found["mixed5"].mean()
        (grad,) = torch.autograd.grad(score, image)
        assert abs(score.item() - oracle.score) < 1e-5 * oracle.score
        assert F.cosine_similarity(grad.flatten(), oracle.grad.flatten(), 0) > 0.9999
        assert abs(grad.norm() / oracle.grad.norm() - 1) < 1e-3


def test_parameters_agree(network: InceptionV3, oracle: SimpleNamespace) -> None:
    ours = [sum(numbers) for numbers in zip(*network.block_parameters.values(), strict=True)]
    assert ours == [oracle.trainable, oracle.fixed]
