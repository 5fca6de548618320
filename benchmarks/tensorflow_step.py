"""What a gradient step costs through the TensorFlow engine, against TensorFlow's own loop.

InceptionV3, mixed3 + mixed5, forward and backward to the pixels. The loop is the TensorFlow tutorial's: one
`tf.function` with the tape inside. Both run in one process, A B A B. Printed: medians, spread, ratio; target 1.15.
`--dream` adds what a dream does around a step (jitter, blur, normalization, clamp) with torch on both sides' pictures.

    python benchmarks/tensorflow_step.py [--rounds 25] [--dream]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from reverie.models.keras.model import load_keras

LAYERS = ("mixed3", "mixed5")
SIZES = ((225, 375), (512, 512))


def engine_step() -> Callable[[Tensor], Tensor]:
    model = load_keras("inception_v3", "random", seed=1)

    def step(image: Tensor) -> Tensor:
        image = image.detach().requires_grad_()
        answers = model(image, LAYERS)
        score = sum((answers[layer].mean((1, 2, 3)) for layer in LAYERS), torch.zeros(len(image)))
        return torch.autograd.grad(score.sum(), image)[0]

    return step


def tutorial_step() -> Callable[[Tensor], Tensor]:
    import keras
    import tensorflow as tf

    network = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(None, None, 3))
    part = keras.Model(network.input, [network.get_layer(layer).output for layer in LAYERS])

    @tf.function
    def graph(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            score = sum(tf.reduce_mean(answer) for answer in part(image * 2.0 - 1.0))
        return score, tape.gradient(score, image)

    def step(image: Tensor) -> Tensor:
        _, grad = graph(tf.constant(image.permute(0, 2, 3, 1).numpy()))
        return torch.from_numpy(grad.numpy()).permute(0, 3, 1, 2)

    return step


def dreaming(step: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The step with a dream's own work around it."""
    blur = torch.full((3, 1, 5, 5), 1 / 25)

    def around(image: Tensor) -> Tensor:
        grad = step(image.roll((7, -5), (2, 3))).roll((-7, 5), (2, 3)).contiguous()
        low = torch.nn.functional.conv2d(grad, blur, padding=2, groups=3)
        grad = (grad - low) / (grad - low).std() + low / low.std()
        return (image + 0.01 * grad / grad.abs().mean()).clamp(0, 1)

    return around


def compare(steps: dict[str, Callable[[Tensor], Tensor]], image: Tensor, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 3):
        for name, step in steps.items():
            start = time.perf_counter()
            step(image)
            if number >= 3:  # the first ones trace and allocate
                times[name].append(1000 * (time.perf_counter() - start))
    height, width = image.shape[2:]
    print(f"\n{height} x {width}")
    for name, taken in times.items():
        low, median, high = statistics.quantiles(taken, n=4)
        print(f"  {name:12} {median:7.1f} ms   quartiles {low:.1f} to {high:.1f}, best {min(taken):.1f}")
    ours, theirs = times.values()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(f"  ratio of medians {statistics.median(ours) / statistics.median(theirs):.2f}", end="")
    print(f", median of ratios {statistics.median(ratios):.2f}, ratio of bests {min(ours) / min(theirs):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--dream", action="store_true")
    options = parser.parse_args()
    steps = {"engine": engine_step(), "tutorial": tutorial_step()}
    import keras
    import tensorflow as tf

    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}", end=", ")
    print(f"torch {torch.__version__} with {torch.get_num_threads()} threads")
    if options.dream:
        steps = {name: dreaming(step) for name, step in steps.items()}
    for size in SIZES:
        compare(steps, torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0)), options.rounds)


if __name__ == "__main__":
    main()
