"""How long does one gradient step take, against the ways the field's other programs take it?

    python benchmarks/step.py [--pairs 5]

Every figure is the median of a fresh process; the two sides of a ratio are processes that ran one after the other,
turn by turn, and the ratio is the median over the pairs. Wants torchvision for the plain InceptionV3 and, for the
tutorial's loop, TensorFlow; what is not installed is left out, and said. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from machine import describe

SIZES = {"225x375": (225, 375), "512x512": (512, 512)}
QUESTIONS = [  # (what, ours, theirs, size, at least)
    ("inception_v3 mixed3 + mixed5, against TensorFlow's tutorial", "ours:inception_v3", "tensorflow", "225x375", 2.0),
    ("inception_v3 mixed3 + mixed5, against TensorFlow's tutorial", "ours:inception_v3", "tensorflow", "512x512", 2.0),
    ("inception_v3 mixed3 + mixed5, against plain PyTorch", "ours:inception_v3", "plain:inception_v3", "225x375", 2.7),
    ("inception_v3 mixed3 + mixed5, against plain PyTorch", "ours:inception_v3", "plain:inception_v3", "512x512", 2.7),
    ("squeezenet fire8^2, against plain PyTorch", "ours:squeezenet", "plain:squeezenet", "512x512", 7.0),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "SIZE"), help="time one way in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(ONE[given.one[0]](*SIZES[given.one[1]])))
        return
    print(describe("torchvision", "tensorflow"))
    for what, ours, theirs, size, least in QUESTIONS:
        compare(f"{what}, {size}", (ours, theirs), size, least, given.pairs)
    share_of_peak(given.pairs)


def compare(what: str, ways: tuple[str, str], size: str, least: float, pairs: int) -> None:
    times = [[alone(way, size) for way in ways] for _ in range(pairs)]
    ours, theirs = ([seconds for seconds in way if seconds is not None] for way in zip(*times, strict=True))
    if len(ours) < pairs or len(theirs) < pairs:
        print(f"{what}: left out, {ways[1]} is not installed")
        return
    ratio = statistics.median(their / our for our, their in zip(ours, theirs, strict=True))
    print(f"{what}: {spread(ours)} against {spread(theirs)}: {ratio:.2f}x (wanted: {least}x)")


def share_of_peak(pairs: int) -> None:
    """Both in fresh processes, turn by turn, as the ratios are."""
    ways = "ours:inception_v3", "matmul"
    measured = [[alone(way, "512x512") or math.nan for way in ways] for _ in range(pairs)]
    flops = alone("flops", "512x512") or math.nan
    shares = [flops / (seconds * peak) for seconds, peak in measured]
    peak = statistics.median(peak for _, peak in measured)
    share = statistics.median(shares)
    print(
        f"inception_v3 512x512: {flops / 1e9:.1f} GFLOP a step, bf16 matmul {peak / 1e9:.0f} GFLOP/s: {share:.0%} of it"
    )


def alone(way: str, size: str) -> float | None:
    """What one way takes in a process of its own; None where it is not installed."""
    done = subprocess.run([sys.executable, __file__, "--one", way, size], capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1]))


def spread(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms ({1000 * min(seconds):.1f} to {1000 * max(seconds):.1f})"


def timed(step: Callable[[], object], warm: int = 5, runs: int = 15) -> float:
    for _ in range(warm):
        step()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def ours(name: str, wish: str) -> Callable[[int, int], float]:
    def one(height: int, width: int) -> float:
        import torch

        import reverie as rv

        weights = None if name == "squeezenet" else "random"
        gradient = rv.gradient_of(rv.load_model(name, weights=weights), rv.objective(wish))
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        return timed(lambda: gradient(image))

    return one


def plain_inception(height: int, width: int) -> float:
    """The loop of the PyTorch tools: eager, NCHW, float32. Mixed_6a and Mixed_6c are Keras's mixed3 and mixed5."""
    import torch
    import torchvision

    network = torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=False).eval()
    network.requires_grad_(False)
    names = [name for name, _ in network.named_children()]
    below = [module for name, module in network.named_children() if names.index(name) <= names.index("Mixed_6c")]

    def step(image: torch.Tensor) -> torch.Tensor:
        planes = image = image.requires_grad_(True)
        means = []
        for name, module in zip(names, below, strict=False):
            planes = module(planes)
            if name in ("Mixed_6a", "Mixed_6c"):
                means.append(planes.mean())
        return torch.autograd.grad(sum(means), image)[0]

    image = torch.rand(1, 3, height, width) * 2 - 1
    return timed(lambda: step(image))


def plain_squeezenet(height: int, width: int) -> float:
    """The same as a plain module: eager, NCHW, float32, ReLU where the paper has it."""
    import torch
    import torchvision

    below = torchvision.models.squeezenet1_1(weights=None).eval().requires_grad_(False).features[:-1]  # up to fire8

    def step(image: torch.Tensor) -> torch.Tensor:
        image = image.requires_grad_(True)
        return torch.autograd.grad(below(image).square().mean(), image)[0]

    image = torch.rand(1, 3, height, width)
    return timed(lambda: step(image))


def tutorial(height: int, width: int) -> float:
    """As TensorFlow's tutorial computes it: the tape within a compiled function, a mean for each layer, their sum."""
    import tensorflow as tf

    base = tf.keras.applications.InceptionV3(include_top=False, weights=None)
    model = tf.keras.Model(base.input, [base.get_layer(name).output for name in ("mixed3", "mixed5")])

    @tf.function
    def step(image: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(image)
            score = tf.add_n([tf.reduce_mean(activations) for activations in model(image[None])])
        return tape.gradient(score, image)

    image = tf.random.uniform((height, width, 3), -1, 1)
    return timed(lambda: step(image).numpy())


def matmul(height: int, width: int) -> float:
    """The bf16 matrix product's floating point operations per second, at its best size."""
    import torch

    best = 0.0
    for side in (1024, 2048, 3072):
        a, b = torch.randn(side, side).bfloat16(), torch.randn(side, side).bfloat16()
        best = max(best, 2 * side**3 / timed(partial(torch.matmul, a, b), runs=9))
    return best


def flops(height: int, width: int) -> float:
    """The operations of a step: those of the convolutions, forward and back to the pixels, counted on plain modules."""
    import torch
    import torchvision
    from torch.utils.flop_counter import FlopCounterMode

    network = torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=False).eval()
    network.requires_grad_(False)
    image = torch.rand(1, 3, height, width, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        planes, means = image, []
        for name, module in network.named_children():
            planes = module(planes)
            if name in ("Mixed_6a", "Mixed_6c"):
                means.append(planes.mean())
            if name == "Mixed_6c":
                break
        sum(means).backward()
    return float(counter.get_total_flops())


ONE: dict[str, Callable[[int, int], float]] = {
    "ours:inception_v3": ours("inception_v3", "mixed3 + mixed5"),
    "ours:squeezenet": ours("squeezenet", "fire8^2"),
    "plain:inception_v3": plain_inception,
    "plain:squeezenet": plain_squeezenet,
    "tensorflow": tutorial,
    "matmul": matmul,
    "flops": flops,
}

if __name__ == "__main__":
    main()
