"""The preset `paper` is the run of the paper: step for step what its few lines of TensorFlow do, at all five sizes."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reverie as rv
from reverie.recipe.presets import find_preset

pytestmark = pytest.mark.tensorflow

PAPER = find_preset("paper")
WISH = PAPER.objectives["inception_v3"]
SIZE = (80, 112)
STEPS = 3


@dataclass(frozen=True)
class PaperRun:
    """What the paper's code prints and shows: losses by size and step, the picture after each; the first gradient."""

    losses: list[list[float]]
    pictures: list[np.ndarray]
    grad: np.ndarray


def run_paper(network: Any, photo: np.ndarray, steps: int, sizes: int = 5) -> PaperRun:
    """The paper's run in plain TensorFlow and nothing of ours, of a photo (h, w, 3) in bytes."""
    import keras
    import tensorflow as tf

    cut = keras.Model(network.input, [network.get_layer(name).output for name in ("mixed3", "mixed5")])

    def climb_once(image: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum([tf.reduce_mean(activations) for activations in cut(tf.expand_dims(image, 0))])
        grad = tape.gradient(loss, image)
        return loss, grad, tf.clip_by_value(image + grad / tf.math.reduce_std(grad) * 0.001, -1, 1)

    image, base = photo, tf.cast(tf.shape(photo)[:-1], tf.float32)
    climb = tf.function(climb_once, input_signature=[tf.TensorSpec((None, None, 3))])
    losses: list[list[float]] = []
    pictures: list[np.ndarray] = []
    grads: list[np.ndarray] = []
    for number in range(sizes):
        image = tf.image.resize(image, tf.cast(base * 1.3**number, tf.int32))
        image, seen = keras.applications.inception_v3.preprocess_input(image), []
        for _ in range(steps):
            loss, grad, image = climb(image)
            seen.append(float(loss))
            grads = grads or [grad.numpy()]
        image = tf.cast(255 * (image + 1.0) / 2.0, tf.uint8).numpy()
        losses.append(seen)
        pictures.append(image)
    return PaperRun(losses, pictures, grads[0])


def run_ours(model: Any, photo: np.ndarray, **changed: Any) -> tuple[list[list[float]], list[torch.Tensor]]:
    """The preset's scores by size and step, and the picture after each size."""
    settings = rv.Settings.of({**PAPER.settings, "size": None, **changed})
    image = rv.open_image(photo)
    scores: dict[int, list[float]] = {}
    pictures: dict[int, torch.Tensor] = {}
    for step in rv.dream_steps(image, rv.dream_gradient(model, WISH, settings), settings):
        scores.setdefault(step.octave, []).append(float(step.score))
        pictures[step.octave] = step.image
    return list(scores.values()), list(pictures.values())


def draw_network(folder: Path) -> tuple[Any, Path]:
    """InceptionV3 without its top, its weights drawn by Keras, and their file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages
        import keras

        keras.utils.set_random_seed(3)
        network = keras.applications.InceptionV3(include_top=False, weights=None)
        path = folder / "drawn.weights.h5"
        network.save_weights(path)
    return network, path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return draw_network(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    image = rv.open_image(Path(rv.__file__).parent / "data" / "astronaut.jpg")[0, :, 60:140, 160:272]
    return (image.permute(1, 2, 0) * 255).round().byte().numpy()


@pytest.fixture(scope="module")
def paper(drawn: tuple[Any, Path], photo: np.ndarray) -> PaperRun:
    return run_paper(drawn[0], photo, STEPS)


@pytest.fixture(scope="module", params=["torch", "tensorflow"])
def model(request: pytest.FixtureRequest, drawn: tuple[Any, Path]) -> Any:
    return rv.load_model("inception_v3", weights=drawn[1], engine=request.param, precision="float32", device="cpu")


def test_the_scores_are_the_papers_losses_at_every_step_of_all_five_sizes(
    model: Any, paper: PaperRun, photo: np.ndarray
) -> None:
    scores, pictures = run_ours(model, photo, steps=STEPS)
    assert np.shape(scores) == np.shape(paper.losses) == (5, STEPS)
    assert scores[0] == pytest.approx(paper.losses[0], rel=1e-4)
    # Cut to 8 bits between two sizes, what differs by a rounding differs by a whole shade here and there.
    assert np.array(scores) == pytest.approx(np.array(paper.losses), rel=1e-3)
    for ours, theirs in zip(pictures, paper.pictures, strict=True):
        assert tuple(ours.shape[2:]) == theirs.shape[:2]
        apart = abs(ours[0].permute(1, 2, 0).numpy() * 255 - theirs)
        assert apart.mean() < 0.6  # theirs is cut down to whole shades, which takes half of one on average


def test_the_first_gradient_is_the_papers(model: Any, paper: PaperRun, photo: np.ndarray) -> None:
    _, grad = rv.gradient_of(model, rv.objective(WISH))(rv.open_image(photo))
    theirs = torch.from_numpy(paper.grad).permute(2, 0, 1)[None].double()
    assert float(torch.cosine_similarity(grad.double().flatten(), theirs.flatten(), dim=0, eps=0)) > 0.9999


def test_the_five_sizes_are_those_of_the_paper() -> None:
    from reverie.ascent.octaves import plan_octaves

    settings = rv.Settings.of(PAPER.settings)
    assert settings.size == "225x375"
    assert plan_octaves((225, 375), settings) == [(225, 375), (292, 487), (380, 633), (494, 823), (642, 1071)]
