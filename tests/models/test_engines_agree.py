"""The paper's network in torch, in TensorFlow as a model, and in a plain TensorFlow loop: one and the same dream."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import reverie as rv

pytestmark = pytest.mark.tensorflow

LAYERS = ("mixed0", "mixed3")
STEPS = 20
SHORT = 10
STEP_SIZE = 0.005


@pytest.fixture(scope="module")
def engines() -> tuple[Any, Any]:
    how: dict[str, Any] = {"weights": "random", "seed": 1, "precision": "float32"}
    return rv.load_model("inception_v3", **how), rv.load_model("inception_v3", engine="tensorflow", **how)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return rv.open_image(Path(rv.__file__).parent / "data" / "astronaut.jpg")[..., 100:220, 140:280]


def scores_of(model: Any, image: torch.Tensor) -> tuple[list[float], torch.Tensor]:
    gradient = rv.normalized(rv.gradient_of(model, rv.layer("mixed0") + rv.layer("mixed3")))
    steps = list(rv.ascend(image, gradient, STEPS, STEP_SIZE))
    return [float(step.score) for step in steps], steps[-1].image


def plain_loop(network: Any, image: torch.Tensor) -> list[float]:
    """As TensorFlow's tutorial has it: means of the layers, their sum, the gradient by its deviation, a clip."""
    import keras
    import tensorflow as tf

    cut = keras.Model(network.inputs, [network.get_layer(name).output for name in LAYERS])
    picture = tf.convert_to_tensor(image.permute(0, 2, 3, 1).numpy() * 2 - 1)
    scores = []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            score = tf.add_n([tf.reduce_mean(activations) for activations in cut(picture)])
        grad = tape.gradient(score, picture)
        grad /= tf.math.reduce_std(grad) + 1e-8
        picture = tf.clip_by_value(picture + 2 * STEP_SIZE * grad, -1, 1)
        scores.append(float(score))
    return scores


def test_engines_know_the_same_weights_by_one_digest(engines: tuple[Any, Any]) -> None:
    ours, theirs = engines
    assert ours.digest == theirs.digest
    assert sum(map(sum, ours.parameters.values())) == sum(map(sum, theirs.parameters.values())) == 21_802_784


def test_engines_have_one_list_of_layers_with_the_same_activations(
    engines: tuple[Any, Any], image: torch.Tensor
) -> None:
    ours, theirs = engines
    assert ours.layers == theirs.layers and ours.main_layers == theirs.main_layers and ours.aliases == theirs.aliases
    asked = [*ours.layers, "activation", "mixed5/branch7x7", "mixed9/branch3x3", "conv1_pre"]
    found, other = (model(image[..., :91, :99], asked) for model in engines)
    assert list(found) == list(other) == asked
    for name in asked:
        assert found[name].shape == other[name].shape, name
        assert float((found[name] - other[name]).norm() / other[name].norm()) < 1e-4, name


def test_every_name_of_keras_is_known(engines: tuple[Any, Any]) -> None:
    import keras

    keras.layers.Conv2D(3, 3)  # what was built before in the process changes no number
    with ThreadPoolExecutor(1) as fresh:  # Keras counts layers for each thread
        build = partial(keras.applications.InceptionV3, include_top=False, weights=None)
        names = [layer.name for layer in fresh.submit(build).result().layers[1:]]
    for model in engines:
        assert {model.aliases.get(name, name) for name in names} <= set(model.layers)


def test_twenty_steps_come_to_nearly_the_same_picture(engines: tuple[Any, Any], image: torch.Tensor) -> None:
    (ours, picture), (theirs, other) = (scores_of(model, image) for model in engines)
    assert ours[:SHORT] == pytest.approx(theirs[:SHORT], rel=1e-3)
    # Rounding flips a few ReLUs, and each step builds on the one before: the changes agree, not their last digits.
    assert float((picture - other).abs().mean()) < 2 / 255
    assert float(torch.cosine_similarity((picture - image).flatten(), (other - image).flatten(), dim=0)) > 0.95


def test_scores_are_those_of_a_plain_tensorflow_loop(engines: tuple[Any, Any], image: torch.Tensor) -> None:
    ours, _ = scores_of(engines[0], image)
    plain = plain_loop(engines[1]._network, image)
    # Dreams are chaotic: a rounding apart at first, the scores part by about a fifth more with each step.
    assert ours[:SHORT] == pytest.approx(plain[:SHORT], rel=1e-3)
    assert plain[-1] > plain[0]
