"""What does a whole dream cost beside its gradient steps, and what does bfloat16 cost it?

    python benchmarks/dream.py [--size 1000] [--runs 5] [--seeds 6]

The first: the default dream of the example at about a megapixel, against the bare gradient of every one of its steps,
the two by turns in one process. Wanted: at most 1.10. The second: dreams in bfloat16 and in float32 from the same
photograph and seed, both scored in float32 at the end; the sum over the seeds, since a single long dream is chaotic.
Wanted: at least 0.98.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from machine import describe

import reverie as rv
from reverie.ascent.octaves import octave_sizes
from reverie.image.resample import image_size, resize, resize_longest_side
from reverie.recipe.inputs import EXAMPLE, input_path

WISH = "fire8^2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=6)
    given = parser.parse_args()
    print(describe())
    image = rv.open_image(input_path(EXAMPLE))
    against_its_steps(resize_longest_side(image, given.size), given.runs)
    if given.seeds:
        in_bfloat16(resize_longest_side(image, 256), given.seeds)


def against_its_steps(image: torch.Tensor, runs: int) -> None:
    model, settings = rv.load_model("squeezenet"), rv.Settings()
    gradient = rv.gradient_of(model, rv.objective(WISH))
    octaves = [resize(image, size).clamp(0, 1) for size in octave_sizes(image_size(image), None, settings.octave_scale)]

    def steps() -> None:
        for octave in octaves:
            for _ in range(settings.steps):
                gradient(octave)

    steps()
    pairs = [(timed(lambda: rv.dream(image, model, WISH, settings)), timed(steps)) for _ in range(runs)]
    whole, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [one / other for one, other in pairs]
    size = f"{image.shape[3]} x {image.shape[2]}, {len(octaves)} octaves of {settings.steps} steps"
    print(f"{size}: a dream {whole:.2f} s, its gradients alone {bare:.2f} s: {statistics.median(ratios):.2f}x")
    print(f"  ({min(ratios):.2f} to {max(ratios):.2f}; wanted: at most 1.10x)")


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def in_bfloat16(image: torch.Tensor, seeds: int) -> None:
    exact = rv.load_model("squeezenet", precision="float32")
    models = {"bfloat16": rv.load_model("squeezenet", precision="bfloat16"), "float32": exact}
    score = rv.gradient_of(exact, rv.objective(WISH))
    reached = dict.fromkeys(models, 0.0)
    for seed in range(seeds):
        for name, model in models.items():
            reached[name] += float(score(rv.dream(image, model, WISH, rv.Settings(seed=seed)))[0])
    share = reached["bfloat16"] / reached["float32"]
    print(f"{seeds} dreams in bfloat16 reach {share:.3f} of the score of the same in float32 (wanted: at least 0.98)")


if __name__ == "__main__":
    main()
